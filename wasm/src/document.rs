use alloc::boxed::Box;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use dotted::replication::Replica;
use dotted::{
    Applied, DecodeError, Delta, DeltaCrdt, Dot, Limits, Store, StoreBody, Timestamp, VersionVector, Watched, Writer,
    WriterRecord,
};
use uuid::Uuid;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::failure::Failure;
use crate::member::Tickets;
use crate::wire::{In, Out};
use crate::{changes, member, read, write};

/// How many changes are kept until they are fetched.
const CHANGES: usize = 1 << 16;

/// What the clock of the writers showed last, in milliseconds. Every write brings its time along.
static NOW: AtomicU64 = AtomicU64::new(0);

fn clock() -> Timestamp {
    Timestamp::from_millis(NOW.load(Ordering::Relaxed))
}

/// A store with its writer, which may be a member of a group.
#[wasm_bindgen]
pub struct Document {
    pub(crate) holder: Holder,
    /// Up to where local writes were fetched, if they are.
    sent: Option<VersionVector>,
    /// The last event that was written here.
    pub(crate) last: Option<Dot>,
    pub(crate) tickets: Tickets,
}

/// Alone, or a member of a group.
pub(crate) enum Holder {
    Alone(Box<Watched>, Writer),
    Member(Box<Replica<Watched>>),
    /// Nothing lives here: only while one becomes the other.
    Moving,
}

impl Document {
    pub(crate) fn value(&self) -> Result<&Watched, Failure> {
        match &self.holder {
            Holder::Alone(value, _) => Ok(value),
            Holder::Member(replica) => Ok(replica.value()),
            Holder::Moving => Err(Failure::ARGUMENT),
        }
    }

    pub(crate) fn store(&self) -> Result<&Store, Failure> {
        self.value().map(Watched::store)
    }

    pub(crate) fn writer(&self) -> Result<&Writer, Failure> {
        match &self.holder {
            Holder::Alone(_, writer) => Ok(writer),
            Holder::Member(replica) => Ok(replica.writer()),
            Holder::Moving => Err(Failure::ARGUMENT),
        }
    }

    /// Changes the value. One closure for both holders, so that what it does is compiled once.
    pub(crate) fn update<R>(
        &mut self,
        mut write: impl FnMut(&mut Watched, &mut Writer) -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        let mut result = Err(Failure::ARGUMENT);
        self.update_dyn(&mut |value, writer| result = write(value, writer))?;
        result
    }

    fn update_dyn(&mut self, write: &mut dyn FnMut(&mut Watched, &mut Writer)) -> Result<(), Failure> {
        match &mut self.holder {
            Holder::Alone(value, writer) => write(value, writer),
            Holder::Member(replica) => replica.update(write)?,
            Holder::Moving => return Err(Failure::ARGUMENT),
        }
        Ok(())
    }

    /// What was taken in is not a local change.
    pub(crate) fn took_in(&mut self) -> Result<(), Failure> {
        if self.sent.is_some() {
            self.sent = Some(self.store()?.version().clone());
        }
        Ok(())
    }

    fn apply_bytes(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Failure> {
        let taken = match Delta::<StoreBody>::decode(bytes, &Limits::default()) {
            Ok(delta) => {
                let mut delta = Some(delta);
                self.update(|value, _| Ok(delta.take().map(|delta| value.apply(delta)).transpose()?))
            }
            Err(DecodeError::WrongKind) => {
                let state = Watched::decode(bytes, &Limits::default())?;
                self.update(|value, _| Ok(Some(value.try_merge(&state)?)))
            }
            Err(error) => Err(error.into()),
        };
        self.took(taken?.unwrap_or_default())
    }

    fn took(&mut self, applied: Applied) -> Result<Vec<u8>, Failure> {
        self.took_in()?;
        let mut out = Out::default();
        out.number(applied.events);
        out.number(applied.keys as u64);
        Ok(out.finish())
    }

    fn delta_since(&self, known: &VersionVector) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        self.store()?.encode_delta_since(known, &mut bytes);
        Ok(bytes)
    }
}

pub(crate) fn set_time(now: f64) {
    NOW.store(now as u64, Ordering::Relaxed);
}

/// A writer with this id and the clock of the writes.
pub(crate) fn writer(uuid: Uuid) -> Writer {
    Writer::with_clock(uuid, clock)
}

#[wasm_bindgen]
impl Document {
    /// An empty store, written under this UUID: 16 bytes, random, and never used before.
    #[wasm_bindgen(constructor)]
    pub fn new(uuid: &[u8]) -> Result<Document, JsValue> {
        let uuid = Uuid::from_slice(uuid).map_err(|_| Failure::ARGUMENT)?;
        let watched = Watched::with_limit(Store::new(), 0);
        Ok(Self {
            holder: Holder::Alone(Box::new(watched), writer(uuid)),
            sent: None,
            last: None,
            tickets: Tickets::default(),
        })
    }

    /// Begins with a state, exactly as it was, instead of an empty store.
    pub fn begin(&mut self, state: &[u8]) -> Result<(), JsValue> {
        let state = Store::decode(state, &Limits::default()).map_err(Failure::from)?;
        match &mut self.holder {
            Holder::Alone(value, _) if value.store().version().is_empty() => {
                **value = Watched::with_limit(state, 0);
                Ok(())
            }
            _ => Err(Failure::new("invalid-argument", "something is known already").into()),
        }
    }

    /// Goes on with the writer of a record, in a store to which nothing was written yet.
    pub fn resume(&mut self, record: &[u8]) -> Result<(), JsValue> {
        let record = WriterRecord::decode(record, &Limits::default()).map_err(Failure::from)?;
        match &mut self.holder {
            Holder::Alone(_, writer) if writer.branches() == 0 => {
                *writer = Writer::resume_with_clock(record, clock);
                Ok(())
            }
            _ => Err(Failure::new("invalid-argument", "something was written already").into()),
        }
    }

    /// Writes a group to one value, at this time. Returns how many of its parts had an effect.
    pub fn write(&mut self, now: f64, op: u8, arguments: &[u8]) -> Result<u32, JsValue> {
        set_time(now);
        Ok(write::write(self, op, In::new(arguments))?)
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
        Ok(self.apply_bytes(bytes)?)
    }

    /// Takes in what another one has. Returns how many events and keys changed.
    pub fn merge(&mut self, other: &Document) -> Result<Vec<u8>, JsValue> {
        let other = other.value()?;
        let applied = self.update(|value, _| Ok(value.try_merge(other)?))?;
        Ok(self.took(applied)?)
    }

    /// What someone lacks who has seen `known`.
    #[wasm_bindgen(js_name = since)]
    pub fn encode_since(&self, known: &[u8]) -> Result<Vec<u8>, JsValue> {
        let known = VersionVector::decode(known, &Limits::default()).map_err(Failure::from)?;
        Ok(self.delta_since(&known)?)
    }

    /// What was written here since the last time, as a delta; empty the first time and if there is nothing.
    pub fn written(&mut self) -> Result<Vec<u8>, JsValue> {
        let version = self.store()?.version();
        match &self.sent {
            Some(sent) if sent == version => return Ok(Vec::new()),
            None => {
                self.sent = Some(version.clone());
                return Ok(Vec::new());
            }
            Some(_) => {}
        }
        let version = version.clone();
        let bytes = self.delta_since(self.sent.as_ref().unwrap_or(&version))?;
        self.sent = Some(version);
        Ok(bytes)
    }

    /// Discards what is not needed any more.
    pub fn compact(&mut self) -> Result<(), JsValue> {
        Ok(self.update(|value, _| {
            value.compact();
            Ok(())
        })?)
    }

    /// Begins to list changes. Those before are not listed.
    pub fn watch(&mut self) -> Result<(), JsValue> {
        Ok(self.update(|value, _| {
            let store = core::mem::take(value).into_store();
            *value = Watched::with_limit(store, CHANGES);
            Ok(())
        })?)
    }

    /// The changes since the last time, in batches.
    pub fn changes(&mut self) -> Result<Vec<u8>, JsValue> {
        Ok(self.update(|value, _| Ok(changes::take(value)))?)
    }

    /// Becomes a member of a group.
    pub fn start(&mut self, arguments: &[u8]) -> Result<(), JsValue> {
        Ok(member::start(self, In::new(arguments))?)
    }

    /// Does something as a member of a group. Answers with bytes.
    pub fn act(&mut self, op: u8, now: f64, arguments: &[u8]) -> Result<Vec<u8>, JsValue> {
        set_time(now);
        Ok(member::act(self, op, now as u64, In::new(arguments))?)
    }
}
