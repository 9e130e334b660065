use alloc::vec::Vec;
use core::fmt::{self, Debug};

use super::conflict::{Conflict, Resolver, Version, versions, write_conflicts};
use super::stamped::{Stamped, greatest, latest};
use super::tag;
use crate::causality::{Dot, Timestamp, VersionVector, Writer};
use crate::kernel::{Causal, Data, DotStore, Edit, EventsOf, Kind, Show, reads};

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
    const TAG: u8 = tag::LWW_REGISTER;
    const NAME: &'static str = "LwwRegister";
    type Mut<'a> = LwwRegisterMut<'a, T>;

    #[inline]
    fn handle(store: &mut DotStore<Self>) -> LwwRegisterMut<'_, T> {
        LwwRegisterMut(store)
    }
}

/// Writes to an [`LwwRegister`] within an edit.
pub struct LwwRegisterMut<'a, T: Data>(&'a mut LwwRegisterBody<T>);

impl<'e, T: Data> LwwRegisterMut<'e, T> {
    /// Sets the value.
    pub fn set(&mut self, edit: &mut Edit<'e>, value: T) -> Dot {
        let at = edit.stamp(self.0.events().as_ref().and_then(greatest));
        self.0.write(edit, (), Some(Stamped { at, value }))
    }

    /// Removes the value, if there is one.
    pub fn clear(&mut self, edit: &mut Edit<'e>) -> Option<Dot> {
        let slot = self.0.find(&()).ok().filter(|&slot| self.0.is_live(slot))?;
        Some(self.0.write_at(edit, slot, None))
    }
}

impl<T: Data> LwwRegisterBody<T> {
    fn events(&self) -> Option<EventsOf<'_, Stamped<T>>> {
        self.find(&()).ok().map(|slot| self.events_at(slot))
    }
}

reads! { impl[T: Data] LwwRegisterBody<T> {
    /// The last value written, unless it was cleared.
    #[must_use]
    fn get(view) -> Option<&'a T> {
        Some(&latest(&view.body.events()?, view.version)?.1.value)
    }

    /// The value that the resolver chooses.
    #[must_use]
    fn get_by(view, resolver: Resolver<'_>) -> Option<&'a T> {
        resolver.choose(view.versions())?.value
    }

    /// When the last value was written.
    #[must_use]
    fn timestamp(view) -> Option<Timestamp> {
        Some(latest(&view.body.events()?, view.version)?.1.at)
    }

    /// All concurrent versions, in the order of their dots. One, usually.
    #[must_use]
    fn versions(view) -> Vec<Version<'a, T>> {
        view.body.events().map_or_else(Vec::new, |events| versions(&events, view.version))
    }

    /// The concurrent versions, if there are several and they differ.
    #[must_use]
    fn conflict(view) -> Option<Conflict<'a, (), T>> {
        write_conflicts(view.body, view.version).pop()
    }
} }

impl<T: Data> LwwRegister<T> {
    /// Sets the value, superseding all that is known.
    pub fn set(&mut self, writer: &mut Writer, value: T) -> Dot {
        self.edit(writer, |mut register, edit| register.set(edit, value))
    }

    /// Removes the value, if there is one. A concurrent `set` survives.
    pub fn clear(&mut self, writer: &mut Writer) -> Option<Dot> {
        self.edit(writer, |mut register, edit| register.clear(edit))
    }
}

impl<T: Data + Debug> Show for LwwRegisterBody<T> {
    fn show(&self, version: &VersionVector, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.events().and_then(|events| latest(&events, version));
        f.debug_tuple("LwwRegister").field(&value.map(|(_, stamped)| &stamped.value)).finish()
    }
}
