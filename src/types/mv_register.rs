use alloc::vec::Vec;
use core::fmt::{self, Debug};

use serde::{Deserialize, Serialize};

use super::tag;
use crate::causality::{Dot, Writer};
use crate::kernel::{Causal, Data, DotStore, Edit, Events, EventsMut, Kind, Mut, ShowKind, View, payload, reads};

/// One value, or all of the concurrent ones: nothing is chosen.
///
/// | concurrent | result |
/// |---|---|
/// | set ∥ set | both values are read |
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
/// All operations cost O(concurrent writes). After DeCandia et al., *Dynamo* (2007), with exact
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

impl<T: Data> Kind for MultiValue<T> {
    type Key = ();
    type Value = Plain<T>;
    const TAG: u8 = tag::MV_REGISTER;
    const NAME: &'static str = "MvRegister";
}

/// Writes to an [`MvRegister`] within an edit.
pub type MvRegisterMut<'e, T> = Mut<'e, MultiValue<T>>;

impl<'e, T: Data, E: EventsMut<'e, Kind = MultiValue<T>>> Mut<'e, MultiValue<T>, E> {
    /// Sets the value, superseding all that is known.
    pub fn set(&mut self, edit: &mut Edit<'e>, value: T) -> Dot {
        self.events.write(edit, (), Some(Plain(value)))
    }

    /// Removes all values, if there are any.
    pub fn clear(&mut self, edit: &mut Edit<'e>) -> Option<Dot> {
        let slot = self.events.read().only_live()?;
        Some(self.events.write_at(edit, slot, None))
    }
}

impl<'a, T: Data, E: Events<'a, Kind = MultiValue<T>>> View<'a, MultiValue<T>, E> {
    fn by_dot(self) -> Vec<(Dot, &'a T)> {
        let Self { events, version, .. } = self;
        let Some(slot) = events.find(&()) else { return Vec::new() };
        let events = events.events_at(slot);
        let mut values: Vec<_> =
            events.live().map(|(dot, value)| (version.dot(dot.slot(), dot.counter()), &value.0)).collect();
        values.sort_by_key(|&(dot, _)| dot);
        values
    }
}

reads! { impl[T: Data] MultiValue<T> {
    /// All concurrent values, in the order of their dots. Equal ones count as often as they were
    /// written.
    fn values(view) -> impl ExactSizeIterator<Item = &'a T> {
        view.by_dot().into_iter().map(|(_, value)| value)
    }

    /// All concurrent values with their dots, in the order of the dots.
    fn versions(view) -> impl ExactSizeIterator<Item = (Dot, &'a T)> {
        view.by_dot().into_iter()
    }

    /// The number of concurrent values.
    #[must_use]
    fn len(view) -> usize {
        view.events.find(&()).map_or(0, |slot| view.events.events_at(slot).live().count())
    }

    /// Whether there is no value.
    #[must_use]
    fn is_empty(view) -> bool {
        view.len() == 0
    }
} }

impl<T: Data> MvRegister<T> {
    /// Sets the value, superseding all that is known.
    pub fn set(&mut self, writer: &mut Writer, value: T) -> Dot {
        self.edit(writer, |mut register, edit| register.set(edit, value))
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
