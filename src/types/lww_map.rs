use alloc::vec::Vec;
use core::fmt::{self, Debug};
use core::hash::Hash;

use hashbrown::Equivalent;

use super::conflict::{self, Conflict, Settled, Version, versions, write_conflicts};
use super::group::{Group, GroupError, changed};
use super::stamped::{Stamped, latest, stamps};
use super::{ResolveError, Resolved, Resolver, tag};
use crate::causality::{Dot, Timestamp, Writer};
use crate::kernel::{Causal, Data, DotStore, Edit, Events, EventsMut, Hashed, Kind, Mut, ShowKind, View, reads};

/// A map; of concurrent writes to a key the last is shown, and the others stay visible as a conflict.
///
/// | concurrent | result |
/// |---|---|
/// | insert k ∥ insert k | the later one is read; both are in `conflicts()` |
/// | insert k ∥ remove k | the insert survives |
/// | remove k ∥ remove k | k is not there |
///
/// ```
/// use dotted::{Crdt, LwwMap, Writer};
///
/// let (mut tokyo, mut london) = (Writer::new(), Writer::new());
/// let (mut here, mut there) = (LwwMap::new(), LwwMap::new());
/// here.insert(&mut tokyo, "milk".to_string(), 1);
/// there.insert(&mut london, "milk".to_string(), 2);
/// there.insert(&mut london, "tea".to_string(), 1);
/// here.merge(&there);
/// assert_eq!(here.len(), 2);
/// let conflicts = here.conflicts();
/// assert_eq!((conflicts.len(), conflicts[0].key.as_str()), (1, "milk"));
/// ```
///
/// `insert`, `remove` and `get` cost O(1) and O(concurrent writes of the key), `conflicts`
/// O(conflicts), iteration O(keys).
pub type LwwMap<K, V> = Causal<MapBody<K, V>>;
/// The body of an [`LwwMap`], for values made of values.
pub type MapBody<K, V> = DotStore<LastWriteWins<K, V>>;

/// The kind of an [`LwwMap`]: stamped values by key, removals are removals.
#[derive(Debug)]
pub struct LastWriteWins<K, V>(core::marker::PhantomData<(K, V)>);

impl<K: Data + Hash, V: Data> Kind for LastWriteWins<K, V> {
    type Key = Hashed<K>;
    type Value = Stamped<V>;
    type Policy = ();
    const TAG: u8 = tag::LWW_MAP;
    const NAME: &'static str = "LwwMap";
    const RESTAMP: Option<fn(&mut Stamped<V>, Timestamp)> = Some(Stamped::restamp);

    fn stamp_of(value: &Stamped<V>) -> Option<Timestamp> {
        Some(value.at)
    }
}

/// Writes to an [`LwwMap`] within an edit.
pub type MapMut<'e, K, V> = Mut<'e, LastWriteWins<K, V>>;

impl<'e, K: Data + Hash, V: Data, E: EventsMut<'e, Kind = LastWriteWins<K, V>>> Mut<'e, LastWriteWins<K, V>, E> {
    /// Sets the value of a key.
    #[inline]
    pub fn insert(&mut self, edit: &mut Edit<'e>, key: K, value: V) -> Dot {
        match self.events.locate(Hashed(key)) {
            Ok(slot) => {
                let events = self.events.read().events_at(slot);
                if let Some(dot) = edit.unchanged(&events, |only| only.value == value) {
                    return dot;
                }
                let at = edit.stamp(stamps(&events));
                self.events.write_at(edit, slot, Some(Stamped { at, value }))
            }
            Err(new) => {
                let at = edit.stamp(core::iter::empty());
                self.events.write_new(edit, new, Some(Stamped { at, value }))
            }
        }
    }

    /// Settles a conflict: supersedes all versions of the key. The same as `insert`.
    pub fn resolve(&mut self, edit: &mut Edit<'e>, key: K, value: V) -> Dot {
        self.insert(edit, key, value)
    }

    /// Removes a key, if it is there.
    #[inline]
    pub fn remove<Q: Hash + Equivalent<K> + ?Sized>(&mut self, edit: &mut Edit<'e>, key: &Q) -> Option<Dot> {
        let slot = self.events.read().find_live(key)?;
        Some(self.events.write_at(edit, slot, None))
    }

    /// Settles all conflicts as the resolver says, with one group of writes. What the resolver leaves open stays open. What
    /// is written is stamped just after what it supersedes, so that what a person writes meanwhile wins.
    ///
    /// # Errors
    /// [`ResolveError`] if the resolver is found not to be a function of the versions. Nothing is written.
    pub fn resolve_all(
        &mut self,
        edit: &mut Edit<'e>,
        resolver: Resolver<'_, V>,
    ) -> Result<Vec<Settled<K, V>>, ResolveError> {
        conflict::settle_by(&mut self.events, edit, resolver)
    }

    /// Where more than `limit` concurrent writes of a key are kept, writes the last of them again, which supersedes the others.
    /// Anybody can do it. Of those who do it at a time, who write the same, only the last goes on: so it ends.
    /// Returns the conflicts that this settled.
    pub fn trim_siblings(&mut self, edit: &mut Edit<'e>, limit: usize) -> Vec<Settled<K, V>> {
        let slots = self.events.read().siblings();
        conflict::trim(&mut self.events, edit, &slots, limit)
    }

    /// Removes all keys. Returns the last of its events.
    pub fn clear(&mut self, edit: &mut Edit<'e>) -> Option<Dot> {
        self.events.clear(edit)
    }
}

impl<'e, K: Data + Hash, V: Group, E: EventsMut<'e, Kind = LastWriteWins<K, V>>> Mut<'e, LastWriteWins<K, V>, E> {
    /// Sets members of the group at a key and keeps the others: see [`LwwMap::set_members`].
    ///
    /// # Errors
    /// [`GroupError`]. Nothing is written.
    pub fn set_members<'m>(
        &mut self,
        edit: &mut Edit<'e>,
        key: K,
        members: impl IntoIterator<Item = (&'m str, V::Member)>,
    ) -> Result<Dot, GroupError> {
        let view = View::new(self.events.read(), edit.version());
        let group = changed(view.versions(&key), members)?;
        Ok(self.insert(edit, key, group))
    }
}

reads! { impl[K: Data + Hash, V: Group] LastWriteWins<K, V> {
    /// A member of the group at a key.
    #[must_use]
    fn get_member[Q: Hash + Equivalent<K> + ?Sized](view, key: &Q, member: &str) -> Option<&'a V::Member> {
        view.get(key)?.member(member)
    }
} }

reads! { impl[K: Data + Hash, V: Data] LastWriteWins<K, V> {
    /// The last value written to a key, unless it was removed.
    #[inline]
    #[must_use]
    fn get[Q: Hash + Equivalent<K> + ?Sized](view, key: &Q) -> Option<&'a V> {
        let slot = view.events.find_live(key)?;
        Some(&latest(&view.events.events_at(slot), view.version)?.1.value)
    }

    /// What the resolver makes of the concurrent versions of a key.
    ///
    /// # Errors
    /// [`ResolveError`] if the resolver is found not to be a function of the versions.
    fn get_by[Q: Hash + Equivalent<K> + ?Sized](view, key: &Q, resolver: Resolver<'_, V>) -> Result<Resolved<'a, V>, ResolveError> {
        resolver.resolve(view.versions(key))
    }

    /// When the last value of a key was written.
    #[must_use]
    fn timestamp[Q: Hash + Equivalent<K> + ?Sized](view, key: &Q) -> Option<Timestamp> {
        let slot = view.events.find_live(key)?;
        Some(latest(&view.events.events_at(slot), view.version)?.1.at)
    }

    /// All concurrent versions of a key, in the order of their dots. One, usually.
    #[must_use]
    fn versions[Q: Hash + Equivalent<K> + ?Sized](view, key: &Q) -> Vec<Version<&'a V>> {
        let slot = view.events.find_live(key);
        slot.map_or_else(Vec::new, |slot| versions(&view.events.events_at(slot), view.version))
    }

    /// Whether the key is there.
    #[inline]
    #[must_use]
    fn contains_key[Q: Hash + Equivalent<K> + ?Sized](view, key: &Q) -> bool {
        view.events.find_live(key).is_some()
    }

    /// The number of keys.
    #[must_use]
    fn len(view) -> usize {
        view.events.live_keys()
    }

    /// Whether there are no keys.
    #[must_use]
    fn is_empty(view) -> bool {
        view.events.live_keys() == 0
    }

    /// The keys and their last values, in the order of their dots: the same on all replicas.
    fn iter(view) -> impl Iterator<Item = (&'a K, &'a V)> {
        let slots = view.events.slots_by_dot(view.version).into_iter();
        slots.filter_map(move |slot| {
            let (_, stamped) = latest(&view.events.events_at(slot), view.version)?;
            Some((&view.events.key_at(slot).0, &stamped.value))
        })
    }

    /// The keys, in the order of their dots.
    fn keys(view) -> impl ExactSizeIterator<Item = &'a K> {
        view.events.slots_by_dot(view.version).into_iter().map(move |slot| &view.events.key_at(slot).0)
    }

    /// The last values, in the order of their dots.
    fn values(view) -> impl Iterator<Item = &'a V> {
        view.iter().map(|(_, value)| value)
    }

    /// The concurrent versions of a key, if there are several and they differ.
    #[must_use]
    fn conflict[Q: Hash + Equivalent<K> + ?Sized](view, key: &Q) -> Option<Conflict<&'a K, &'a V>> {
        conflict::conflict_at(view.events, view.version, view.events.find_live(key)?)
    }

    /// The keys with concurrent values that differ, in the order of their dots. Costs O(keys with
    /// concurrent events).
    #[must_use]
    fn conflicts(view) -> Vec<Conflict<&'a K, &'a V>> {
        write_conflicts(view.events, view.version)
    }
} }

impl<K: Data + Hash, V: Group> LwwMap<K, V> {
    /// Sets members of a group, the value of a key, and keeps the others, as one event that supersedes the group as it
    /// was. A group that is not there is made. Costs O(members of the group).
    ///
    /// # Errors
    /// [`GroupError::InConflict`] while several groups are in conflict, since there is no one group to keep the others of;
    /// [`GroupError::NotAGroup`] and [`GroupError::TooDeep`]. Nothing is written then.
    pub fn set_members<'m>(
        &mut self,
        writer: &mut Writer,
        key: K,
        members: impl IntoIterator<Item = (&'m str, V::Member)>,
    ) -> Result<Dot, GroupError> {
        self.edit(writer, |mut map, edit| map.set_members(edit.only_changes(), key, members))
    }
}

impl<K: Data + Hash, V: Data> LwwMap<K, V> {
    /// Sets the value of a key, superseding all that is known of it. Setting what is there already, as the only version,
    /// writes nothing, and returns the event that did.
    #[inline]
    pub fn insert(&mut self, writer: &mut Writer, key: K, value: V) -> Dot {
        self.edit(writer, |mut map, edit| map.insert(edit.only_changes(), key, value))
    }

    /// Settles a conflict: supersedes all versions of the key. The same as [`insert`](LwwMap::insert).
    pub fn resolve(&mut self, writer: &mut Writer, key: K, value: V) -> Dot {
        self.insert(writer, key, value)
    }

    /// Removes a key, if it is there. A concurrent `insert` survives.
    #[inline]
    pub fn remove<Q: Hash + Equivalent<K> + ?Sized>(&mut self, writer: &mut Writer, key: &Q) -> Option<Dot> {
        self.edit(writer, |mut map, edit| map.remove(edit, key))
    }

    /// Settles all conflicts as the resolver says, with one group of writes. What the resolver leaves open stays open. What
    /// is written is stamped just after what it supersedes, so that what a person writes meanwhile wins.
    ///
    /// # Errors
    /// [`ResolveError`] if the resolver is found not to be a function of the versions. Nothing is written.
    pub fn resolve_all(
        &mut self,
        writer: &mut Writer,
        resolver: Resolver<'_, V>,
    ) -> Result<Vec<Settled<K, V>>, ResolveError> {
        self.edit(writer, |mut map, edit| map.resolve_all(edit, resolver))
    }

    /// Where more than `limit` concurrent writes of a key are kept, writes the last of them again, which supersedes the others.
    /// Anybody can do it. Of those who do it at a time, who write the same, only the last goes on: so it ends.
    /// Returns the conflicts that this settled.
    pub fn trim_siblings(&mut self, writer: &mut Writer, limit: usize) -> Vec<Settled<K, V>> {
        self.edit(writer, |mut map, edit| map.trim_siblings(edit, limit))
    }

    /// Removes all keys, as one group. Returns the last of its events.
    pub fn clear(&mut self, writer: &mut Writer) -> Option<Dot> {
        self.edit(writer, |mut map, edit| map.clear(edit))
    }

    /// Sets all of these, as one group.
    pub fn extend(&mut self, writer: &mut Writer, entries: impl IntoIterator<Item = (K, V)>) {
        self.edit(writer, |mut map, edit| {
            let entries = entries.into_iter();
            map.reserve(entries.size_hint().0);
            for (key, value) in entries {
                map.insert(edit, key, value);
            }
        });
    }

    /// Whether both show the same keys and values, whatever their histories.
    #[must_use]
    pub fn same_content(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(key, value)| other.get(key) == Some(value))
    }
}

impl<'a, K: Data + Hash, V: Data> IntoIterator for &'a LwwMap<K, V> {
    type Item = (&'a K, &'a V);
    type IntoIter = alloc::vec::IntoIter<(&'a K, &'a V)>;

    /// The keys and their last values, in the order of their dots.
    fn into_iter(self) -> Self::IntoIter {
        self.iter().collect::<Vec<_>>().into_iter()
    }
}

impl<K: Data + Hash + Debug, V: Data + Debug> ShowKind for LastWriteWins<K, V> {
    fn show<'a>(view: View<'a, Self, impl Events<'a, Kind = Self>>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(view.iter()).finish()
    }
}
