use core::fmt;

use super::tag;
use crate::causality::{Dot, VersionVector, Writer};
use crate::kernel::{Causal, DotStore, Edit, Fragment, Kind, Show, reads};

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
    const TAG: u8 = tag::EW_FLAG;
    const NAME: &'static str = "EwFlag";
    type Mut<'a> = EwFlagMut<'a>;

    #[inline]
    fn handle(store: &mut DotStore<Self>) -> EwFlagMut<'_> {
        EwFlagMut(store)
    }
}

/// Writes to an [`EwFlag`] within an edit.
pub struct EwFlagMut<'a>(&'a mut EwFlagBody);

impl<'e> EwFlagMut<'e> {
    /// Switches the flag on.
    pub fn enable(&mut self, edit: &mut Edit<'e>) -> Dot {
        self.0.write(edit, (), Some(()))
    }

    /// Switches the flag off, if it is on.
    pub fn disable(&mut self, edit: &mut Edit<'e>) -> Option<Dot> {
        let slot = self.0.find(&()).ok().filter(|&slot| self.0.is_live(slot))?;
        Some(self.0.write_at(edit, slot, None))
    }
}

reads! { impl[] EwFlagBody {
    /// Whether some enabling has not been disabled.
    #[must_use]
    fn is_enabled(view) -> bool {
        view.body.live_keys() > 0
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

impl Show for EwFlagBody {
    fn show(&self, version: &VersionVector, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EwFlag").field(&self.view(version).is_enabled()).finish()
    }
}
