use alloc::borrow::Cow;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;
use core::hash::BuildHasher;

use hashbrown::HashTable;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use super::{Dot, MAX_COUNTER, MAX_WRITERS, ReplicaId};
use crate::hashing::Keyed;

/// What a replica has seen: for every writer, how many of its events, counted from the first.
///
/// Because every change takes a dot, removals too, and because deltas are applied whole or not at
/// all, a version vector says everything: two values of one history with equal version vectors are
/// equal. `a <= b` means that `b` has seen all that `a` has; concurrent vectors do not compare.
///
/// It is also the interning table of the value that it belongs to: a writer's position here is its
/// *slot*, and stays it. Copies share the table of ids, so a copy costs eight bytes per writer.
///
/// Parker et al., *Detection of Mutual Inconsistency in Distributed Systems* (1983).
#[derive(Clone, Default)]
pub struct VersionVector {
    ids: Arc<Ids>,
    /// By slot. May be shorter than `ids` (which copies share) and may hold zeros.
    counters: Vec<u64>,
}

/// The interning table. Columns, so that two tables compare at the speed of `memcmp`.
#[derive(Clone, Default)]
struct Ids {
    uuids: Vec<[u8; 16]>,
    branches: Vec<u32>,
    /// Slots by id, kept once there are more than `SCAN` ids.
    find: HashTable<u32>,
    hasher: Keyed,
    /// The slots by id, once somebody asked; copies share it.
    #[cfg(feature = "std")]
    order: std::sync::OnceLock<Vec<u32>>,
}

impl Ids {
    const SCAN: usize = 6;

    fn len(&self) -> usize {
        self.uuids.len()
    }

    #[inline]
    fn get(&self, slot: u32) -> ReplicaId {
        let slot = slot as usize;
        ReplicaId::new(Uuid::from_bytes(self.uuids[slot]), self.branches[slot])
    }

    fn hash(&self, id: &ReplicaId) -> u64 {
        self.hasher.hash_one((id.uuid().as_u128(), id.branch()))
    }

    #[inline]
    fn is(&self, slot: usize, id: &ReplicaId) -> bool {
        self.uuids[slot] == *id.uuid().as_bytes() && self.branches[slot] == id.branch()
    }

    fn find(&self, id: &ReplicaId) -> Option<u32> {
        if self.len() <= Self::SCAN {
            return (0..self.len()).find(|&slot| self.is(slot, id)).map(|slot| slot as u32);
        }
        self.find.find(self.hash(id), |&slot| self.is(slot as usize, id)).copied()
    }

    fn sorted(&self) -> Vec<u32> {
        let mut slots: Vec<u32> = (0..self.len() as u32).collect();
        slots.sort_unstable_by_key(|&slot| (self.uuids[slot as usize], self.branches[slot as usize]));
        slots
    }

    fn push(&mut self, id: &ReplicaId) -> u32 {
        #[cfg(feature = "std")]
        self.order.take();
        let slot = self.len() as u32;
        self.uuids.push(*id.uuid().as_bytes());
        self.branches.push(id.branch());
        let indexed = self.find.len() as u32;
        if self.len() > Self::SCAN {
            for slot in indexed..self.len() as u32 {
                let Self { uuids, branches, find, hasher, .. } = self;
                let hash =
                    |slot: u32| hasher.hash_one((u128::from_be_bytes(uuids[slot as usize]), branches[slot as usize]));
                find.insert_unique(hash(slot), slot, |&slot| hash(slot));
            }
        }
        slot
    }

    /// Whether the first `len` ids of both tables are the same.
    fn same_prefix(&self, other: &Self, len: usize) -> bool {
        self.len() >= len
            && other.len() >= len
            && self.uuids[..len] == other.uuids[..len]
            && self.branches[..len] == other.branches[..len]
    }
}

impl VersionVector {
    /// The empty version vector: nothing seen.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many events of `replica` have been seen.
    #[must_use]
    pub fn get(&self, replica: &ReplicaId) -> u64 {
        self.slot(replica).map_or(0, |slot| self.at(slot))
    }

    /// Whether the event has been seen. The counter 0 names no event, and is always "seen".
    #[must_use]
    pub fn contains(&self, dot: &Dot) -> bool {
        dot.counter <= self.get(&dot.replica)
    }

    /// The number of writers of whom something has been seen.
    #[must_use]
    pub fn len(&self) -> usize {
        self.counters.iter().filter(|&&counter| counter > 0).count()
    }

    /// Whether nothing has been seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counters.iter().all(|&counter| counter == 0)
    }

    /// The writers and their counters, in the order of replica ids.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (ReplicaId, u64)> + '_ {
        let order: Vec<u32> = self.slots_by_id().iter().copied().filter(|&slot| self.at(slot) > 0).collect();
        order.into_iter().map(|slot| (self.id(slot), self.at(slot)))
    }

    /// The branches of one writer and their counters, in no particular order.
    pub(crate) fn branches_of(&self, uuid: Uuid) -> impl Iterator<Item = (ReplicaId, u64)> + '_ {
        let slots = 0..self.counters.len() as u32;
        let own = slots.filter(move |&slot| self.at(slot) > 0 && self.uuid_bytes(slot) == uuid.as_bytes());
        own.map(|slot| (self.id(slot), self.at(slot)))
    }

    /// The greatest dot of each writer becomes the greater of the two: the join of the lattice.
    pub fn join(&mut self, other: &Self) {
        if self.shares_slots_of(other) {
            if self.counters.len() < other.counters.len() {
                self.counters.resize(other.counters.len(), 0);
            }
            for (mine, theirs) in self.counters.iter_mut().zip(&other.counters) {
                *mine = (*mine).max(*theirs);
            }
            return;
        }
        for (slot, &counter) in other.counters.iter().enumerate() {
            if counter > 0 {
                self.observe(&other.id(slot as u32), counter);
            }
        }
    }

    /// What both have seen: the meet of the lattice.
    #[must_use]
    pub fn meet(&self, other: &Self) -> Self {
        let slots = self.slot_map(self.counters.len(), other);
        let theirs = slots.gathered(&other.counters);
        let counters = self.counters.iter().enumerate();
        let counters = counters.map(|(slot, &mine)| mine.min(theirs.get(slot).copied().unwrap_or(0)));
        Self { counters: counters.collect(), ids: self.ids.clone() }
    }

    /// Records that events up to `counter` have been seen; a smaller counter changes nothing.
    ///
    /// # Panics
    /// If the counter is above 2⁴² − 1, or for more than 2²⁰ writers.
    pub fn observe(&mut self, replica: &ReplicaId, counter: u64) {
        assert!(counter <= MAX_COUNTER, "a counter has 42 bits");
        let slot = self.intern(replica);
        self.raise(slot, counter);
    }

    /// Whether `self <= other`. Costs O(writers of `self`), however many the other one has seen.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        if other.shares_slots_of(self) {
            return self.is_covered_by(&other.counters);
        }
        let mut guess = 0;
        self.counters.iter().enumerate().all(|(slot, &counter)| {
            counter == 0
                || other.find_near(guess, &self.ids, slot).is_some_and(|at| {
                    guess = at as usize + 1;
                    counter <= other.at(at)
                })
        })
    }

    // What follows is the kernel's view: slots.

    /// Whether these counters, by the slots of `self`, are nowhere smaller.
    pub(crate) fn is_covered_by(&self, counters: &[u64]) -> bool {
        let both = self.counters.len().min(counters.len());
        let (mine, rest) = self.counters.split_at(both);
        // A run at a time: within it there is nothing to decide, so that several are compared at once.
        let mut runs = mine.chunks(32).zip(counters.chunks(32));
        let is_run_covered = |mine: &[u64], theirs: &[u64]| {
            mine.iter().zip(theirs).fold(true, |covered, (mine, theirs)| covered & (mine <= theirs))
        };
        runs.all(|(mine, theirs)| is_run_covered(mine, theirs)) && rest.iter().all(|&mine| mine == 0)
    }

    #[inline]
    pub(crate) fn slot(&self, replica: &ReplicaId) -> Option<u32> {
        self.ids.find(replica)
    }

    /// The number of slots, used or not.
    #[inline]
    pub(crate) fn slots(&self) -> usize {
        self.ids.len()
    }

    #[inline]
    pub(crate) fn at(&self, slot: u32) -> u64 {
        self.counters.get(slot as usize).copied().unwrap_or(0)
    }

    /// By slot; slots past the end have seen nothing.
    #[inline]
    pub(crate) fn counters(&self) -> &[u64] {
        &self.counters
    }

    #[inline]
    pub(crate) fn id(&self, slot: u32) -> ReplicaId {
        self.ids.get(slot)
    }

    #[inline]
    pub(crate) fn uuid_bytes(&self, slot: u32) -> &[u8; 16] {
        &self.ids.uuids[slot as usize]
    }

    #[inline]
    pub(crate) fn branch(&self, slot: u32) -> u32 {
        self.ids.branches[slot as usize]
    }

    pub(crate) fn dot(&self, slot: u32, counter: u64) -> Dot {
        Dot::new(self.id(slot), counter)
    }

    pub(crate) fn intern(&mut self, replica: &ReplicaId) -> u32 {
        self.slot(replica).unwrap_or_else(|| {
            assert!(self.ids.len() < MAX_WRITERS, "a value has at most 2^20 writers");
            Arc::make_mut(&mut self.ids).push(replica)
        })
    }

    pub(crate) fn raise(&mut self, slot: u32, counter: u64) {
        let slot = slot as usize;
        if slot >= self.counters.len() {
            self.counters.resize(slot + 1, 0);
        }
        self.counters[slot] = self.counters[slot].max(counter);
    }

    /// Raises slots, which `slots` translates, to these counters, showing which rose and by how much.
    pub(crate) fn raise_all(&mut self, slots: &SlotMap, upto: &[u64], mut rose: impl FnMut(u32, u64)) {
        self.counters.reserve(upto.len().saturating_sub(self.counters.len()));
        for (slot, &theirs) in (0..).zip(upto) {
            let slot = slots.get(slot);
            let mine = self.at(slot);
            if theirs > mine {
                rose(slot, theirs - mine);
                self.set(slot, theirs);
            }
        }
    }

    /// The counter of a slot moves on.
    #[inline]
    pub(crate) fn set(&mut self, slot: u32, counter: u64) {
        match self.counters.get_mut(slot as usize) {
            Some(known) => *known = counter,
            None => self.set_first(slot, counter),
        }
    }

    #[cold]
    fn set_first(&mut self, slot: u32, counter: u64) {
        self.raise(slot, counter);
    }

    /// A vector over the same slots, with these counters.
    pub(crate) fn with_counters(&self, counters: Vec<u64>) -> Self {
        debug_assert!(counters.len() <= self.ids.len());
        Self { ids: self.ids.clone(), counters }
    }

    /// Whether every slot that `other` uses means the same writer here.
    #[inline]
    pub(crate) fn shares_slots_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.ids, &other.ids) || self.ids.same_prefix(&other.ids, other.counters.len())
    }

    /// This vector's counters by the slots of `base`; writers that `base` does not know are left out.
    pub(crate) fn aligned_to(&self, base: &Self) -> Cow<'_, [u64]> {
        let len = self.counters.len().min(base.ids.len());
        if Arc::ptr_eq(&self.ids, &base.ids) || self.ids.same_prefix(&base.ids, len) {
            // Writers past `len` are unknown to `base`, or have no counter here.
            return Cow::Borrowed(&self.counters[..len]);
        }
        let mut aligned = alloc::vec![0; base.ids.len()];
        let mut guess = 0;
        for (slot, &counter) in self.counters.iter().enumerate() {
            if counter > 0
                && let Some(at) = base.find_near(guess, &self.ids, slot)
            {
                aligned[at as usize] = counter;
                guess = at as usize + 1;
            }
        }
        Cow::Owned(aligned)
    }

    /// Looks at `guess` first: tables that grew by merging often keep runs of the same order.
    fn find_near(&self, guess: usize, ids: &Ids, slot: usize) -> Option<u32> {
        let here = &self.ids;
        if guess < here.len() && here.uuids[guess] == ids.uuids[slot] && here.branches[guess] == ids.branches[slot] {
            return Some(guess as u32);
        }
        here.find(&ids.get(slot as u32))
    }

    /// All slots, by the order of their replica ids. Sorted once for all copies, where std is there.
    pub(crate) fn slots_by_id(&self) -> Cow<'_, [u32]> {
        #[cfg(feature = "std")]
        return Cow::Borrowed(self.ids.order.get_or_init(|| self.ids.sorted()));
        #[cfg(not(feature = "std"))]
        Cow::Owned(self.ids.sorted())
    }

    /// Where the first `len` slots of `self` are in `base`, if `base` has them.
    pub(crate) fn slot_map(&self, len: usize, base: &Self) -> SlotMap {
        if Arc::ptr_eq(&self.ids, &base.ids) || base.ids.same_prefix(&self.ids, len) {
            return SlotMap::Same;
        }
        let mut guess = 0;
        let slots = (0..len).map(|slot| match base.find_near(guess, &self.ids, slot) {
            Some(at) => {
                guess = at as usize + 1;
                at
            }
            None => SlotMap::UNKNOWN,
        });
        SlotMap::Table(slots.collect())
    }
}

/// Translates slots of one version vector into those of another.
pub(crate) enum SlotMap {
    Same,
    Table(Vec<u32>),
}

impl SlotMap {
    pub(crate) const UNKNOWN: u32 = u32::MAX;

    #[inline]
    pub(crate) fn get(&self, slot: u32) -> u32 {
        match self {
            Self::Same => slot,
            Self::Table(table) => table[slot as usize],
        }
    }

    /// By the slots that are translated: what `mine` has, which is by the others.
    pub(crate) fn gathered<'a>(&self, mine: &'a [u64]) -> Cow<'a, [u64]> {
        match self {
            Self::Same => Cow::Borrowed(mine),
            Self::Table(table) => table.iter().map(|&slot| mine.get(slot as usize).copied().unwrap_or(0)).collect(),
        }
    }

    /// How many slots have no counterpart.
    pub(crate) fn unknown(&self) -> usize {
        match self {
            Self::Same => 0,
            Self::Table(table) => table.iter().filter(|&&slot| slot == Self::UNKNOWN).count(),
        }
    }

    /// Gives every slot a counterpart.
    pub(crate) fn complete(&mut self, theirs: &VersionVector, mine: &mut VersionVector) {
        if let Self::Table(table) = self {
            for (slot, to) in table.iter_mut().enumerate() {
                if *to == Self::UNKNOWN {
                    *to = mine.intern(&theirs.id(slot as u32));
                }
            }
        }
    }
}

impl PartialEq for VersionVector {
    fn eq(&self, other: &Self) -> bool {
        if self.shares_slots_of(other) && other.shares_slots_of(self) {
            let shared = self.counters.len().min(other.counters.len());
            return self.counters[..shared] == other.counters[..shared]
                && self.counters[shared..].iter().chain(&other.counters[shared..]).all(|&counter| counter == 0);
        }
        self.is_within(other) && other.is_within(self)
    }
}

impl Eq for VersionVector {}

impl PartialOrd for VersionVector {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self.is_within(other), other.is_within(self)) {
            (true, true) => Some(Ordering::Equal),
            (true, false) => Some(Ordering::Less),
            (false, true) => Some(Ordering::Greater),
            (false, false) => None,
        }
    }
}

impl FromIterator<(ReplicaId, u64)> for VersionVector {
    /// # Panics
    /// Like [`observe`](VersionVector::observe).
    fn from_iter<I: IntoIterator<Item = (ReplicaId, u64)>>(entries: I) -> Self {
        let mut version = Self::new();
        for (replica, counter) in entries {
            version.observe(&replica, counter);
        }
        version
    }
}

impl fmt::Debug for VersionVector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for VersionVector {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for VersionVector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = VersionVector;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from replica ids to counters")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<VersionVector, A::Error> {
                let mut version = VersionVector::new();
                while let Some((replica, counter)) = map.next_entry::<ReplicaId, u64>()? {
                    if counter == 0 || counter > MAX_COUNTER {
                        return Err(A::Error::custom("a counter is between 1 and 2^42 - 1"));
                    }
                    if version.get(&replica) > 0 {
                        return Err(A::Error::custom("a replica id appears twice"));
                    }
                    if version.slots() == MAX_WRITERS {
                        return Err(A::Error::custom("more than 2^20 writers"));
                    }
                    version.observe(&replica, counter);
                }
                Ok(version)
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(seed: u64) -> ReplicaId {
        ReplicaId::from_seed(seed)
    }

    fn version(entries: &[(u64, u64)]) -> VersionVector {
        entries.iter().map(|&(seed, counter)| (id(seed), counter)).collect()
    }

    #[test]
    fn order_does_not_depend_on_slots() {
        for many in [0, 20] {
            let tail: Vec<_> = (100..100 + many).map(|seed| (seed, 1)).collect();
            let forward = version(&[&[(1, 3), (2, 5)][..], &tail].concat());
            let backward = version(&[&tail[..], &[(2, 5), (1, 3)]].concat());
            assert_eq!(forward, backward);
            assert_eq!(forward.partial_cmp(&backward), Some(Ordering::Equal));
            let more = version(&[&tail[..], &[(2, 5), (3, 1), (1, 3)]].concat());
            assert!(forward < more && more > backward && forward != more);
            // As many writers, in another order: both directions count.
            let ahead = version(&[&tail[..], &[(2, 6), (1, 3)]].concat());
            assert_ne!(forward, ahead);
            assert_ne!(ahead, forward);
            assert!(forward < ahead);
            let other = version(&[&tail[..], &[(2, 6), (1, 2)]].concat());
            assert_eq!(forward.partial_cmp(&other), None);
            assert_eq!(forward.meet(&other), version(&[&tail[..], &[(1, 2), (2, 5)]].concat()));
            let mut joined = forward.clone();
            joined.join(&other);
            assert_eq!(joined, version(&[&tail[..], &[(1, 3), (2, 6)]].concat()));
            assert!(joined > forward && joined > other);
        }
    }

    #[test]
    fn zeros_mean_nothing() {
        let mut version = version(&[(1, 2)]);
        let before = version.clone();
        version.intern(&id(9));
        version.raise(1, 0);
        assert_eq!(version, before);
        assert_eq!(version.len(), 1);
        assert!(VersionVector::new().is_empty() && VersionVector::new() < version);
    }

    #[test]
    fn aligning_leaves_out_what_the_base_does_not_know() {
        let a = version(&[(1, 2), (2, 3), (3, 4)]);
        let b = version(&[(1, 9), (2, 9)]);
        assert_eq!(&*a.aligned_to(&b), &[2, 3]);
        let c = version(&[(3, 9), (7, 9)]);
        assert_eq!(&*a.aligned_to(&c), &[4, 0]);
    }

    #[test]
    fn json_is_a_sorted_map_and_is_checked() {
        let json = serde_json::to_string(&version(&[(2, 5), (1, 3)])).unwrap();
        assert!(json.find("0001-").unwrap() < json.find("0002-").unwrap(), "{json}");
        assert_eq!(serde_json::from_str::<VersionVector>(&json).unwrap(), version(&[(1, 3), (2, 5)]));
        let one = json.split_once(',').unwrap().0;
        assert!(serde_json::from_str::<VersionVector>(&alloc::format!("{one},{}}}", &one[1..])).is_err());
        assert!(serde_json::from_str::<VersionVector>(&one.replace(":3", ":0}")).is_err());
    }
}
