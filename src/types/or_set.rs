use alloc::vec::Vec;
use core::fmt::{self, Debug};
use core::hash::Hash;

use hashbrown::Equivalent;

use super::tag;
use crate::causality::{Dot, Writer};
use crate::kernel::{Causal, Data, DotStore, Edit, Events, EventsMut, Hashed, Kind, Mut, ShowKind, View, reads};

/// A set in which a concurrent add survives a remove.
///
/// A remove takes away the adds that it has seen (*observed remove*), and nothing else.
///
/// | concurrent | result |
/// |---|---|
/// | insert x ∥ insert x | x is in the set |
/// | insert x ∥ remove x | x is in the set |
/// | remove x ∥ remove x | x is not in the set |
///
/// ```
/// use dotted::{Crdt, OrSet, Writer};
///
/// let (mut tokyo, mut london) = (Writer::new(), Writer::new());
/// let mut here = OrSet::new();
/// here.insert(&mut tokyo, "milk".to_string());
/// let mut there = here.clone();
/// here.remove(&mut tokyo, "milk");
/// there.insert(&mut london, "milk".to_string());
/// here.merge(&there);
/// assert!(here.contains("milk"));
/// ```
///
/// `insert`, `remove` and `contains` cost O(1), iteration O(elements). After Bieniusa et al., *An
/// Optimized Conflict-free Replicated Set* (2012), with removals that take dots.
pub type OrSet<T> = Causal<SetBody<T>>;
/// The body of an [`OrSet`], for values made of values.
pub type SetBody<T> = DotStore<AddWins<T>>;

/// The kind of an [`OrSet`]: elements are keys, removals are removals.
#[derive(Debug)]
pub struct AddWins<T>(core::marker::PhantomData<T>);

impl<T: Data + Hash> Kind for AddWins<T> {
    type Key = Hashed<T>;
    type Value = ();
    type Policy = ();
    const TAG: u8 = tag::OR_SET;
    const NAME: &'static str = "OrSet";
}

/// Writes to an [`OrSet`] within an edit.
pub type SetMut<'e, T> = Mut<'e, AddWins<T>>;

impl<'e, T: Data + Hash, E: EventsMut<'e, Kind = AddWins<T>>> Mut<'e, AddWins<T>, E> {
    /// Adds an element.
    #[inline]
    pub fn insert(&mut self, edit: &mut Edit<'e>, value: T) -> Dot {
        self.events.write(edit, Hashed(value), Some(()))
    }

    /// Removes an element, if it is there.
    #[inline]
    pub fn remove<Q: Hash + Equivalent<T> + ?Sized>(&mut self, edit: &mut Edit<'e>, value: &Q) -> Option<Dot> {
        let slot = self.events.read().find_live(value)?;
        Some(self.events.write_at(edit, slot, None))
    }

    /// Removes all elements. Returns the last of its events.
    pub fn clear(&mut self, edit: &mut Edit<'e>) -> Option<Dot> {
        self.events.clear(edit)
    }

    /// Removes the elements that do not pass. Returns the last of its events.
    pub fn retain(&mut self, edit: &mut Edit<'e>, mut keep: impl FnMut(&T) -> bool) -> Option<Dot> {
        self.events.remove_unless(edit, |value| keep(&value.0))
    }
}

reads! { impl[T: Data + Hash] AddWins<T> {
    /// Whether the element is there.
    #[inline]
    #[must_use]
    fn contains[Q: Hash + Equivalent<T> + ?Sized](view, value: &Q) -> bool {
        view.events.find_live(value).is_some()
    }

    /// The number of elements.
    #[must_use]
    fn len(view) -> usize {
        view.events.live_keys()
    }

    /// Whether there are no elements.
    #[must_use]
    fn is_empty(view) -> bool {
        view.events.live_keys() == 0
    }

    /// The elements, in the order of their dots: the same on all replicas.
    fn iter(view) -> impl ExactSizeIterator<Item = &'a T> {
        view.events.slots_by_dot(view.version).into_iter().map(move |slot| &view.events.key_at(slot).0)
    }
} }

impl<T: Data + Hash> OrSet<T> {
    /// Adds an element. Also where it is there already: against concurrent removals.
    #[inline]
    pub fn insert(&mut self, writer: &mut Writer, value: T) -> Dot {
        self.edit(writer, |mut set, edit| set.insert(edit, value))
    }

    /// Removes an element, if it is there. A concurrent `insert` survives.
    #[inline]
    pub fn remove<Q: Hash + Equivalent<T> + ?Sized>(&mut self, writer: &mut Writer, value: &Q) -> Option<Dot> {
        self.edit(writer, |mut set, edit| set.remove(edit, value))
    }

    /// Removes all elements, as one group. Returns the last of its events.
    pub fn clear(&mut self, writer: &mut Writer) -> Option<Dot> {
        self.edit(writer, |mut set, edit| set.clear(edit))
    }

    /// Removes the elements that do not pass, as one group. Returns the last of its events.
    pub fn retain(&mut self, writer: &mut Writer, keep: impl FnMut(&T) -> bool) -> Option<Dot> {
        self.edit(writer, |mut set, edit| set.retain(edit, keep))
    }

    /// Adds all elements, as one group.
    pub fn extend(&mut self, writer: &mut Writer, values: impl IntoIterator<Item = T>) {
        self.edit(writer, |mut set, edit| {
            let values = values.into_iter();
            set.reserve(values.size_hint().0);
            for value in values {
                set.insert(edit, value);
            }
        });
    }

    /// Whether both have the same elements, whatever their histories.
    #[must_use]
    pub fn same_content(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|value| other.contains(value))
    }
}

impl<'a, T: Data + Hash> IntoIterator for &'a OrSet<T> {
    type Item = &'a T;
    type IntoIter = alloc::vec::IntoIter<&'a T>;

    /// The elements, in the order of their dots.
    fn into_iter(self) -> Self::IntoIter {
        self.iter().collect::<Vec<_>>().into_iter()
    }
}

impl<T: Data + Hash + Debug> ShowKind for AddWins<T> {
    fn show<'a>(view: View<'a, Self, impl Events<'a, Kind = Self>>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(view.iter()).finish()
    }
}
