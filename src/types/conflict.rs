use alloc::vec::Vec;
use core::fmt::Debug;

use uuid::Uuid;

use crate::causality::{Dot, Timestamp, VersionVector};
use crate::kernel::{Events, EventsOf, Kind};
use crate::types::Stamped;

/// How versions came to be in conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
pub struct Version<'a, T> {
    /// The value; of a deletion, the value that it deleted, `None` if that was erased.
    pub value: Option<&'a T>,
    /// Whether this version deletes the value.
    pub deleted: bool,
    /// The event that wrote it.
    pub dot: Dot,
    /// When it was written. Ties are broken by the dot.
    pub timestamp: Timestamp,
}

/// A key with concurrent versions that differ.
///
/// All replicas that know the same events list the same conflicts, with their versions in the order
/// of their dots. Writing the key, by someone who has seen them, settles it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict<'a, K: ?Sized, T> {
    /// Which key; `()` where the type has only one.
    pub key: &'a K,
    /// How it came about.
    pub kind: ConflictKind,
    /// The versions.
    pub versions: Vec<Version<'a, T>>,
}

impl<'a, T> Version<'a, T> {
    pub(crate) fn live(dot: Dot, stamped: &'a Stamped<T>) -> Self {
        Self { value: Some(&stamped.value), deleted: false, dot, timestamp: stamped.at }
    }

    fn order(&self) -> (Timestamp, Dot) {
        (self.timestamp, self.dot)
    }
}

/// Which of several concurrent versions a read shows. It is a parameter of the read, so it writes
/// nothing, and replicas that choose differently still agree on the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Resolver<'a> {
    /// The last write, by `(timestamp, replica, counter)`.
    #[default]
    Latest,
    /// The first of the concurrent writes.
    Earliest,
    /// The write of the writer that comes first in this list; among the others the latest.
    Priority(&'a [Uuid]),
}

impl Resolver<'_> {
    /// The version that is chosen, whatever the order in which they are given.
    #[must_use]
    pub fn choose<'v, T>(&self, versions: impl IntoIterator<Item = Version<'v, T>>) -> Option<Version<'v, T>> {
        let versions = versions.into_iter();
        match self {
            Self::Latest => versions.max_by_key(Version::order),
            Self::Earliest => versions.min_by_key(Version::order),
            Self::Priority(writers) => {
                let place = |version: &Version<'_, T>| {
                    let uuid = version.dot.replica.uuid();
                    writers.iter().position(|&writer| writer == uuid).unwrap_or(writers.len())
                };
                versions.max_by_key(|version| (core::cmp::Reverse(place(version)), version.order()))
            }
        }
    }
}

/// The live versions of a key in the order of their dots.
pub(crate) fn versions<'a, T>(events: &EventsOf<'a, Stamped<T>>, version: &VersionVector) -> Vec<Version<'a, T>> {
    let dot = |dot: crate::causality::PackedDot| version.dot(dot.slot(), dot.counter());
    let mut versions: Vec<_> = events.live().map(|(at, stamped)| Version::live(dot(at), stamped)).collect();
    versions.sort_by_key(|version| version.dot);
    versions
}

/// Whether two of the values differ.
pub(crate) fn differ<'a, T: Eq + 'a>(values: impl IntoIterator<Item = &'a T>) -> bool {
    let mut values = values.into_iter();
    let first = values.next();
    values.any(|value| Some(value) != first)
}

/// The keys with several differing live writes, in the order of their first dots. Costs O(conflicts).
pub(crate) fn write_conflicts<'a, S, T>(
    store: impl Events<'a, Kind = S>,
    version: &VersionVector,
) -> Vec<Conflict<'a, <S::Key as crate::kernel::Key>::Shown, T>>
where
    S: Kind<Value = Stamped<T>>,
    T: crate::kernel::Data,
{
    use crate::kernel::Key;

    let conflicts = store.siblings().filter_map(|slot| {
        let versions = versions(&store.events_at(slot), version);
        let conflict = differ(versions.iter().filter_map(|version| version.value));
        conflict.then(|| Conflict { key: store.key_at(slot).shown(), kind: ConflictKind::WriteWrite, versions })
    });
    let mut conflicts: Vec<_> = conflicts.collect();
    conflicts.sort_by_key(|conflict| conflict.versions[0].dot);
    conflicts
}
