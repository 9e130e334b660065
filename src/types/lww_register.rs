use alloc::vec::Vec;
use core::fmt::{self, Debug};

use super::conflict::{self, Conflict, Settled, Version, versions, write_conflicts};
use super::group::{Group, GroupError, changed};
use super::stamped::{Stamped, latest, stamps};
use super::{ResolveError, Resolved, Resolver, tag};
use crate::causality::{Dot, Timestamp, Writer};
use crate::kernel::{Causal, Data, DotStore, Edit, Events, EventsMut, EventsOf, Kind, Mut, ShowKind, View, reads};

/// One value; of concurrent writes the last is shown, and the others stay visible as a conflict.
///
/// An overwrite by someone who had seen the value wins whatever the clocks say; among concurrent
/// writes the greatest `(timestamp, replica, counter)` wins.
///
/// | concurrent | result |
/// |---|---|
/// | set ∥ set | the later one is read; both are in `conflict()` |
/// | set ∥ clear | the set survives |
///
/// ```
/// use dotted::{Crdt, LwwRegister, Writer};
///
/// let (mut tokyo, mut london) = (Writer::new(), Writer::new());
/// let (mut here, mut there) = (LwwRegister::new(), LwwRegister::new());
/// here.set(&mut tokyo, "ana@old.example".to_string());
/// there.set(&mut london, "ana@new.example".to_string());
/// here.merge(&there);
/// there.merge(&here);
/// assert_eq!(here.get(), there.get());
/// assert_eq!(here.conflict().unwrap().versions.len(), 2);
/// let choice = here.get().unwrap().clone();
/// here.set(&mut tokyo, choice); // settles it
/// assert!(here.conflict().is_none());
/// ```
///
/// All operations cost O(concurrent writes). After Johnson and Thomas, *The Maintenance of Duplicate
/// Databases* (RFC 677, 1975), with the losers kept.
pub type LwwRegister<T> = Causal<LwwRegisterBody<T>>;
/// The body of an [`LwwRegister`], for values made of values.
pub type LwwRegisterBody<T> = DotStore<Latest<T>>;

/// The kind of an [`LwwRegister`]: one key, stamped values.
#[derive(Debug)]
pub struct Latest<T>(core::marker::PhantomData<T>);

impl<T: Data> Kind for Latest<T> {
    type Key = ();
    type Value = Stamped<T>;
    type Policy = ();
    const TAG: u8 = tag::LWW_REGISTER;
    const NAME: &'static str = "LwwRegister";
    const RESTAMP: Option<fn(&mut Stamped<T>, Timestamp)> = Some(Stamped::restamp);

    fn stamp_of(value: &Stamped<T>) -> Option<Timestamp> {
        Some(value.at)
    }
}

/// Writes to an [`LwwRegister`] within an edit.
pub type LwwRegisterMut<'e, T> = Mut<'e, Latest<T>>;

impl<'e, T: Data, E: EventsMut<'e, Kind = Latest<T>>> Mut<'e, Latest<T>, E> {
    /// Sets the value.
    pub fn set(&mut self, edit: &mut Edit<'e>, value: T) -> Dot {
        let events = events(self.events.read());
        if let Some(dot) = events.as_ref().and_then(|events| edit.unchanged(events, |only| only.value == value)) {
            return dot;
        }
        let at = edit.stamp(events.iter().flat_map(stamps));
        self.events.write(edit, (), Some(Stamped { at, value }))
    }

    /// Settles the conflict: supersedes all versions. The same as `set`.
    pub fn resolve(&mut self, edit: &mut Edit<'e>, value: T) -> Dot {
        self.set(edit, value)
    }

    /// Settles the conflict as the resolver says, with one write. What the resolver leaves open stays open. What
    /// is written is stamped just after what it supersedes, so that what a person writes meanwhile wins.
    ///
    /// # Errors
    /// [`ResolveError`] if the resolver is found not to be a function of the versions. Nothing is written.
    pub fn resolve_by(
        &mut self,
        edit: &mut Edit<'e>,
        resolver: Resolver<'_, T>,
    ) -> Result<Option<Settled<(), T>>, ResolveError> {
        Ok(conflict::settle_by(&mut self.events, edit, resolver)?.pop())
    }

    /// Where more than `limit` concurrent writes are kept, writes the last of them again, which supersedes the others.
    /// Anybody can do it. Of those who do it at a time, who write the same, only the last goes on: so it ends.
    /// Returns the conflict that this settled.
    pub fn trim_siblings(&mut self, edit: &mut Edit<'e>, limit: usize) -> Option<Settled<(), T>> {
        let slots = self.events.read().siblings();
        conflict::trim(&mut self.events, edit, &slots, limit).pop()
    }

    /// Removes the value, if there is one.
    pub fn clear(&mut self, edit: &mut Edit<'e>) -> Option<Dot> {
        let slot = self.events.read().only_live()?;
        Some(self.events.write_at(edit, slot, None))
    }
}

impl<'e, T: Group, E: EventsMut<'e, Kind = Latest<T>>> Mut<'e, Latest<T>, E> {
    /// Sets members of the group and keeps the others: see [`LwwRegister::set_members`].
    ///
    /// # Errors
    /// [`GroupError`]. Nothing is written.
    pub fn set_members<'m>(
        &mut self,
        edit: &mut Edit<'e>,
        members: impl IntoIterator<Item = (&'m str, T::Member)>,
    ) -> Result<Dot, GroupError> {
        let view = View::new(self.events.read(), edit.version());
        let group = changed(view.versions(), members)?;
        Ok(self.set(edit, group))
    }
}

fn events<'a, T: Data>(store: impl Events<'a, Kind = Latest<T>>) -> Option<EventsOf<'a, Stamped<T>>> {
    Some(store.events_at(store.find(&())?))
}

reads! { impl[T: Data] Latest<T> {
    /// The last value written, unless it was cleared.
    #[must_use]
    fn get(view) -> Option<&'a T> {
        Some(&latest(&events(view.events)?, view.version)?.1.value)
    }

    /// What the resolver makes of the concurrent versions.
    ///
    /// # Errors
    /// [`ResolveError`] if the resolver is found not to be a function of the versions.
    fn get_by(view, resolver: Resolver<'_, T>) -> Result<Resolved<'a, T>, ResolveError> {
        resolver.resolve(view.versions())
    }

    /// When the last value was written.
    #[must_use]
    fn timestamp(view) -> Option<Timestamp> {
        Some(latest(&events(view.events)?, view.version)?.1.at)
    }

    /// All concurrent versions, in the order of their dots. One, usually.
    #[must_use]
    fn versions(view) -> Vec<Version<&'a T>> {
        events(view.events).map_or_else(Vec::new, |events| versions(&events, view.version))
    }

    /// The concurrent versions, if there are several and they differ.
    #[must_use]
    fn conflict(view) -> Option<Conflict<&'a (), &'a T>> {
        write_conflicts(view.events, view.version).pop()
    }
} }

reads! { impl[T: Group] Latest<T> {
    /// A member of the group that is the value.
    #[must_use]
    fn get_member(view, member: &str) -> Option<&'a T::Member> {
        view.get()?.member(member)
    }
} }

impl<T: Group> LwwRegister<T> {
    /// Sets members of a group, the value, and keeps the others, as one event that supersedes the group as it was.
    /// A group that is not there is made. Costs O(members of the group).
    ///
    /// # Errors
    /// [`GroupError::InConflict`] while several groups are in conflict, since there is no one group to keep the others of;
    /// [`GroupError::NotAGroup`] and [`GroupError::TooDeep`]. Nothing is written then.
    pub fn set_members<'m>(
        &mut self,
        writer: &mut Writer,
        members: impl IntoIterator<Item = (&'m str, T::Member)>,
    ) -> Result<Dot, GroupError> {
        self.edit(writer, |mut register, edit| register.set_members(edit.only_changes(), members))
    }
}

impl<T: Data> LwwRegister<T> {
    /// Sets the value, superseding all that is known. Setting what is there already, as the only version, writes nothing,
    /// and returns the event that did.
    pub fn set(&mut self, writer: &mut Writer, value: T) -> Dot {
        self.edit(writer, |mut register, edit| register.set(edit.only_changes(), value))
    }

    /// Settles the conflict: supersedes all versions. The same as [`set`](LwwRegister::set).
    pub fn resolve(&mut self, writer: &mut Writer, value: T) -> Dot {
        self.set(writer, value)
    }

    /// Settles the conflict as the resolver says, with one write. What the resolver leaves open stays open. What
    /// is written is stamped just after what it supersedes, so that what a person writes meanwhile wins.
    ///
    /// # Errors
    /// [`ResolveError`] if the resolver is found not to be a function of the versions. Nothing is written.
    pub fn resolve_by(
        &mut self,
        writer: &mut Writer,
        resolver: Resolver<'_, T>,
    ) -> Result<Option<Settled<(), T>>, ResolveError> {
        self.edit(writer, |mut register, edit| register.resolve_by(edit, resolver))
    }

    /// Where more than `limit` concurrent writes are kept, writes the last of them again, which supersedes the others.
    /// Anybody can do it. Of those who do it at a time, who write the same, only the last goes on: so it ends.
    /// Returns the conflict that this settled.
    pub fn trim_siblings(&mut self, writer: &mut Writer, limit: usize) -> Option<Settled<(), T>> {
        self.edit(writer, |mut register, edit| register.trim_siblings(edit, limit))
    }

    /// Removes the value, if there is one. A concurrent `set` survives.
    pub fn clear(&mut self, writer: &mut Writer) -> Option<Dot> {
        self.edit(writer, |mut register, edit| register.clear(edit))
    }
}

impl<T: Data + Debug> ShowKind for Latest<T> {
    fn show<'a>(view: View<'a, Self, impl Events<'a, Kind = Self>>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LwwRegister").field(&view.get()).finish()
    }
}
