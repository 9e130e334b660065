use alloc::vec::Vec;
use core::fmt::{self, Debug};

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use xxhash_rust::xxh64::xxh64;

use super::{Version, tag};
use crate::causality::{Dot, Timestamp, Writer};
use crate::kernel::{
    Causal, Data, DotStore, Edit, Events, EventsMut, EventsOf, Hashed, Kind, Mut, ShowKind, View, payload, reads,
};
use crate::mutants::{self, Mutant};
use crate::serial;

/// Requests of clients, each of which has exactly one effect, wherever and however often it arrives.
///
/// A client numbers its requests, 0, 1, 2, …, and sends the same number again when it got no answer: to
/// another region as well, and during a partition. The ledger is a map from that id to what was asked
/// for, so the same request recorded in two regions is one entry, and the total is computed from the
/// entries instead of being changed by them.
///
/// | concurrent | result |
/// |---|---|
/// | record r ∥ record r, equal | one entry, one effect |
/// | record r ∥ record r, different | a dispute that is listed; r has no effect until someone settles it |
/// | record r ∥ fold of r, equal | one effect |
/// | record r ∥ fold of r, different | a dispute; what was folded has its effect |
///
/// Old requests are *folded*: of 64 consecutive ones there remain the sum of their effects and a
/// fingerprint of 64 bits of each, so that a late retry is still known for what it is, and
/// a late request that says something else is still noticed. Folding needs no agreement.
///
/// ```
/// use dotted::{Crdt, Ledger, RequestId, Transfer, Writer};
/// # use uuid::Uuid;
///
/// let (mut tokyo, mut london) = (Writer::new(), Writer::new());
/// let (mut here, mut there) = (Ledger::new(), Ledger::new());
/// let request = RequestId { client: Uuid::from_u128(7), number: 0 };
/// let transfer = Transfer { from: "ana".into(), to: "ben".into(), amount: 10_000 };
/// here.record(&mut tokyo, request, transfer.clone())?;
/// there.record(&mut london, request, transfer)?; // no answer from Tokyo: tried again
/// here.merge(&there);
/// assert_eq!(here.total().of("ben"), 10_000);
/// # Ok::<(), dotted::RecordError>(())
/// ```
///
/// `record` and `get` cost O(1), `disputes` O(disputes), `total` O(requests that are not folded + blocks
/// that are). After the idempotency keys of payment systems; the idea of computing a state from
/// a set of operations with unique ids is that of Helland and Campbell, *Building on Quicksand* (2009).
pub type Ledger<E> = Causal<LedgerBody<E>>;
/// The body of a [`Ledger`], for values made of values.
pub type LedgerBody<E> = DotStore<Recording<E>>;

/// The kind of a [`Ledger`]: requests by id, and blocks of old ones.
#[derive(Debug)]
pub struct Recording<E>(core::marker::PhantomData<E>);

/// What a request does, as an addition to a total.
///
/// ```
/// use dotted::Effect;
/// # use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
/// struct Paid(u64);
///
/// impl Effect for Paid {
///     type Total = u128;
///
///     fn add_to(&self, total: &mut u128) {
///         *total += u128::from(self.0);
///     }
///
///     fn add_up(total: &mut u128, other: &u128) {
///         *total += other;
///     }
/// }
/// ```
pub trait Effect: Data {
    /// What effects add up to, from a default that is nothing at all.
    type Total: Data + Default;

    /// Adds this effect. The order in which effects are added must not matter, and it must not overflow:
    /// give the total more bits than an amount.
    fn add_to(&self, total: &mut Self::Total);

    /// Adds what other effects have added up to.
    fn add_up(total: &mut Self::Total, other: &Self::Total);
}

/// The name that a client gives to a request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct RequestId {
    /// The client, or a random id for this one request.
    pub client: Uuid,
    /// Its number at this client. Only numbers without gaps can be folded.
    pub number: u64,
}

/// What an event of a [`Ledger`] is about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum LedgerKey {
    /// A request.
    Request(RequestId),
    /// The requests of a client with numbers from 64 times this on.
    Block(Uuid, u64),
}

impl LedgerKey {
    /// As the key of a value in a store: which of the two, the client, and the number without leading zeros.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let (is_block, client, number) = match self {
            Self::Request(RequestId { client, number }) => (false, client, number),
            Self::Block(client, number) => (true, client, number),
        };
        let zeros = number.leading_zeros() as usize / 8;
        [&[u8::from(is_block)], &client.as_bytes()[..], &number.to_be_bytes()[zeros..]].concat()
    }

    /// The key with these bytes. `None` if there is none.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&is_block, rest) = bytes.split_first()?;
        let (client, number) = rest.split_first_chunk()?;
        let mut padded = [0; 8];
        padded[8_usize.checked_sub(number.len())?..].copy_from_slice(number);
        let (client, value) = (Uuid::from_bytes(*client), u64::from_be_bytes(padded));
        let key = match is_block {
            0 => Self::Request(RequestId { client, number: value }),
            1 => Self::Block(client, value),
            _ => return None,
        };
        (number.first() != Some(&0)).then_some(key)
    }
}

/// What an event of a [`Ledger`] says.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct LedgerEvent<E: Effect> {
    at: Timestamp,
    what: Recordings<E>,
}
payload!(LedgerEvent<E>, E: Effect);

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "")]
enum Recordings<E: Effect> {
    One(E),
    Folded { fingerprints: Vec<u64>, total: E::Total },
}

/// How many requests are folded together.
const BLOCK: u64 = 64;

/// Why a request was not recorded. Nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordError {
    /// The id stands for something else already, or is disputed.
    Reused(RequestId),
    /// The content cannot be written down: its `Serialize` fails. So it could be told from nothing else.
    Unfit(RequestId),
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Reused(RequestId { client, number }) | Self::Unfit(RequestId { client, number })) = self;
        let what = match self {
            Self::Reused(_) => "was recorded with other content",
            Self::Unfit(_) => "has content that cannot be written down",
        };
        write!(f, "request {number} of client {client} {what}")
    }
}

impl core::error::Error for RecordError {}

/// What recording a request did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It was not known here, and is now.
    New(Dot),
    /// It was known, with this content. Nothing was written.
    Before,
}

/// What is known of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request<'a, E> {
    /// It was recorded, and has its effect.
    Recorded(&'a E),
    /// It was recorded and folded: its effect is in the total.
    Folded,
    /// Different ones came with this id.
    Disputed(Vec<Version<&'a E>>),
}

/// Different requests that came with one id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispute<'a, E> {
    /// The id.
    pub id: RequestId,
    /// Whether one of them was folded, and so is in the total. None of the others is.
    pub folded: bool,
    /// The versions, in the order of their dots. Those that were folded have no value any more.
    pub versions: Vec<Version<&'a E>>,
}

impl<E: Effect> Kind for Recording<E> {
    type Key = Hashed<LedgerKey>;
    type Value = LedgerEvent<E>;
    type Policy = ();
    const TAG: u8 = tag::LEDGER;
    const NAME: &'static str = "Ledger";

    /// Blocks are never removed.
    fn admits(_: u32, key: &Self::Key, event: Option<&LedgerEvent<E>>) -> bool {
        match (key.0, event.map(|event| &event.what)) {
            (LedgerKey::Request(_), None | Some(Recordings::One(_))) => true,
            (LedgerKey::Block(_, number), Some(Recordings::Folded { fingerprints, .. })) => {
                number <= u64::MAX / BLOCK && fingerprints.len() as u64 == BLOCK
            }
            _ => false,
        }
    }
}

impl<E: Effect> LedgerEvent<E> {
    fn entry(&self) -> Option<&E> {
        match &self.what {
            Recordings::One(entry) => Some(entry),
            Recordings::Folded { .. } => None,
        }
    }

    /// The fingerprint of a request that this is about, folded or not.
    fn fingerprint(&self, id: RequestId) -> Option<u64> {
        match &self.what {
            Recordings::One(entry) => fingerprint(entry),
            Recordings::Folded { fingerprints, .. } => fingerprints.get((id.number % BLOCK) as usize).copied(),
        }
    }

    /// Whether both say the same of a request. Equal entries need no hash.
    fn agrees(&self, other: &Self, id: RequestId) -> bool {
        match (self.entry(), other.entry()) {
            (Some(mine), Some(theirs)) => mine == theirs,
            _ => self.fingerprint(id) == other.fingerprint(id),
        }
    }
}

impl RequestId {
    fn block(self) -> Hashed<LedgerKey> {
        Hashed(LedgerKey::Block(self.client, self.number / BLOCK))
    }

    fn key(self) -> Hashed<LedgerKey> {
        Hashed(LedgerKey::Request(self))
    }
}

/// The hash of what a request says: that of its bytes, which are equal where it is. `None` if it has none.
fn fingerprint<E: Effect>(entry: &E) -> Option<u64> {
    let mut bytes = Vec::new();
    serial::write(entry, &mut bytes).ok()?;
    Some(xxh64(&bytes, 0))
}

impl<'a, E: Effect, S: Events<'a, Kind = Recording<E>>> View<'a, Recording<E>, S> {
    fn events_of(self, key: &Hashed<LedgerKey>) -> Option<EventsOf<'a, LedgerEvent<E>>> {
        let slot = self.events.find(key).filter(|&slot| self.events.is_live(slot))?;
        Some(self.events.events_at(slot))
    }

    /// What there is with this id.
    fn known(self, id: RequestId) -> Known<'a, E> {
        let mut found = Vec::new();
        for key in [id.key(), id.block()] {
            if let Some(events) = self.events_of(&key) {
                found.append(&mut events.by_dot(self.version));
            }
        }
        found.sort_unstable_by_key(|&(dot, _)| dot);
        let mut known = Known { versions: Vec::with_capacity(found.len()), folded: None, disputed: false };
        let mut last: Option<&LedgerEvent<E>> = None;
        for (dot, event) in found {
            let value = event.entry();
            known.disputed |= last.is_some_and(|last| !last.agrees(event, id));
            known.folded = known.folded.or(if value.is_none() { Some(event) } else { None });
            known.versions.push(Version { value, deleted: false, dot, timestamp: Some(event.at) });
            last = Some(event);
        }
        known
    }

    fn dispute(self, id: RequestId) -> Option<Dispute<'a, E>> {
        let Known { versions, folded, disputed } = self.known(id);
        disputed.then_some(Dispute { id, folded: folded.is_some(), versions })
    }
}

/// What is known under one id.
struct Known<'a, E: Effect> {
    /// In the order of their dots.
    versions: Vec<Version<&'a E>>,
    /// The first that it was folded to, if it was.
    folded: Option<&'a LedgerEvent<E>>,
    /// Whether the versions differ.
    disputed: bool,
}

/// Of blocks that were folded differently, the one that counts: the first by its time, or by its dot where times are equal.
fn first_folded<'a, E: Effect>(blocks: &[(Dot, &'a LedgerEvent<E>)]) -> Option<&'a LedgerEvent<E>> {
    blocks.iter().min_by_key(|(dot, event)| (event.at, *dot)).map(|&(_, event)| event)
}

/// Writes to a [`Ledger`] within an edit.
pub type LedgerMut<'e, E> = Mut<'e, Recording<E>>;

impl<'e, E: Effect, S: EventsMut<'e, Kind = Recording<E>>> Mut<'e, Recording<E>, S> {
    fn view<'v>(&'v self, edit: &'v Edit<'_>) -> View<'v, Recording<E>, impl Events<'v, Kind = Recording<E>>> {
        View::new(self.events.read(), edit.version())
    }

    /// Records a request, unless it is known.
    ///
    /// # Errors
    /// [`RecordError`]. Nothing is written.
    pub fn record(&mut self, edit: &mut Edit<'e>, id: RequestId, entry: E) -> Result<Recorded, RecordError> {
        let print = fingerprint(&entry).ok_or(RecordError::Unfit(id))?;
        let Known { versions, folded, disputed } = self.view(edit).known(id);
        let Some(first) = versions.first() else { return Ok(Recorded::New(self.put(edit, id, entry))) };
        let same = match (folded, first.value) {
            (Some(folded), _) => folded.fingerprint(id) == Some(print),
            (None, value) => value == Some(&entry),
        };
        if same && !disputed { Ok(Recorded::Before) } else { Err(RecordError::Reused(id)) }
    }

    fn put(&mut self, edit: &mut Edit<'e>, id: RequestId, entry: E) -> Dot {
        let events = self.events.read();
        let known = events.find(&id.key()).map(|slot| events.events_at(slot));
        let at = edit.own_stamp(known.and_then(|events| events.live().map(|(_, event)| event.at).max()));
        self.events.write(edit, id.key(), Some(LedgerEvent { at, what: Recordings::One(entry) }))
    }

    /// Settles a dispute between requests none of which was folded: the id stands for this one.
    /// `None` if there is none, and nothing is written.
    ///
    /// # Errors
    /// [`RecordError::Unfit`]. Nothing is written.
    pub fn resolve(&mut self, edit: &mut Edit<'e>, id: RequestId, entry: E) -> Result<Option<Dot>, RecordError> {
        fingerprint(&entry).ok_or(RecordError::Unfit(id))?;
        let is_open = self.view(edit).dispute(id).is_some_and(|dispute| !dispute.folded);
        Ok(is_open.then(|| self.put(edit, id, entry)))
    }

    /// Settles a dispute with what was folded, which stays as it is: the others are dropped. Where the
    /// same requests were folded differently, the block that was folded first stays, by the clocks of those who
    /// folded, and with it all that it says of its other requests: look at their
    /// [`disputes`](Ledger::disputes) before. What is to be different is to be recorded as another request.
    /// `None` if nothing that was folded is disputed, and nothing is written.
    pub fn dismiss(&mut self, edit: &mut Edit<'e>, id: RequestId) -> Option<Dot> {
        let view = self.view(edit);
        view.dispute(id).filter(|dispute| dispute.folded)?;
        let blocks = view.events_of(&id.block()).map_or_else(Vec::new, |events| events.by_dot(view.version));
        let kept = first_folded(&blocks).filter(|_| blocks.len() > 1).cloned();
        let late = view.events_of(&id.key()).is_some();
        let mut last = None;
        if let Some(event) = kept {
            last = Some(self.events.write(edit, id.block(), Some(event)));
        }
        if late {
            last = Some(self.events.write(edit, id.key(), None));
        }
        last
    }

    /// Folds the requests of a client, block after block from its first one on, as long as a block is
    /// complete and undisputed. Their content is gone afterwards; their effects and ids are not.
    /// Returns how many blocks were folded.
    ///
    /// It is best done with what everyone has seen: requests that say different things under
    /// one id can be settled only as long as they are not folded.
    pub fn fold(&mut self, edit: &mut Edit<'e>, client: Uuid) -> u64 {
        let mut folded = 0;
        for block in 0..=u64::MAX / BLOCK {
            let key = Hashed(LedgerKey::Block(client, block));
            let ids = (0..BLOCK).map(|at| RequestId { client, number: block * BLOCK + at });
            if self.view(edit).events_of(&key).is_some() {
                for id in ids {
                    // Retries that came too late to be seen in time.
                    let view = self.view(edit);
                    if view.events_of(&id.key()).is_some() && !view.known(id).disputed {
                        self.events.write(edit, id.key(), None);
                    }
                }
                continue;
            }
            let view = self.view(edit);
            let mut total = E::Total::default();
            let mut fingerprints = Vec::with_capacity(BLOCK as usize);
            for id in ids.clone() {
                let Some(Request::Recorded(entry)) = view.get(id) else { return folded };
                let Some(print) = fingerprint(entry) else { return folded };
                entry.add_to(&mut total);
                fingerprints.push(print);
            }
            let at = edit.now();
            for id in ids {
                self.events.write(edit, id.key(), None);
            }
            let what = Recordings::Folded { fingerprints, total };
            self.events.write(edit, key, Some(LedgerEvent { at, what }));
            folded += 1;
        }
        folded
    }
}

reads! { impl[T: Effect] Recording<T> {
    /// What is known of a request.
    #[must_use]
    fn get(view, id: RequestId) -> Option<Request<'a, T>> {
        let Known { versions, folded, disputed } = view.known(id);
        if disputed {
            return Some(Request::Disputed(versions));
        }
        if folded.is_some() {
            return Some(Request::Folded);
        }
        versions.first()?.value.map(Request::Recorded)
    }

    /// What all requests add up to. Disputed ones that were not folded count for nothing.
    #[must_use]
    fn total(view) -> T::Total {
        let mut total = T::Total::default();
        for slot in view.events.slots().filter(|&slot| view.events.is_live(slot)) {
            match view.events.key_at(slot).0 {
                LedgerKey::Request(id) => {
                    match view.get(id) {
                        Some(Request::Recorded(entry)) => entry.add_to(&mut total),
                        Some(Request::Folded) if mutants::on(Mutant::LateCountsTwice) => {
                            view.known(id).versions.iter().filter_map(|v| v.value).for_each(|entry| entry.add_to(&mut total));
                        }
                        _ => {}
                    }
                }
                LedgerKey::Block(..) => {
                    let blocks = view.events.events_at(slot).by_dot(view.version);
                    if let Some(LedgerEvent { what: Recordings::Folded { total: folded, .. }, .. }) = first_folded(&blocks) {
                        T::add_up(&mut total, folded);
                    }
                }
            }
        }
        total
    }

    /// The requests that are not folded, each with its content, in the order of their dots: the same on
    /// all replicas. Disputed ones are in [`disputes`](Ledger::disputes) only.
    fn requests(view) -> impl Iterator<Item = (RequestId, &'a T)> {
        let slots = view.events.slots_by_dot(view.version).into_iter();
        slots.filter_map(move |slot| match view.events.key_at(slot).0 {
            LedgerKey::Request(id) => match view.get(id)? {
                Request::Recorded(entry) => Some((id, entry)),
                _ => None,
            },
            LedgerKey::Block(..) => None,
        })
    }

    /// The ids that different requests came with, in the order of the ids. Costs O(disputes), and
    /// O(requests that are not folded) if any were folded.
    #[must_use]
    fn disputes(view) -> Vec<Dispute<'a, T>> {
        let key_at = |slot| view.events.key_at(slot).0;
        let mut ids = Vec::new();
        for slot in view.events.siblings() {
            match key_at(slot) {
                LedgerKey::Request(id) => ids.push(id),
                LedgerKey::Block(client, block) => {
                    ids.extend((0..BLOCK).map(|at| RequestId { client, number: block * BLOCK + at }));
                }
            }
        }
        // What came after it was folded has no sibling.
        if view.events.slots().any(|slot| matches!(key_at(slot), LedgerKey::Block(..))) {
            for slot in view.events.slots() {
                if let LedgerKey::Request(id) = key_at(slot)
                    && view.events.is_live(slot)
                    && view.events_of(&id.block()).is_some()
                {
                    ids.push(id);
                }
            }
        }
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter().filter_map(|id| view.dispute(id)).collect()
    }
} }

impl<E: Effect> Ledger<E> {
    /// Records a request, unless it is known. It is known under its id from then on, wherever this
    /// change arrives.
    ///
    /// # Errors
    /// [`RecordError`]. Nothing is written.
    pub fn record(&mut self, writer: &mut Writer, id: RequestId, entry: E) -> Result<Recorded, RecordError> {
        self.edit(writer, |mut ledger, edit| ledger.record(edit, id, entry))
    }

    /// Settles a dispute between requests none of which was folded: the id stands for this one.
    /// `None` if there is none, and nothing is written.
    ///
    /// # Errors
    /// [`RecordError::Unfit`]. Nothing is written.
    pub fn resolve(&mut self, writer: &mut Writer, id: RequestId, entry: E) -> Result<Option<Dot>, RecordError> {
        self.edit(writer, |mut ledger, edit| ledger.resolve(edit, id, entry))
    }

    /// Settles a dispute with what was folded, which stays as it is: the others are dropped. Where the
    /// same requests were folded differently, the block that was folded first stays, by the clocks of those who
    /// folded, and with it all that it says of its other requests: look at their
    /// [`disputes`](Ledger::disputes) before. What is to be different is to be recorded as another request.
    /// `None` if nothing that was folded is disputed, and nothing is written.
    pub fn dismiss(&mut self, writer: &mut Writer, id: RequestId) -> Option<Dot> {
        self.edit(writer, |mut ledger, edit| ledger.dismiss(edit, id))
    }

    /// Folds the requests of a client, block after block of 64 from its first one on, as long as a
    /// block is complete and undisputed. Their content is gone afterwards; their effects and ids are
    /// not. Returns how many blocks were folded. Costs O(blocks of this client + requests).
    ///
    /// It is best done with what everyone has seen: requests that say different things under
    /// one id can be settled only as long as they are not folded.
    pub fn fold(&mut self, writer: &mut Writer, client: Uuid) -> u64 {
        self.edit(writer, |mut ledger, edit| ledger.fold(edit, client))
    }
}

impl<E: Effect + Debug> ShowKind for Recording<E>
where
    E::Total: Debug,
{
    fn show<'a>(view: View<'a, Self, impl Events<'a, Kind = Self>>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").field("total", &view.total()).field("disputes", &view.disputes().len()).finish()
    }
}
