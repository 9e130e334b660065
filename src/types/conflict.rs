use alloc::vec::Vec;
use core::fmt::Debug;

use serde::{Deserialize, Serialize};

use crate::causality::{Dot, PackedDot, ReplicaId, Timestamp, VersionVector};
use crate::kernel::{Data, Edit, Events, EventsMut, EventsOf, Key, Kind, Payload};
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

    fn value(&self) -> &Self::Value;

    fn timestamp(&self) -> Option<Timestamp>;

    /// A value that takes the place of what was written up to `last`.
    fn after(last: Option<Timestamp>, value: Self::Value) -> Self;
}

type Shown<S> = <<S as Kind>::Key as Key>::Shown;
type ValueOf<S> = <<S as Kind>::Value as Written>::Value;

/// The live versions of a key in the order of their dots.
pub(crate) fn versions<'a, T: Written>(
    events: &EventsOf<'a, T>,
    version: &VersionVector,
) -> Vec<Version<&'a T::Value>> {
    let dot = |dot: PackedDot| version.dot(dot.slot(), dot.counter());
    let shown = |(at, event): (PackedDot, &'a T)| Version {
        value: Some(event.value()),
        deleted: false,
        dot: dot(at),
        timestamp: event.timestamp(),
    };
    let mut versions: Vec<_> = events.live().map(shown).collect();
    versions.sort_unstable_by_key(|version| version.dot);
    versions
}

/// Whether two of the values differ.
pub(crate) fn differ<'a, T: Eq + 'a>(values: impl IntoIterator<Item = &'a T>) -> bool {
    let mut values = values.into_iter();
    let first = values.next();
    values.any(|value| Some(value) != first)
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
    let mut conflicts: Vec<_> = store.siblings().filter_map(|slot| conflict_at(store, version, slot)).collect();
    conflicts.sort_by_key(|conflict| conflict.versions[0].dot);
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
    choices.sort_by_key(|(_, conflict, _)| conflict.versions[0].dot);
    Ok(choices)
}

/// Writes what was chosen, no later than it has to be: what a person writes meanwhile is to win.
pub(crate) fn settle<'e, S: Kind<Value: Written>>(
    store: &mut impl EventsMut<'e, Kind = S>,
    edit: &mut Edit<'e>,
    choices: Choices<S>,
) -> Vec<Settled<Shown<S>, ValueOf<S>>>
where
    Shown<S>: Sized,
{
    let settled = choices.into_iter().map(|(slot, conflict, value)| {
        let last = conflict.versions.iter().filter_map(|version| version.timestamp).max();
        let event = S::Value::after(last, value.clone());
        let timestamp = event.timestamp();
        let dot = store.write_at(edit, slot, Some(event));
        Settled { conflict, by: Version { value: Some(value), deleted: false, dot, timestamp } }
    });
    settled.collect()
}

/// Of the keys at these slots with more than `limit` live writes, those whose last write is by the
/// writer of this edit get it written again. Returns the conflicts that this settled.
pub(crate) fn trim<'e, S: Kind<Value: Written>>(
    store: &mut impl EventsMut<'e, Kind = S>,
    edit: &mut Edit<'e>,
    slots: &[u32],
    limit: usize,
) -> Vec<Settled<Shown<S>, ValueOf<S>>>
where
    Shown<S>: Clone,
{
    let (mut found, events) = (Vec::new(), store.read());
    for &slot in slots {
        let versions = versions(&events.events_at(slot), edit.version());
        if versions.len() > limit.max(1)
            && let Some(last) = versions.iter().max_by_key(|version| version.order())
            && edit.is_by(&last.writer())
            && let Some(value) = last.value.cloned()
        {
            let key = events.key_at(slot).shown();
            let conflict = Conflict { key, kind: ConflictKind::WriteWrite, versions };
            found.push((slot, conflict.cloned(), value));
        }
    }
    found.sort_by_key(|(_, conflict, _)| conflict.versions[0].dot);
    let mut settled = settle(store, edit, found);
    settled.retain(|settled| differ(settled.conflict.versions.iter().filter_map(|version| version.value.as_ref())));
    settled
}
