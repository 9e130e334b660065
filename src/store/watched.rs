use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use hashbrown::HashMap;
use uuid::Uuid;

use super::event::{ByName, StoreBody};
use super::key::{Named, StoreKey, ValueKind};
use super::snapshot::Snapshot;
use super::store::Store;
use super::value::Value;
use crate::causality::{Dot, ReplicaId, VersionVector, Writer};
use crate::codec::{DecodeError, Largest, LatestStamp, Limits, Usage};
use crate::crdt::{Crdt, DeltaCrdt};
use crate::hashing::Keyed;
use crate::kernel::{Applied, ApplyError, ChangeKind, Delta, Edit, Mut, RebaseError, Shared};

/// A [`Store`] that tells what changed, and keeps snapshots of what was asked for.
///
/// Changes come in batches: one for each edit, and one for each delta or state that was taken in. It is
/// replicated like the store itself, by the same bytes.
///
/// ```
/// use dotted::{ChangeKind, Crdt, Origin, Store, ValueKind, Watched, Writer};
///
/// let (mut tokyo, mut london) = (Writer::new(), Writer::new());
/// let mut there = Store::new();
/// there.set("cart").insert(&mut london, "tea");
///
/// let mut here = Watched::new(Store::new());
/// here.edit(&mut tokyo, |mut store, edit| store.set("cart").insert(edit, "milk".into()));
/// let before = here.snapshot("cart", ValueKind::Set);
/// assert!(std::sync::Arc::ptr_eq(&before, &here.snapshot("cart", ValueKind::Set)));
/// here.merge(&Watched::new(there));
///
/// assert_eq!(here.poll_changes().unwrap().origin, Origin::Local);
/// let batch = here.poll_changes().unwrap();
/// assert_eq!(batch.origin, Origin::Remote);
/// let change = &batch.changes[0];
/// assert_eq!((&*change.named.name, change.key.as_ref().unwrap().as_text()), ("cart", Some("tea")));
/// assert_eq!(change.kind, ChangeKind::Added);
/// assert!(london.owns(&change.by[0]));
/// assert_ne!(before, here.snapshot("cart", ValueKind::Set));
/// ```
pub struct Watched {
    store: Store,
    batches: VecDeque<Batch>,
    /// Changes in all batches.
    pending: usize,
    limit: usize,
    missed: bool,
    snapshots: HashMap<Named, Arc<Snapshot>, Keyed>,
    revision: u64,
    /// How many batches waited when each trial began.
    trials: Vec<usize>,
}

/// What changed at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Where it came from.
    pub origin: Origin,
    /// What changed, each key once. Empty where more had changed than is kept: then read everything
    /// again.
    pub changes: Vec<StoreChange>,
}

/// Where changes came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// They were written here.
    Local,
    /// They were taken in: a delta, a state, or what storage had.
    Remote,
    /// Batches were not fetched and had to be dropped: anything may have changed.
    Missed,
}

/// One key that looks different.
///
/// In a record, other fields may look different, too: a deletion that was overruled brings them back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreChange {
    /// The value.
    pub named: Named,
    /// As in [`StoreKey::key`]: the element, key or field; null for a record as a whole; bytes in ledgers and claims. Other
    /// types have none.
    pub key: Option<Value>,
    /// What became of it.
    pub kind: ChangeKind,
    /// Who wrote the events that are new there. None if what is known is only that it is gone.
    pub by: Vec<ReplicaId>,
}

impl Watched {
    /// Watches a store. Up to 65,536 changes are kept for [`poll_changes`](Watched::poll_changes).
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self::with_limit(store, 1 << 16)
    }

    /// Watches a store, and keeps up to `limit` changes until they are fetched.
    #[must_use]
    pub fn with_limit(store: Store, limit: usize) -> Self {
        Self {
            store,
            batches: VecDeque::new(),
            pending: 0,
            limit,
            missed: false,
            snapshots: HashMap::default(),
            revision: 0,
            trials: Vec::new(),
        }
    }

    /// Keeps up to `limit` changes from now on. What waits already stays.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// The store, to be read. It is written by [`edit`](Watched::edit).
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The store, not watched any more.
    #[must_use]
    pub fn into_store(self) -> Store {
        self.store
    }

    /// Grows with every batch: a cheap way to see whether anything changed.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Writes a group: all of it becomes visible together everywhere, and is one batch of changes.
    pub fn edit<R>(
        &mut self,
        writer: &mut Writer,
        edit: impl for<'e> FnOnce(Mut<'e, ByName>, &mut Edit<'e>) -> R,
    ) -> R {
        let (mut edit, mut result) = (Some(edit), None);
        self.edit_dyn(writer, &mut |store, group| result = edit.take().map(|edit| edit(store, group)));
        result.expect("a group is written once")
    }

    /// As `edit`, compiled once.
    fn edit_dyn(&mut self, writer: &mut Writer, edit: &mut dyn for<'e> FnMut(Mut<'e, ByName>, &mut Edit<'e>)) {
        let before = self.store.version().clone();
        let mut found = Vec::new();
        // Should the closure unwind, nothing is known of what it wrote: anything may have changed.
        let snapshots = core::mem::take(&mut self.snapshots);
        let missed = core::mem::replace(&mut self.missed, true);
        self.revision += 1;
        self.store.edit_with(writer, &mut |change| found.push((change.key.clone(), change.kind)), edit);
        (self.snapshots, self.missed) = (snapshots, missed);
        self.revision -= 1;
        self.note(Origin::Local, found, &|dot| !before.contains(dot));
    }

    /// The oldest batch that was not fetched yet.
    pub fn poll_changes(&mut self) -> Option<Batch> {
        if core::mem::take(&mut self.missed) {
            return Some(Batch { origin: Origin::Missed, changes: Vec::new() });
        }
        let batch = self.batches.pop_front()?;
        self.pending -= batch.changes.len();
        Some(batch)
    }

    /// What a value shows now: the same snapshot until the value changes.
    ///
    /// It is kept until then, or until it is [released](Watched::release).
    pub fn snapshot(&mut self, name: &str, kind: ValueKind) -> Arc<Snapshot> {
        let named = Named { name: name.into(), kind };
        let store = self.store.view();
        let snapshot = self.snapshots.entry(named);
        let named = snapshot.key().clone();
        snapshot.or_insert_with(|| Arc::new(Snapshot::of(store, &named))).clone()
    }

    /// Forgets the snapshot of a value that is not shown any more.
    pub fn release(&mut self, name: &str, kind: ValueKind) {
        self.snapshots.remove(&Named { name: name.into(), kind });
    }

    fn note(&mut self, origin: Origin, found: Vec<(StoreKey, ChangeKind)>, is_new: &dyn Fn(&Dot) -> bool) {
        if found.is_empty() {
            return;
        }
        self.revision += 1;
        let mut last = None;
        for (key, _) in &found {
            let named = key.named();
            if last.as_ref() != Some(&named) {
                self.snapshots.remove(&named);
                last = Some(named);
            }
        }
        while self.pending + found.len() > self.limit
            && let Some(dropped) = self.batches.pop_front()
        {
            self.pending -= dropped.changes.len();
            self.missed = true;
        }
        if found.len() > self.limit {
            self.missed = true;
            return;
        }
        let changes = found.into_iter().map(|(key, kind)| StoreChange {
            by: self.authors(&key, is_new),
            named: key.named(),
            key: key.key(),
            kind,
        });
        let changes: Vec<_> = changes.collect();
        self.pending += changes.len();
        self.batches.push_back(Batch { origin, changes });
    }

    /// Who wrote the events of a key that were not seen before.
    fn authors(&self, key: &StoreKey, is_new: &dyn Fn(&Dot) -> bool) -> Vec<ReplicaId> {
        let Ok(slot) = self.store.body.find(key) else { return Vec::new() };
        let version = self.store.version();
        let events = self.store.body.events_at(slot);
        let dots = events.iter().map(|(dot, _)| version.dot(dot.slot(), dot.counter()));
        let mut authors: Vec<_> = dots.filter(|dot| is_new(dot)).map(|dot| dot.replica).collect();
        authors.sort_unstable();
        authors
    }

    /// `theirs` is what the sender has seen.
    fn taking_in<E>(
        &mut self,
        theirs: &VersionVector,
        take: impl FnOnce(&mut Store, &mut dyn FnMut(StoreKey, ChangeKind)) -> Result<Applied, E>,
    ) -> Result<Applied, E> {
        // Of the writers that are named there: a copy of the whole version would cost more than a small delta.
        let before = theirs.meet(self.store.version());
        let mut found = Vec::new();
        let applied = take(&mut self.store, &mut |key, kind| found.push((key, kind)))?;
        self.note(Origin::Remote, found, &|dot| theirs.contains(dot) && !before.contains(dot));
        Ok(applied)
    }
}

impl Default for Watched {
    fn default() -> Self {
        Self::new(Store::new())
    }
}

/// A clone watches a copy of the store, with no batch pending.
impl Clone for Watched {
    fn clone(&self) -> Self {
        Self::with_limit(self.store.clone(), self.limit)
    }
}

impl core::fmt::Debug for Watched {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Watched").field("store", &self.store).field("pending", &self.pending).finish_non_exhaustive()
    }
}

impl Crdt for Watched {
    /// # Panics
    /// Where [`try_merge`](DeltaCrdt::try_merge) fails: beyond some million writers or 2³² keys.
    fn merge(&mut self, other: &Self) -> Applied {
        self.try_merge(other).expect("more writers or keys than a value can hold")
    }

    fn same_state(&self, other: &Self) -> bool {
        self.store == other.store
    }
}

impl Watched {
    /// Events have other names: what is shown in their order, or decided by it, may be another.
    fn begin_anew(&mut self) {
        self.snapshots.clear();
        self.batches.clear();
        (self.pending, self.missed) = (0, true);
        self.revision += 1;
    }
}

impl DeltaCrdt for Watched {
    type Delta = Delta<StoreBody>;

    fn version(&self) -> &VersionVector {
        self.store.version()
    }

    fn try_merge(&mut self, other: &Self) -> Result<Applied, ApplyError> {
        self.taking_in(other.store.version(), |store, found| {
            store.merge_with(&other.store, &mut |change| found(change.key.clone(), change.kind))
        })
    }

    fn delta_since(&self, known: &VersionVector) -> Self::Delta {
        self.store.delta_since(known)
    }

    fn delta_base(delta: &Self::Delta) -> &VersionVector {
        delta.base()
    }

    fn delta_upto(delta: &Self::Delta) -> &VersionVector {
        delta.upto()
    }

    fn encode_delta_since_into(&self, known: &VersionVector, schema: u32, out: &mut Vec<u8>) {
        self.store.encode_delta_since_into(known, schema, out);
    }

    fn usage(&self) -> Usage {
        self.store.usage()
    }

    fn apply_within(&mut self, delta: Self::Delta, limits: &Limits) -> Result<Applied, ApplyError> {
        self.store.fits(&delta, limits)?;
        self.apply(delta)
    }

    fn can_apply(&self, delta: &Self::Delta) -> Result<(), ApplyError> {
        self.store.can_apply(delta)
    }

    fn apply(&mut self, delta: Self::Delta) -> Result<Applied, ApplyError> {
        let upto = delta.upto().clone();
        let take = |store: &mut Store, found: &mut dyn FnMut(StoreKey, ChangeKind)| {
            store.apply_with(delta, &mut |change| found(change.key.clone(), change.kind))
        };
        self.taking_in(&upto, take)
    }

    type Shared = Shared<StoreBody>;

    fn shared(&self, uuid: Uuid) -> Self::Shared {
        Shared::of(&self.store, uuid)
    }

    fn last_shared(shared: &Self::Shared, branch: &ReplicaId) -> u64 {
        Store::last_shared(shared, branch)
    }

    fn note_shared(&self, shared: &mut Self::Shared, upto: &VersionVector) {
        shared.note_upto(&self.store, upto);
    }

    fn rebase(&mut self, shared: &Self::Shared, writer: &mut Writer) -> Result<(), RebaseError> {
        DeltaCrdt::rebase(&mut self.store, shared, writer)?;
        self.begin_anew();
        Ok(())
    }

    fn set_collectable(&mut self, upto: Option<VersionVector>) {
        self.store.set_collectable(upto);
    }

    fn adopt(&mut self, theirs: Self, writer: &mut Writer) -> Result<(), ApplyError> {
        self.store.adopt(theirs.store, writer)?;
        self.begin_anew();
        Ok(())
    }

    fn floor(&self) -> &VersionVector {
        self.store.floor()
    }

    fn compact(&mut self) {
        self.store.compact();
    }

    fn encode_into(&self, schema: u32, out: &mut Vec<u8>) {
        self.store.encode_into(schema, out);
    }

    fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, DecodeError> {
        Store::decode(bytes, limits).map(Self::new)
    }

    fn encode_delta_into(delta: &Self::Delta, schema: u32, out: &mut Vec<u8>) {
        delta.encode_into(schema, out);
    }

    fn check_since(&self, known: &VersionVector) -> Result<(), crate::Unreadable> {
        self.store.check_since(known)
    }

    fn largest_since(&self, known: &VersionVector) -> Option<Largest> {
        self.store.largest_since(known)
    }

    fn latest_in(delta: &Self::Delta) -> Option<LatestStamp> {
        delta.latest()
    }

    fn begin_trial(&mut self) {
        self.store.begin_trial();
        self.trials.push(self.batches.len());
    }

    fn keep_trial(&mut self) {
        self.store.keep_trial();
        self.trials.pop();
    }

    fn take_back_trial(&mut self) -> bool {
        let taken_back = self.store.take_back_trial();
        let waiting = self.trials.pop();
        if let Some(waiting) = waiting.filter(|_| taken_back) {
            // Those that came since are not shown, but for as many as were fetched or dropped meanwhile: they say no more
            // than that something may have changed.
            let gone = self.batches.drain(waiting.min(self.batches.len())..);
            self.pending -= gone.map(|batch| batch.changes.len()).sum::<usize>();
            self.snapshots.clear();
            self.revision += 1;
        }
        taken_back
    }

    fn decode_delta(bytes: &[u8], limits: &Limits) -> Result<Self::Delta, DecodeError> {
        Delta::decode(bytes, limits)
    }

    fn canonical(&self) -> Vec<u8> {
        self.store.canonical()
    }

    fn state_hash(&self) -> u64 {
        self.store.state_hash()
    }
}
