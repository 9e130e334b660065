use core::marker::PhantomData;

use super::event::Kind;
use super::events::EventsMut;
use super::store::DotStore;

/// Writes to a value, or to a part of one, within an edit.
///
/// The writes of a type are here with an [`Edit`](crate::Edit) where the value itself takes a writer.
pub struct Mut<'e, S: Kind, E = &'e mut DotStore<S>> {
    pub(crate) events: E,
    /// Handle and edit share this lifetime, which no other edit has.
    edit: PhantomData<&'e mut ()>,
    pub(crate) policy: S::Policy,
}

impl<'e, S: Kind, E: EventsMut<'e, Kind = S>> Mut<'e, S, E> {
    #[inline]
    pub(crate) fn new(events: E) -> Self {
        Self::with_policy(events, S::Policy::default())
    }

    #[inline]
    pub(crate) fn with_policy(events: E, policy: S::Policy) -> Self {
        Self { events, policy, edit: PhantomData }
    }

    /// Makes a value that is still empty ready for so many keys, so that adding them is faster. It changes nothing else.
    pub fn reserve(&mut self, keys: usize) {
        self.events.reserve(keys);
    }
}
