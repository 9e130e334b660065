use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use dotted::replication::Rebalancer;
use dotted::{
    Applied, ByName, Checkpoint, DecodeError, Delta, Dot, Edit, Limits, Mut, Store, StoreBody, Timestamp,
    VersionVector, Writer, WriterRecord,
};
use uuid::Uuid;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::failure::Failure;
use crate::holder::Holder;
use crate::member::Tickets;
use crate::wire::{In, Out};
use crate::{changes, member, read, settle, write};

/// What the clock of a document's writers shows, in milliseconds. Every write brings its time along.
#[derive(Clone, Default)]
pub(crate) struct Clock(Arc<AtomicU64>);

impl Clock {
    fn set(&self, now: f64) {
        self.0.store(now as u64, Ordering::Relaxed);
    }

    fn read(self) -> impl FnMut() -> Timestamp + Send + Sync + 'static {
        move || Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }

    /// A writer with this id and this clock.
    pub(crate) fn writer(&self, uuid: Uuid) -> Writer {
        Writer::with_clock(uuid, self.clone().read())
    }
}

/// A group that spans several calls: where the writer was, and what was written last.
struct Group {
    before: Checkpoint,
    last: Option<Dot>,
}

/// A store with its writer, which may be a member of a group.
#[wasm_bindgen]
pub struct Document {
    pub(crate) holder: Holder,
    pub(crate) clock: Clock,
    /// What is taken in from others.
    pub(crate) limits: Limits,
    groups: Vec<Group>,
    /// Whether local writes are fetched.
    sends: bool,
    /// The version before the first local write that was not fetched yet. Only then a copy is made: what is taken in
    /// costs nothing for it.
    before: Option<VersionVector>,
    /// The last event that was written here.
    pub(crate) last: Option<Dot>,
    pub(crate) tickets: Tickets,
    /// What moves rights of bounded counters, where a member is asked to.
    pub(crate) rebalancer: Option<Box<Rebalancer>>,
}

impl Document {
    pub(crate) fn store(&self) -> Result<&Store, Failure> {
        self.holder.store()
    }

    /// Something may be written here.
    pub(crate) fn will_write(&mut self) -> Result<(), Failure> {
        if self.sends && self.before.is_none() {
            self.before = Some(self.store()?.version().clone());
        }
        Ok(())
    }

    /// Writes a group, and notes its last event.
    pub(crate) fn edit<R>(
        &mut self,
        write: impl for<'e> FnOnce(Mut<'e, ByName>, &mut Edit<'e>) -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        let (mut write, mut result) = (Some(write), Err(Failure::ARGUMENT));
        self.edit_dyn(&mut |store, edit| {
            if let Some(write) = write.take() {
                result = write(store, edit);
            }
        })?;
        result
    }

    /// As `edit`, compiled once.
    fn edit_dyn(&mut self, write: &mut dyn for<'e> FnMut(Mut<'e, ByName>, &mut Edit<'e>)) -> Result<(), Failure> {
        let last = &mut self.last;
        self.holder.update(|live, writer| {
            live.edit(writer, &mut |store, edit| {
                write(store, edit);
                *last = edit.last().or(*last);
            });
            Ok(())
        })
    }

    /// What was taken in is not a local change.
    pub(crate) fn took_in(&mut self) {
        self.before = None;
    }

    fn apply_bytes(&mut self, bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, Failure> {
        let taken = match Delta::<StoreBody>::decode(bytes, limits) {
            Ok(delta) => {
                let mut delta = Some(delta);
                self.holder.update(|live, _| Ok(delta.take().map(|delta| live.apply(delta, limits)).transpose()?))
            }
            Err(DecodeError::WrongKind) => {
                let state = Store::decode(bytes, limits)?;
                self.holder.update(|live, _| Ok(Some(live.merge(&state, limits)?)))
            }
            Err(error) => Err(error.into()),
        };
        Ok(self.took(taken?.unwrap_or_default()))
    }

    fn took(&mut self, applied: Applied) -> Vec<u8> {
        self.took_in();
        let mut out = Out::default();
        out.number(applied.events);
        out.number(applied.keys as u64);
        out.finish()
    }

    fn delta_since(&self, known: &VersionVector) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        self.store()?.encode_delta_since(known, &mut bytes);
        Ok(bytes)
    }
}

#[wasm_bindgen]
impl Document {
    /// An empty store, written under this UUID: 16 bytes, random, and never used before.
    #[wasm_bindgen(constructor)]
    pub fn new(uuid: &[u8]) -> Result<Document, JsValue> {
        let uuid = Uuid::from_slice(uuid).map_err(|_| Failure::ARGUMENT)?;
        let clock = Clock::default();
        Ok(Self {
            holder: Holder::Plain(Box::default(), clock.writer(uuid)),
            clock,
            limits: Limits::default(),
            groups: Vec::new(),
            sends: false,
            before: None,
            last: None,
            tickets: Tickets::default(),
            rebalancer: None,
        })
    }

    /// Sets what is taken in from others, in the order of `ts/store.ts`.
    pub fn limit(&mut self, arguments: &[u8]) -> Result<(), JsValue> {
        let Limits { bytes, writers, events, names, .. } = &mut self.limits;
        let mut input = In::new(arguments);
        [bytes, writers, events, names].into_iter().try_for_each(|field| member::set(&mut input, field, usize::MAX))?;
        Ok(())
    }

    /// Begins with a state, exactly as it was, instead of an empty store.
    pub fn begin(&mut self, state: &[u8]) -> Result<(), JsValue> {
        let state = Store::decode(state, &self.limits).map_err(Failure::from)?;
        match &mut self.holder {
            Holder::Plain(store, _) if store.version().is_empty() => {
                **store = state;
                Ok(())
            }
            _ => Err(Failure::new("invalid-argument", "something is known already").into()),
        }
    }

    /// Goes on with the writer of a record, in a store to which nothing was written yet.
    pub fn resume(&mut self, record: &[u8]) -> Result<(), JsValue> {
        let record = WriterRecord::decode(record, &Limits::default()).map_err(Failure::from)?;
        match &mut self.holder {
            Holder::Plain(_, writer) if writer.branches() == 0 => {
                *writer = Writer::resume_exclusive_with_clock(record, self.clock.clone().read());
                Ok(())
            }
            _ => Err(Failure::new("invalid-argument", "something was written already").into()),
        }
    }

    /// Writes a group to one value, at this time. Returns how many of its parts had an effect.
    pub fn write(&mut self, now: f64, op: u8, arguments: &[u8]) -> Result<u32, JsValue> {
        self.clock.set(now);
        self.will_write()?;
        Ok(write::write(self, op, In::new(arguments))?)
    }

    /// Settles conflicts, at this time. Answers with what was settled.
    pub fn settle(&mut self, now: f64, op: u8, arguments: &[u8]) -> Result<Vec<u8>, JsValue> {
        self.clock.set(now);
        self.will_write()?;
        Ok(settle::settle(self, op, In::new(arguments))?)
    }

    /// Answers with a number.
    pub fn ask(&self, op: u8, arguments: &[u8]) -> Result<f64, JsValue> {
        Ok(read::ask(self, op, In::new(arguments))?)
    }

    /// Answers with bytes.
    pub fn read(&self, op: u8, arguments: &[u8]) -> Result<Vec<u8>, JsValue> {
        Ok(read::read(self, op, In::new(arguments))?)
    }

    /// Takes in a delta or a state. Returns how many events and keys changed.
    pub fn apply(&mut self, bytes: &[u8]) -> Result<Vec<u8>, JsValue> {
        let limits = self.limits.clone();
        Ok(self.apply_bytes(bytes, &limits)?)
    }

    /// The same for what was stored here: it is taken in whatever the limits are.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<Vec<u8>, JsValue> {
        Ok(self.apply_bytes(bytes, &Limits::unlimited())?)
    }

    /// Begins a group that spans several calls (0), ends it (1), or takes back what was written since it began (2) and
    /// says whether that could be done: it cannot after anything but writes.
    pub fn group(&mut self, op: u8) -> Result<bool, JsValue> {
        if op == 0 {
            let before = self.holder.begin_trial()?;
            self.groups.push(Group { before, last: self.last });
            return Ok(false);
        }
        let Some(Group { before, last }) = self.groups.pop() else { return Err(Failure::ARGUMENT.into()) };
        let taken_back = self.holder.end_trial(before, op == 1)?;
        if taken_back {
            self.last = last;
        }
        Ok(taken_back)
    }

    /// Takes in what another one has. Returns how many events and keys changed.
    pub fn merge(&mut self, other: &Document) -> Result<Vec<u8>, JsValue> {
        let (other, limits) = (other.store()?, &self.limits);
        let applied = self.holder.update(|live, _| Ok(live.merge(other, limits)?))?;
        Ok(self.took(applied))
    }

    /// What someone lacks who has seen `known`.
    #[wasm_bindgen(js_name = since)]
    pub fn encode_since(&self, known: &[u8]) -> Result<Vec<u8>, JsValue> {
        let known = VersionVector::decode(known, &Limits::default()).map_err(Failure::from)?;
        Ok(self.delta_since(&known)?)
    }

    /// What was written here since the last time, as a delta; empty the first time and if there is nothing.
    pub fn written(&mut self) -> Result<Vec<u8>, JsValue> {
        self.sends = true;
        match self.before.take() {
            Some(before) if before != *self.store()?.version() => Ok(self.delta_since(&before)?),
            _ => Ok(Vec::new()),
        }
    }

    /// Discards what is not needed any more.
    pub fn compact(&mut self) -> Result<(), JsValue> {
        Ok(self.holder.update(|live, _| {
            live.compact();
            Ok(())
        })?)
    }

    /// Begins to list changes. Those before are not listed.
    pub fn watch(&mut self) {
        self.holder.watch();
    }

    /// The changes since the last time, in batches.
    pub fn changes(&mut self) -> Vec<u8> {
        changes::take(&mut self.holder)
    }

    /// Becomes a member of a group.
    pub fn start(&mut self, arguments: &[u8]) -> Result<(), JsValue> {
        Ok(member::start(self, In::new(arguments))?)
    }

    /// Does something as a member of a group, at this time, which is `at` on the clock of the protocol. Answers with bytes.
    pub fn act(&mut self, now: f64, op: u8, at: f64, arguments: &[u8]) -> Result<Vec<u8>, JsValue> {
        self.clock.set(now);
        Ok(member::act(self, op, at as u64, In::new(arguments))?)
    }
}
