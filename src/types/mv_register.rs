use alloc::vec::Vec;
use core::fmt::{self, Debug};

use serde::{Deserialize, Serialize};

use super::conflict::{self, Conflict, Settled, Version, Written, versions, write_conflicts};
use super::group::{Group, GroupError, changed};
use super::{ResolveError, Resolved, Resolver, tag};
use crate::causality::{Dot, Timestamp, Writer};
use crate::kernel::{Causal, Data, DotStore, Edit, Events, EventsMut, Kind, Mut, ShowKind, View, payload, reads};

/// One value, or all of the concurrent ones: nothing is chosen.
///
/// | concurrent | result |
/// |---|---|
/// | set ∥ set | both values are read, once if they are equal |
/// | set ∥ clear | the set survives |
///
/// ```
/// use dotted::{Crdt, MvRegister, Writer};
///
/// let (mut tokyo, mut london) = (Writer::new(), Writer::new());
/// let (mut here, mut there) = (MvRegister::new(), MvRegister::new());
/// here.set(&mut tokyo, 1);
/// there.set(&mut london, 2);
/// here.merge(&there);
/// assert_eq!(here.len(), 2);
/// let sum = here.values().sum::<i32>();
/// here.set(&mut tokyo, sum); // has seen both
/// assert!(here.values().eq([&3]));
/// ```
///
/// It keeps no times: where a [`Resolver`] goes by time, the dots alone decide.
///
/// All operations cost O(concurrent writes), reading the values besides O(writes × different values). After DeCandia et al., *Dynamo* (2007), with exact
/// causality as in Preguiça et al., *Dotted Version Vectors* (2010).
pub type MvRegister<T> = Causal<MvRegisterBody<T>>;
/// The body of an [`MvRegister`], for values made of values.
pub type MvRegisterBody<T> = DotStore<MultiValue<T>>;

/// The kind of an [`MvRegister`]: one key, plain values.
#[derive(Debug)]
pub struct MultiValue<T>(core::marker::PhantomData<T>);

/// A value without a timestamp.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Plain<T>(T);
payload!(Plain<T>, T: Data);

impl<T: Data> Written for Plain<T> {
    type Value = T;

    fn value(&self) -> Option<&T> {
        Some(&self.0)
    }

    fn timestamp(&self) -> Option<Timestamp> {
        None
    }

    fn after(_: Option<Timestamp>, value: T) -> Self {
        Self(value)
    }
}

impl<T: Data> Kind for MultiValue<T> {
    type Key = ();
    type Value = Plain<T>;
    type Policy = ();
    const TAG: u8 = tag::MV_REGISTER;
    const NAME: &'static str = "MvRegister";
}

/// Writes to an [`MvRegister`] within an edit.
pub type MvRegisterMut<'e, T> = Mut<'e, MultiValue<T>>;

impl<'e, T: Data, E: EventsMut<'e, Kind = MultiValue<T>>> Mut<'e, MultiValue<T>, E> {
    /// Sets the value, superseding all that is known.
    pub fn set(&mut self, edit: &mut Edit<'e>, value: T) -> Dot {
        let events = self.events.read();
        let only = events.find(&()).and_then(|slot| edit.unchanged(&events.events_at(slot), |only| only.0 == value));
        only.unwrap_or_else(|| self.events.write(edit, (), Some(Plain(value))))
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

    /// Removes all values, if there are any.
    pub fn clear(&mut self, edit: &mut Edit<'e>) -> Option<Dot> {
        let slot = self.events.read().only_live()?;
        Some(self.events.write_at(edit, slot, None))
    }
}

impl<'e, T: Group, E: EventsMut<'e, Kind = MultiValue<T>>> Mut<'e, MultiValue<T>, E> {
    /// Sets members of the group and keeps the others: see [`MvRegister::set_members`].
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

reads! { impl[T: Data] MultiValue<T> {
    /// The concurrent values, in the order of their dots. Equal ones are one.
    fn values(view) -> impl ExactSizeIterator<Item = &'a T> {
        let mut values = Vec::new();
        for value in view.versions().into_iter().filter_map(|version| version.value) {
            if !values.contains(&value) {
                values.push(value);
            }
        }
        values.into_iter()
    }

    /// All concurrent versions, in the order of their dots. Equal values are listed each.
    #[must_use]
    fn versions(view) -> Vec<Version<&'a T>> {
        let slot = view.events.find(&());
        slot.map_or_else(Vec::new, |slot| versions(&view.events.events_at(slot), view.version))
    }

    /// What the resolver makes of the concurrent versions.
    ///
    /// # Errors
    /// [`ResolveError`] if the resolver is found not to be a function of the versions.
    fn get_by(view, resolver: Resolver<'_, T>) -> Result<Resolved<'a, T>, ResolveError> {
        resolver.resolve(view.versions())
    }

    /// The concurrent versions, if there are several and they differ.
    #[must_use]
    fn conflict(view) -> Option<Conflict<&'a (), &'a T>> {
        write_conflicts(view.events, view.version).pop()
    }

    /// The number of concurrent values that differ.
    #[must_use]
    fn len(view) -> usize {
        view.values().len()
    }

    /// Whether there is no value.
    #[must_use]
    fn is_empty(view) -> bool {
        view.events.only_live().is_none()
    }
} }

impl<T: Group> MvRegister<T> {
    /// Sets members of a group, the value, and keeps the others, as one event that supersedes the group as it was.
    /// A group that is not there is made. Costs O(members of the group).
    ///
    /// # Errors
    /// [`GroupError::InConflict`] while there are several values, since there is no one group to keep the others of;
    /// [`GroupError::NotAGroup`] and [`GroupError::TooDeep`]. Nothing is written then.
    pub fn set_members<'m>(
        &mut self,
        writer: &mut Writer,
        members: impl IntoIterator<Item = (&'m str, T::Member)>,
    ) -> Result<Dot, GroupError> {
        self.edit(writer, |mut register, edit| register.set_members(edit.only_changes(), members))
    }
}

impl<T: Data> MvRegister<T> {
    /// Sets the value, superseding all that is known. Setting what is there already, as the only version, writes nothing,
    /// and returns the event that did.
    pub fn set(&mut self, writer: &mut Writer, value: T) -> Dot {
        self.edit(writer, |mut register, edit| register.set(edit.only_changes(), value))
    }

    /// Settles the conflict: supersedes all versions. The same as [`set`](MvRegister::set).
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

    /// Removes all values, if there are any. A concurrent `set` survives.
    pub fn clear(&mut self, writer: &mut Writer) -> Option<Dot> {
        self.edit(writer, |mut register, edit| register.clear(edit))
    }
}

impl<T: Data + Debug> ShowKind for MultiValue<T> {
    fn show<'a>(view: View<'a, Self, impl Events<'a, Kind = Self>>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MvRegister")?;
        f.debug_list().entries(view.values()).finish()
    }
}
