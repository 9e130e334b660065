use core::fmt;

use super::tag;
use crate::causality::{Dot, Writer};
use crate::kernel::{Causal, DotStore, Edit, Events, EventsMut, Kind, Mut, ShowKind, View, reads};

/// A flag that is on if in doubt.
///
/// | concurrent | result |
/// |---|---|
/// | enable ∥ disable | enabled |
///
/// ```
/// use dotted::{Crdt, EwFlag, Writer};
///
/// let (mut tokyo, mut london) = (Writer::new(), Writer::new());
/// let mut here = EwFlag::new();
/// here.enable(&mut tokyo);
/// let mut there = here.clone();
/// here.disable(&mut tokyo);
/// there.enable(&mut london);
/// here.merge(&there);
/// assert!(here.is_enabled());
/// ```
///
/// All operations cost O(concurrent writes). After Almeida, Shoker and Baquero (2018).
pub type EwFlag = Causal<EwFlagBody>;
/// The body of an [`EwFlag`], for values made of values.
pub type EwFlagBody = DotStore<EnableWins>;

/// The kind of an [`EwFlag`]: enabling is an event, disabling a removal.
#[derive(Debug)]
pub enum EnableWins {}

impl Kind for EnableWins {
    type Key = ();
    type Value = ();
    type Policy = ();
    const TAG: u8 = tag::EW_FLAG;
    const NAME: &'static str = "EwFlag";
}

/// Writes to an [`EwFlag`] within an edit.
pub type EwFlagMut<'e> = Mut<'e, EnableWins>;

impl<'e, E: EventsMut<'e, Kind = EnableWins>> Mut<'e, EnableWins, E> {
    /// Switches the flag on.
    pub fn enable(&mut self, edit: &mut Edit<'e>) -> Dot {
        self.events.write(edit, (), Some(()))
    }

    /// Switches the flag off, if it is on.
    pub fn disable(&mut self, edit: &mut Edit<'e>) -> Option<Dot> {
        let slot = self.events.read().only_live()?;
        Some(self.events.write_at(edit, slot, None))
    }
}

reads! { impl[] EnableWins {
    /// Whether some enabling has not been disabled.
    #[must_use]
    fn is_enabled(view) -> bool {
        view.events.live_keys() > 0
    }
} }

impl EwFlag {
    /// Switches the flag on. Also where it is on already: against concurrent disabling.
    pub fn enable(&mut self, writer: &mut Writer) -> Dot {
        self.edit(writer, |mut flag, edit| flag.enable(edit))
    }

    /// Switches the flag off, if it is on. A concurrent `enable` survives.
    pub fn disable(&mut self, writer: &mut Writer) -> Option<Dot> {
        self.edit(writer, |mut flag, edit| flag.disable(edit))
    }
}

impl ShowKind for EnableWins {
    fn show<'a>(view: View<'a, Self, impl Events<'a, Kind = Self>>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EwFlag").field(&view.is_enabled()).finish()
    }
}
