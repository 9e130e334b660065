use alloc::vec::Vec;
use core::fmt::Debug;

use serde::{Deserialize, Serialize};

use crate::causality::{Dot, ReplicaId, Timestamp, VersionVector};
use crate::kernel::{Data, Edit, Events, EventsMut, EventsOf, Key, Kind, Payload};
use crate::mutants::{self, Mutant};
use crate::types::{ResolveError, Resolved, Resolver};

/// How versions came to be in conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConflictKind {
    /// Both wrote. Registers and maps do not tell whether the value was there before.
    WriteWrite,
    /// Both created what was not there, in a record.
    InsertInsert,
    /// One deleted what the other changed, in a record.
    UpdateDelete,
}

/// One of several concurrent versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version<V> {
    /// The value; of a deletion, the value that it deleted, `None` if that was erased.
    pub value: Option<V>,
    /// Whether this version deletes the value.
    pub deleted: bool,
    /// The event that wrote it.
    pub dot: Dot,
    /// When it was written. Ties are broken by the dot. `None` where the type keeps no times.
    pub timestamp: Option<Timestamp>,
}

impl<V> Version<V> {
    /// Who wrote it.
    #[must_use]
    pub const fn writer(&self) -> ReplicaId {
        self.dot.replica
    }

    /// By time, and by dot where times are equal.
    pub(crate) fn order(&self) -> (Option<Timestamp>, Dot) {
        (self.timestamp, self.dot)
    }
}

impl<V: Clone> Version<&V> {
    /// The same with a value of its own.
    #[must_use]
    pub fn cloned(&self) -> Version<V> {
        Version { value: self.value.cloned(), deleted: self.deleted, dot: self.dot, timestamp: self.timestamp }
    }
}

/// A key with concurrent versions that differ.
///
/// All replicas that know the same events list the same conflicts, with their versions in the order
/// of their dots. Writing the key, by someone who has seen them, settles it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict<K, V> {
    /// Which key; `()` where the type has only one.
    pub key: K,
    /// How it came about.
    pub kind: ConflictKind,
    /// The versions. Equal values are listed each, if there is a different one.
    pub versions: Vec<Version<V>>,
}

impl<K: Clone, V: Clone> Conflict<&K, &V> {
    /// The same with a key and values of its own.
    #[must_use]
    pub fn cloned(&self) -> Conflict<K, V> {
        let versions = self.versions.iter().map(Version::cloned).collect();
        Conflict { key: self.key.clone(), kind: self.kind, versions }
    }
}

impl<K, V> Conflict<K, V> {
    /// The same about another key.
    pub(crate) fn with_key<L>(self, key: L) -> Conflict<L, V> {
        Conflict { key, kind: self.kind, versions: self.versions }
    }
}

/// A conflict that was settled: what was superseded, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled<K, V> {
    /// The conflict as it was.
    pub conflict: Conflict<K, V>,
    /// What took the place of its versions.
    pub by: Version<V>,
}

/// What an event says where every event is a value, with or without a time.
pub(crate) trait Written: Payload {
    type Value: Data;

    /// `None` if it is no value that is to be compared with others.
    fn value(&self) -> Option<&Self::Value>;

    fn timestamp(&self) -> Option<Timestamp>;

    /// A value that takes the place of what was written up to `last`.
    fn after(last: Option<Timestamp>, value: Self::Value) -> Self;
}

type Shown<S> = <<S as Kind>::Key as Key>::Shown;
type ValueOf<S> = <<S as Kind>::Value as Written>::Value;
type SettledOf<S> = Settled<Shown<S>, ValueOf<S>>;

/// The live versions of a key in the order of their dots.
pub(crate) fn versions<'a, T: Written>(
    events: &EventsOf<'a, T>,
    version: &VersionVector,
) -> Vec<Version<&'a T::Value>> {
    let shown = |(dot, event): (Dot, &'a T)| Version {
        value: event.value(),
        deleted: false,
        dot,
        timestamp: event.timestamp(),
    };
    events.by_dot(version).into_iter().map(shown).collect()
}

/// Whether two of the values differ.
pub(crate) fn differ<T: PartialEq>(values: impl IntoIterator<Item = T>) -> bool {
    let mut values = values.into_iter();
    let first = values.next();
    values.any(|value| first.as_ref() != Some(&value))
}

/// The conflict at a slot, if its live writes differ.
pub(crate) fn conflict_at<'a, S: Kind<Value: Written>>(
    store: impl Events<'a, Kind = S>,
    version: &VersionVector,
    slot: u32,
) -> Option<Conflict<&'a Shown<S>, &'a ValueOf<S>>> {
    let versions = versions(&store.events_at(slot), version);
    let conflict = differ(versions.iter().filter_map(|version| version.value));
    conflict.then(|| Conflict { key: store.key_at(slot).shown(), kind: ConflictKind::WriteWrite, versions })
}

/// The keys with several differing live writes, in the order of their first dots. Costs O(keys with
/// concurrent events).
pub(crate) fn write_conflicts<'a, S: Kind<Value: Written>>(
    store: impl Events<'a, Kind = S>,
    version: &VersionVector,
) -> Vec<Conflict<&'a Shown<S>, &'a ValueOf<S>>> {
    let found = store.siblings().into_iter().filter_map(|slot| conflict_at(store, version, slot));
    let mut conflicts: Vec<_> = found.collect();
    conflicts.sort_unstable_by_key(|conflict| conflict.versions[0].dot);
    conflicts
}

/// Conflicts with what is to take their places, decided before anything is written.
pub(crate) type Choices<S> = Vec<(u32, Conflict<Shown<S>, ValueOf<S>>, ValueOf<S>)>;

/// What a resolver makes of the conflicts at these slots. Those that it leaves open are not listed.
pub(crate) fn choices<'a, S: Kind<Value: Written>>(
    store: impl Events<'a, Kind = S>,
    version: &VersionVector,
    slots: &[u32],
    resolver: Resolver<'_, ValueOf<S>>,
) -> Result<Choices<S>, ResolveError>
where
    Shown<S>: Clone,
{
    let mut choices = Vec::new();
    for &slot in slots {
        let Some(conflict) = conflict_at(store, version, slot) else { continue };
        let conflict = conflict.cloned();
        if let Resolved::One(value) = resolver.resolve(versions(&store.events_at(slot), version))? {
            choices.push((slot, conflict, value.into_owned()));
        }
    }
    choices.sort_unstable_by_key(|(_, conflict, _)| conflict.versions[0].dot);
    Ok(choices)
}

/// Writes what was chosen, no later than it has to be: what a person writes meanwhile is to win.
pub(crate) fn settle<'e, S: Kind<Value: Written>>(
    store: &mut impl EventsMut<'e, Kind = S>,
    edit: &mut Edit<'e>,
    choices: Choices<S>,
) -> Vec<SettledOf<S>>
where
    Shown<S>: Sized,
{
    let settled = choices.into_iter().map(|(slot, conflict, value)| {
        let last = conflict.versions.iter().filter_map(|version| version.timestamp).max();
        let event = S::Value::after(last, value.clone());
        let timestamp = event.timestamp();
        let dot = store.write_at(edit, slot, Some(event));
        edit.set_apart();
        Settled { conflict, by: Version { value: Some(value), deleted: false, dot, timestamp } }
    });
    settled.collect()
}

/// Settles all conflicts as the resolver says, and leaves open what it does. All is decided before anything is written.
pub(crate) fn settle_by<'e, S: Kind<Value: Written>>(
    store: &mut impl EventsMut<'e, Kind = S>,
    edit: &mut Edit<'e>,
    resolver: Resolver<'_, ValueOf<S>>,
) -> Result<Vec<SettledOf<S>>, ResolveError>
where
    Shown<S>: Clone,
{
    let events = store.read();
    let slots = events.siblings();
    let choices = choices(events, edit.version(), &slots, resolver)?;
    Ok(settle(store, edit, choices))
}

/// The version that is to be written again in place of all, if there are more than `limit` and it is this writer's turn.
///
/// It is everybody's, so whoever is there does it. Who do it at a time write the same with the same stamp; where that is
/// all there is, it is the turn of him alone who wrote the last of these: so it ends.
pub(crate) fn to_trim<'v, 'a, V: Eq>(
    versions: &'v [Version<&'a V>],
    edit: &Edit<'_>,
    limit: usize,
) -> Option<&'v Version<&'a V>> {
    let last = versions.iter().max_by_key(|version| version.order()).filter(|_| versions.len() > limit.max(1))?;
    let differ = || differ(versions.iter().map(|version| (version.value, version.timestamp)));
    (edit.is_by(&last.writer()) || differ() || mutants::on(Mutant::TrimTogether)).then_some(last)
}

/// Of the keys at these slots with more than `limit` live writes, the last is written again. Returns the conflicts that
/// this settled.
pub(crate) fn trim<'e, S: Kind<Value: Written>>(
    store: &mut impl EventsMut<'e, Kind = S>,
    edit: &mut Edit<'e>,
    slots: &[u32],
    limit: usize,
) -> Vec<SettledOf<S>>
where
    Shown<S>: Clone,
{
    let (mut found, events) = (Vec::new(), store.read());
    for &slot in slots {
        let versions = versions(&events.events_at(slot), edit.version());
        if let Some(value) = to_trim(&versions, edit, limit).and_then(|last| last.value.cloned()) {
            let key = events.key_at(slot).shown();
            let conflict = Conflict { key, kind: ConflictKind::WriteWrite, versions };
            found.push((slot, conflict.cloned(), value));
        }
    }
    found.sort_unstable_by_key(|(_, conflict, _)| conflict.versions[0].dot);
    let mut settled = settle(store, edit, found);
    settled.retain(|settled| differ(settled.conflict.versions.iter().filter_map(|version| version.value.as_ref())));
    settled
}

#[cfg(test)]
mod tests {
    use core::cell::Cell;
    use core::hash::Hash;

    use hashbrown::Equivalent;

    use super::*;
    use crate::causality::Writer;
    use crate::kernel::{Hashed, View};
    use crate::{Crdt, LwwMap, VersionedRecord};

    /// Events that count which slots are visited.
    struct Counted<'c, E>(E, &'c Cell<usize>);

    impl<E: Copy> Clone for Counted<'_, E> {
        fn clone(&self) -> Self {
            *self
        }
    }

    impl<E: Copy> Copy for Counted<'_, E> {}

    impl<E> Counted<'_, E> {
        fn count<T>(&self, found: T) -> T {
            self.1.set(self.1.get() + 1);
            found
        }
    }

    impl<'a, E: Events<'a>> Events<'a> for Counted<'_, E> {
        type Kind = E::Kind;

        fn find(self, key: &<E::Kind as Kind>::Key) -> Option<u32> {
            self.0.find(key)
        }

        fn find_like<T, Q>(self, key: &Q) -> Option<u32>
        where
            E::Kind: Kind<Key = Hashed<T>>,
            T: Data + Hash,
            Q: Hash + Equivalent<T> + ?Sized,
        {
            self.0.find_like(key)
        }

        fn key_at(self, slot: u32) -> &'a <E::Kind as Kind>::Key {
            self.0.key_at(slot)
        }

        fn events_at(self, slot: u32) -> EventsOf<'a, <E::Kind as Kind>::Value> {
            self.count(self.0.events_at(slot))
        }

        fn is_live(self, slot: u32) -> bool {
            self.count(self.0.is_live(slot))
        }

        fn slots(self) -> impl Iterator<Item = u32> {
            self.0.slots().map(move |slot| self.count(slot))
        }

        fn siblings(self) -> Vec<u32> {
            self.0.siblings().into_iter().map(|slot| self.count(slot)).collect()
        }

        fn live_keys(self) -> usize {
            self.0.live_keys()
        }

        fn slots_by_dot(self, version: &VersionVector) -> Vec<u32> {
            let slots = self.0.slots_by_dot(version);
            slots.into_iter().map(|slot| self.count(slot)).collect()
        }
    }

    /// With `keys` keys, of which all but three were in conflict before.
    fn visits_of_a_map(keys: u32) -> usize {
        let (mut a, mut b) = (Writer::from_seed(1), Writer::from_seed(2));
        let (mut here, mut there) = (LwwMap::new(), LwwMap::new());
        (0..keys).for_each(|key| _ = here.insert(&mut a, key, 1));
        (0..keys).for_each(|key| _ = there.insert(&mut b, key, 2));
        here.merge(&there);
        assert_eq!(here.conflicts().len(), keys as usize);
        (3..keys).for_each(|key| _ = here.resolve(&mut a, key, 3));
        let visits = Cell::new(0);
        let conflicts = write_conflicts(Counted(&here.body, &visits), here.version());
        assert_eq!(conflicts.len(), 3);
        visits.get()
    }

    fn visits_of_a_record(fields: u32) -> usize {
        let mut a = Writer::from_seed(1);
        let mut here: VersionedRecord<u32> = VersionedRecord::new();
        (0..fields).for_each(|field| _ = here.set(&mut a, &alloc::format!("{field}"), 1));
        let mut there = here.clone();
        (0..3).for_each(|field| _ = here.set(&mut a, &alloc::format!("{field}"), 2));
        let mut b = Writer::from_seed(2);
        (0..3).for_each(|field| _ = there.set(&mut b, &alloc::format!("{field}"), 3));
        here.merge(&there);
        let visits = Cell::new(0);
        let conflicts = View::new(Counted(&here.body, &visits), here.version()).conflicts().len();
        assert_eq!(conflicts, 3);
        visits.get()
    }

    #[test]
    fn conflicts_are_found_without_visiting_other_keys() {
        assert_eq!(visits_of_a_map(10), visits_of_a_map(5_000));
        assert!(visits_of_a_map(5_000) <= 6);
        assert_eq!(visits_of_a_record(10), visits_of_a_record(2_000));
    }
}
