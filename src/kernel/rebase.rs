//! Carrying on under a new id, after another one was found to write under the old one.
//!
//! What was written here and has left no one is renamed: event `c` of an old branch, of which `s` have
//! left, becomes event `c - s` of a new branch. So the value becomes what it would have been had the
//! new writer written all of that. No one else has seen these events, so nothing else names them,
//! with two exceptions, and these are the two hooks of [`Kind`]:
//! * values that name dots (the marks of deletions) are rewritten;
//! * keys that name a writer (counts) are divided, since what stands there is a sum since ever:
//!   what was shared stays on the old writer's key, what came after goes to the new writer's. Both
//!   are events of the new writer, written last.

use alloc::vec::Vec;
use core::fmt;

use uuid::Uuid;

use super::changes::Applied;
use super::delta::{Delta, Effect, StoreDelta};
use super::error::ApplyError;
use super::event::Kind;
use super::events::EventsOf;
use super::fragment::Fragment;
use super::incoming::Since;
use super::lookup::{Key, Slots};
use super::store::DotStore;
use crate::Causal;
use crate::causality::{Dot, Forked, MAX_WRITERS, PackedDot, RESERVED_WRITERS, SlotMap, VersionVector, Writer};
use crate::mutants::{self, Mutant};

/// What others can have of a writer's events on a value: what was loaded, and what has left since.
///
/// Make it when a value is loaded (or empty, when it is made anew), and [`note`](Shared::note) the value
/// whenever something of it leaves. It is needed for [`Causal::rebase`], and it is the sharper check
/// against forks: who has seen more than has ever left has seen another one's events.
///
/// Beside the version it holds what the writer had counted, which is small: counts alone are sums, of
/// which a later part cannot be told without the earlier one. It costs O(writers), and for counters
/// O(their entries), to make; to note costs O(writers + what is new).
pub struct Shared<F: Fragment> {
    uuid: Uuid,
    /// The value, reduced to the counts of this writer.
    counts: Causal<F>,
}

impl<F: Fragment> Shared<F> {
    /// Nothing of the writer `uuid` has left yet.
    #[must_use]
    pub fn new(uuid: Uuid) -> Self {
        Self { uuid, counts: Causal::new() }
    }

    /// Everything that the writer `uuid` has written to this value is known elsewhere, or may be.
    #[must_use]
    pub fn of(value: &Causal<F>, uuid: Uuid) -> Self {
        let version = value.version();
        let upto = version.with_counters(version.counters().to_vec());
        let own = |slot: u32| version.at(slot) > 0 && version.uuid_bytes(slot) == uuid.as_bytes();
        let body = value.body.collect_counts(&own);
        let counts =
            with_slots_of(Delta { upto, base: VersionVector::new(), floor: VersionVector::new(), live: None, body });
        Self { uuid, counts: counts.unwrap_or_default() }
    }

    /// All of the value has left, or may have.
    pub fn note(&mut self, value: &Causal<F>) {
        self.note_upto(value, value.version());
    }

    /// The value has left up to here, a version that it has had. Beside that stays what had left before: a value may
    /// have been rolled back.
    ///
    /// A count that was written again since then stays as it was noted last: of that, a rebase would count
    /// too much. Costs O(writers + what this writer has written since the last time).
    pub fn note_upto(&mut self, value: &Causal<F>, upto: &VersionVector) {
        let version = value.version();
        if upto.branches_of(self.uuid).all(|(branch, counter)| counter <= self.last(&branch)) {
            return;
        }
        let own = |slot: u32| version.uuid_bytes(slot) == self.uuid.as_bytes();
        let known = version.counters().iter().zip(0..).map(|(&counter, slot)| match own(slot) {
            true => counter.min(self.counts.version().get(&version.id(slot))),
            false => counter,
        });
        let known = version.with_counters(known.collect());
        let upto = version.meet(upto);
        let counters = upto.aligned_to(version);
        let body = value.body.collect_new_counts(&Since::new(&known, version), &own, &counters);
        let delta = Delta {
            base: upto.meet(self.counts.version()),
            upto: version.with_counters(counters.into_owned()),
            floor: VersionVector::new(),
            live: None,
            body,
        };
        if self.counts.apply(delta).is_err() {
            // It holds what the value holds, which is within all bounds.
            *self = Self::of(value, self.uuid);
        }
    }

    /// The UUID of the writer.
    #[must_use]
    pub const fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// The last counter of a branch that has left.
    #[must_use]
    pub fn last(&self, replica: &crate::ReplicaId) -> u64 {
        if replica.uuid() == self.uuid { self.counts.version().get(replica) } else { 0 }
    }

    /// Whether `theirs`, the version vector of a peer, names events of this writer that have never
    /// left. Then another one writes under its id.
    ///
    /// Ask before anything of that peer is taken in, and before anything is sent to it: then
    /// [`Causal::rebase`] is exact. It is sharper than [`Writer::forked_by`], which compares with what was
    /// issued. It takes for granted that the writer writes to this one value only: what it wrote to a
    /// clone, and what was sent of that clone, is not known here.
    #[must_use]
    pub fn forked_by(&self, theirs: &VersionVector) -> Option<Forked> {
        Forked::first(theirs, self.uuid, |replica| Some(self.last(replica)))
    }
}

impl<F: Fragment> Clone for Shared<F> {
    fn clone(&self) -> Self {
        Self { uuid: self.uuid, counts: self.counts.clone() }
    }
}

impl<F: Fragment> fmt::Debug for Shared<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own = self.counts.version().iter().filter(|(id, _)| id.uuid() == self.uuid);
        f.debug_map().entries(own).finish()
    }
}

/// Why a value was not rebased. It is as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RebaseError {
    /// The new writer has the id that was forked.
    SameWriter,
    /// The peer's state does not fit.
    Apply(ApplyError),
}

impl fmt::Display for RebaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SameWriter => f.write_str("the new writer has the id that was forked"),
            Self::Apply(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl core::error::Error for RebaseError {}

/// An old branch on its way to its new name.
#[derive(Clone, Copy)]
struct Moved {
    /// How many of its events keep their names.
    shared: u64,
    /// The slot of the new branch.
    to: u32,
}

/// Which events get which names. Everything is in the slots of one table, old and new branches alike.
#[doc(hidden)]
pub struct Renaming {
    /// By old slot.
    moved: Vec<Option<Moved>>,
    table: VersionVector,
    /// By new slot, the last counter.
    last: Vec<u64>,
    /// Where the writers are in what was shared.
    shared: SlotMap,
}

impl Renaming {
    fn moved(&self, slot: u32) -> Option<Moved> {
        self.moved.get(slot as usize).copied().flatten()
    }

    /// The new name of an event, if it gets one.
    fn renamed(&self, dot: PackedDot) -> Option<PackedDot> {
        let moved = self.moved(dot.slot())?;
        (dot.counter() > moved.shared).then(|| PackedDot::new(moved.to, dot.counter() - moved.shared))
    }

    /// The same of a dot in its public form.
    fn public(&self, dot: Dot) -> Dot {
        let slot = self.table.slot(&dot.replica).filter(|_| !mutants::on(Mutant::RebaseKeepsMarks));
        let renamed = slot.and_then(|slot| self.moved(slot)).filter(|moved| dot.counter > moved.shared);
        renamed.map_or(dot, |moved| self.table.dot(moved.to, dot.counter - moved.shared))
    }

    /// A key with other names for the writers for which `is_new` holds.
    fn key<K: Key>(&self, mut key: K, is_new: impl Fn(u32, &Moved) -> bool) -> K {
        let last = key.writer().max(key.partner()).unwrap_or(0);
        let name = |slot| self.moved(slot).filter(|moved| is_new(slot, moved)).map_or(slot, |moved| moved.to);
        key.translate(&Slots(&SlotMap::Table((0..=last).map(name).collect())));
        key
    }

    /// A key whose events keep their names, or that another writer has: a branch that it names beside its owner
    /// gets its new name only if nothing is left of the old one.
    fn kept_key<K: Key>(&self, key: K) -> K {
        let partner = key.partner().filter(|_| key.partner() != key.writer());
        match partner.filter(|&slot| self.moved(slot).is_some_and(|moved| moved.shared == 0)) {
            Some(partner) => self.key(key, |slot, _| slot == partner),
            None => key,
        }
    }

    /// One more event of a new branch.
    fn issue(&mut self, slot: u32) -> PackedDot {
        let last = &mut self.last[slot as usize];
        *last += 1;
        PackedDot::new(slot, *last)
    }
}

/// The events of one key with their effects.
type Effects<V> = Vec<(PackedDot, Effect<V>)>;

fn live<V>(events: &[(PackedDot, Effect<V>)]) -> impl Iterator<Item = &V> {
    events.iter().filter_map(|(_, effect)| match effect {
        Effect::Live(value) => Some(value),
        Effect::Removed | Effect::Known => None,
    })
}

impl<S: Kind> StoreDelta<S> {
    /// Renames events; `shared` are the counts of the old writer that have left, in slots of its own.
    pub(crate) fn rename(&mut self, shared: &DotStore<S>, renaming: &mut Renaming) {
        let mut events = core::mem::take(&mut self.events).into_iter();
        for (key, count) in core::mem::take(&mut self.keys) {
            let mut theirs: Effects<S::Value> = events.by_ref().take(count as usize).collect();
            let moved = key.writer().and_then(|slot| renaming.moved(slot));
            if let Some(Moved { to, .. }) = moved
                && theirs.iter().any(|&(dot, _)| renaming.renamed(dot).is_some())
            {
                self.divide(key, to, theirs, shared, renaming);
                continue;
            }
            for (dot, effect) in &mut theirs {
                if let Some(renamed) = renaming.renamed(*dot) {
                    *dot = renamed;
                    if let Effect::Live(value) = effect {
                        S::rename(value, &|dot| renaming.public(dot));
                    }
                }
            }
            // Where nothing of a branch has left, nothing is left of its name, even if what stands on its key is by others.
            let key = match moved {
                Some(Moved { shared: 0, .. }) => {
                    let owner = key.writer();
                    renaming.key(key, |slot, _| Some(slot) == owner)
                }
                _ => key,
            };
            self.list(renaming.kept_key(key), theirs);
        }
    }

    pub(super) fn list(&mut self, key: S::Key, events: Effects<S::Value>) {
        if !events.is_empty() {
            self.keys.push((key, events.len() as u32));
            self.events.extend(events);
        }
    }

    /// A key with all its events, as they are stored.
    fn list_stored(&mut self, key: &S::Key, events: &EventsOf<'_, S::Value>) {
        let effect = |value: Option<&S::Value>| value.map_or(Effect::Removed, |value| Effect::Live(value.clone()));
        self.list(key.clone(), events.iter().map(|(dot, value)| (dot, effect(value))).collect());
    }

    /// The key of an old branch: what was shared stays there, the rest goes to the new branch's key.
    fn divide(
        &mut self,
        key: S::Key,
        to: u32,
        mut theirs: Effects<S::Value>,
        shared: &DotStore<S>,
        renaming: &mut Renaming,
    ) {
        let there = key.translated(&Slots(&renaming.shared));
        let found = there.writer().filter(|&slot| slot != SlotMap::UNKNOWN).and_then(|_| shared.find(&there).ok());
        let before = found.map(|slot| shared.events_at(slot));
        let before: Vec<&S::Value> = before.iter().flat_map(|events| events.live()).map(|(_, value)| value).collect();
        let before = if mutants::on(Mutant::RebaseMovesWholeCounts) { Vec::new() } else { before };
        let divided = S::divide(&live(&theirs).collect::<Vec<_>>(), &before);
        // What no one else has seen is superseded by the two events below.
        theirs.retain(|&(dot, _)| renaming.renamed(dot).is_none());
        let own = renaming.key(key.clone(), |_, _| true);
        if let Some((first, rest)) = divided {
            if found.is_some() || !theirs.is_empty() {
                theirs.push((renaming.issue(to), Effect::Live(first)));
            }
            self.list(own, alloc::vec![(renaming.issue(to), Effect::Live(rest))]);
        }
        self.list(renaming.kept_key(key), theirs);
    }
}

impl<S: Kind> DotStore<S> {
    /// The keys that name one of these writers, each with all its events.
    pub(crate) fn counts_of(&self, own: &dyn Fn(u32) -> bool) -> StoreDelta<S> {
        let mut delta = StoreDelta::default();
        if !S::Key::NAMES_WRITERS {
            return delta;
        }
        for (key, events) in self.entries().filter(|(key, _)| key.writer().is_some_and(own)) {
            delta.list_stored(key, &events);
        }
        delta
    }

    /// See [`Fragment::collect_new_counts`].
    pub(crate) fn new_counts_of(&self, since: &Since<'_>, own: &dyn Fn(u32) -> bool, upto: &[u64]) -> StoreDelta<S> {
        let mut delta = StoreDelta::default();
        if !S::Key::NAMES_WRITERS {
            return delta;
        }
        let has_left = |dot: PackedDot| upto.get(dot.slot() as usize).is_some_and(|&counter| dot.counter() <= counter);
        self.visit_new(since, &mut |slot| {
            let (key, events) = (self.key_at(slot), self.events_at(slot));
            if key.writer().is_some_and(own) && events.iter().all(|(dot, _)| has_left(dot)) {
                delta.list_stored(key, &events);
            }
        });
        delta
    }
}

/// The value that has seen exactly this delta, in the slots of the delta.
fn with_slots_of<F: Fragment>(delta: Delta<F>) -> Result<Causal<F>, ApplyError> {
    let mut value = Causal::new();
    value.context.version = delta.upto.with_counters(Vec::new());
    value.apply(delta)?;
    Ok(value)
}

impl<F: Fragment> Causal<F> {
    /// Carries on under a new id, after `peer` was found to know events of the old one that were never
    /// issued, or never sent, here ([`Forked`]).
    ///
    /// What was written here and is not `shared` gets new names, and is as if `writer` had written it;
    /// then the peer's state is merged, with all that the other one wrote under the old id. So nothing
    /// that was written on either side is lost, and what others wrote or removed stays exact. (Writing
    /// the live values again instead would bring back what others have removed.)
    ///
    /// The peer need not have seen all that the other one wrote. It is exact if `shared` is, that is if
    /// the other one started from what was loaded here, or from what has left since, and if
    /// [`Shared::forked_by`] was asked before anything was taken in or sent. Beyond repair is what has left
    /// under a name that the other one used as well, and what was taken in from those who had the other
    /// one's events, without noticing. What the other one shares beyond `shared` (it started from a backup
    /// of what had not left yet) is there twice: counted twice, and removed only where both are.
    ///
    /// Afterwards nothing of the new id has left: begin with [`Shared::new`]`(writer.uuid())`. From then on exchange states or deltas: operations under the new id follow upon the renamed events,
    /// of which there are no operations. Save the value and the record of the new writer before
    /// anything leaves. Costs O(state), once.
    ///
    /// ```
    /// use dotted::{Crdt, OrSet, Shared, Writer};
    ///
    /// let mut tokyo = Writer::new();
    /// let mut disk = OrSet::new();
    /// disk.insert(&mut tokyo, "milk".to_string());
    /// let record = tokyo.record();
    ///
    /// // The disk is copied, and both copies go on.
    /// let (mut one, mut two) = (disk.clone(), disk);
    /// let shared = Shared::of(&two, record.uuid());
    /// let (mut first, mut second) = (Writer::resume_exclusive(record.clone()), Writer::resume_exclusive(record));
    /// one.insert(&mut first, "tea".to_string());
    /// two.remove(&mut second, "milk");
    ///
    /// // They meet, and `two` has seen nothing of `tea` although its version says so.
    /// assert!(shared.forked_by(one.version()).is_some());
    /// let mut writer = Writer::new();
    /// two.rebase(&one, &shared, &mut writer)?;
    /// one.merge(&two);
    /// assert!(one == two && one.iter().eq(["tea"]));
    /// # Ok::<(), dotted::RebaseError>(())
    /// ```
    ///
    /// # Errors
    /// [`RebaseError`]. The value is as it was; the writer may have opened branches that it never uses.
    ///
    /// # Panics
    /// As [`edit`](Causal::edit): if the value has no room for the branches of the new writer.
    pub fn rebase(&mut self, peer: &Self, shared: &Shared<F>, writer: &mut Writer) -> Result<Applied, RebaseError> {
        if writer.uuid() == shared.uuid {
            return Err(RebaseError::SameWriter);
        }
        writer.renames();
        let mut renamed = self.renamed(shared, writer).map_err(RebaseError::Apply)?;
        let applied = renamed.try_merge(peer).map_err(RebaseError::Apply)?;
        renamed.context.collectable = self.context.collectable.take();
        *self = renamed;
        Ok(applied)
    }

    /// This value as if `writer` had written what is not shared.
    fn renamed(&self, shared: &Shared<F>, writer: &mut Writer) -> Result<Self, ApplyError> {
        let mut delta = self.delta_since(&VersionVector::new());
        let version = &self.context.version;
        let mut table = version.clone();
        let mut counters = version.counters().to_vec();
        let mut floor = self.context.floor.aligned_to(version).into_owned();
        floor.resize(counters.len(), 0);
        let mut moved = alloc::vec![None; counters.len()];
        let mut last = Vec::new();
        for slot in 0..counters.len() {
            let id = version.id(slot as u32);
            let kept = shared.last(&id).min(counters[slot]);
            if id.uuid() != shared.uuid || counters[slot] == kept {
                continue;
            }
            if table.slots() >= MAX_WRITERS - RESERVED_WRITERS / 2 {
                return Err(ApplyError::TooManyWriters);
            }
            let branch = writer.open(&[&table]).ok_or(ApplyError::TooManyWriters)?;
            let to = table.intern(&branch);
            moved[slot] = Some(Moved { shared: kept, to });
            let new = to as usize;
            last.resize(new + 1, 0);
            counters.resize(counters.len().max(new + 1), 0);
            floor.resize(counters.len(), 0);
            last[new] = counters[slot] - kept;
            if !mutants::on(Mutant::RebaseKeepsVersion) {
                counters[slot] = kept;
            }
            if !mutants::on(Mutant::RebaseForgetsFloor) {
                floor[new] = floor[slot].saturating_sub(kept);
            }
            floor[slot] = floor[slot].min(kept);
        }
        let counts = &shared.counts;
        let slots = table.slot_map(table.slots(), &counts.context.version);
        let mut renaming = Renaming { moved, table, last, shared: slots };
        F::rename(&mut delta.body, &counts.body, &mut renaming);
        let Renaming { table, last, .. } = renaming;
        for (slot, &last) in last.iter().enumerate().filter(|&(_, &last)| last > 0) {
            counters[slot] = last;
            writer.advance(table.branch(slot as u32), last);
        }
        delta.upto = table.with_counters(counters);
        delta.floor = table.with_counters(floor);
        with_slots_of(delta)
    }
}
