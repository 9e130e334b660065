use core::fmt;

use super::tag;
use crate::causality::{Dot, Writer};
use crate::kernel::{Causal, DotStore, Edit, Events, EventsMut, Kind, Mut, ShowKind, View, reads};

/// A flag that is off if in doubt.
///
/// | concurrent | result |
/// |---|---|
/// | enable ∥ disable | disabled |
///
/// ```
/// use dotted::{Crdt, DwFlag, Writer};
///
/// let (mut tokyo, mut london) = (Writer::new(), Writer::new());
/// let (mut here, mut there) = (DwFlag::new(), DwFlag::new());
/// here.enable(&mut tokyo);
/// there.disable(&mut london);
/// here.merge(&there);
/// assert!(!here.is_enabled());
/// ```
///
/// All operations cost O(concurrent writes). After Almeida, Shoker and Baquero (2018).
pub type DwFlag = Causal<DwFlagBody>;
/// The body of a [`DwFlag`], for values made of values.
pub type DwFlagBody = DotStore<DisableWins>;

/// The kind of a [`DwFlag`]: enabling and disabling are events both.
#[derive(Debug)]
pub enum DisableWins {}

impl Kind for DisableWins {
    type Key = ();
    type Value = bool;
    type Policy = ();
    const TAG: u8 = tag::DW_FLAG;
    const NAME: &'static str = "DwFlag";
}

/// Writes to a [`DwFlag`] within an edit.
pub type DwFlagMut<'e> = Mut<'e, DisableWins>;

impl<'e, E: EventsMut<'e, Kind = DisableWins>> Mut<'e, DisableWins, E> {
    /// Switches the flag on.
    pub fn enable(&mut self, edit: &mut Edit<'e>) -> Dot {
        self.events.write(edit, (), Some(true))
    }

    /// Switches the flag off.
    pub fn disable(&mut self, edit: &mut Edit<'e>) -> Dot {
        self.events.write(edit, (), Some(false))
    }
}

reads! { impl[] DisableWins {
    /// Whether it was enabled and no disabling is concurrent with that.
    #[must_use]
    fn is_enabled(view) -> bool {
        view.events.find(&()).is_some_and(|slot| {
            let events = view.events.events_at(slot);
            events.live().count() > 0 && events.live().all(|(_, &enabled)| enabled)
        })
    }
} }

impl DwFlag {
    /// Switches the flag on, unless someone disables it concurrently.
    pub fn enable(&mut self, writer: &mut Writer) -> Dot {
        self.edit(writer, |mut flag, edit| flag.enable(edit))
    }

    /// Switches the flag off. Also where it is off already: against concurrent enabling.
    pub fn disable(&mut self, writer: &mut Writer) -> Dot {
        self.edit(writer, |mut flag, edit| flag.disable(edit))
    }
}

impl ShowKind for DisableWins {
    fn show<'a>(view: View<'a, Self, impl Events<'a, Kind = Self>>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DwFlag").field(&view.is_enabled()).finish()
    }
}
