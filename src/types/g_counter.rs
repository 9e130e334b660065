use core::fmt;

use serde::{Deserialize, Serialize};

use super::tag;
use crate::causality::{Dot, ReplicaId, Writer};
use crate::kernel::{
    Causal, DotStore, Edit, Events, EventsMut, EventsOf, Kind, Mut, ShowKind, View, WriterKey, payload, reads,
};
use crate::mutants::{self, Mutant};

/// A counter that only grows.
///
/// Every increment counts exactly once, whoever makes it, wherever it arrives and however often.
///
/// | concurrent | result |
/// |---|---|
/// | increment ∥ increment | both count |
///
/// ```
/// use dotted::{Crdt, GCounter, Writer};
///
/// let (mut tokyo, mut london) = (Writer::new(), Writer::new());
/// let (mut here, mut there) = (GCounter::new(), GCounter::new());
/// here.increment(&mut tokyo, 2)?;
/// there.increment(&mut london, 3)?;
/// here.merge(&there);
/// assert_eq!(here.value(), 5);
/// # Ok::<(), dotted::Overflow>(())
/// ```
///
/// `increment` costs O(1), `value` O(writers). After Shapiro et al. (2011), specification 6.
pub type GCounter = Causal<GCounterBody>;
/// The body of a [`GCounter`], for values made of values.
pub type GCounterBody = DotStore<Growing>;

/// The kind of a [`GCounter`]: under each writer its own running total.
#[derive(Debug)]
pub enum Growing {}

/// A running total.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Total(pub(super) u64);
payload!(Total);

/// The writer's count would exceed 2⁶⁴ − 1. Nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overflow;

impl fmt::Display for Overflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a writer's count would exceed 64 bits")
    }
}

impl core::error::Error for Overflow {}

impl Kind for Growing {
    type Key = WriterKey;
    type Value = Total;
    type Policy = ();
    const TAG: u8 = tag::G_COUNTER;
    const NAME: &'static str = "GCounter";

    // A total on another one's key is what a writer knew of its old id when it took a new one, so any
    // writer may issue any total.

    fn divide(all: &[&Total], shared: &[&Total]) -> Option<(Total, Total)> {
        let greatest = |totals: &[&Total]| totals.iter().map(|total| total.0).max().unwrap_or(0);
        let (all, shared) = (greatest(all), greatest(shared));
        Some((Total(shared), Total(all.saturating_sub(shared))))
    }
}

/// Writes to a [`GCounter`] within an edit.
pub type GCounterMut<'e> = Mut<'e, Growing>;

impl<'e, E: EventsMut<'e, Kind = Growing>> Mut<'e, Growing, E> {
    /// Adds to the count.
    ///
    /// # Errors
    /// [`Overflow`] if this writer alone would have counted beyond 64 bits. Nothing is written.
    #[inline]
    pub fn increment(&mut self, edit: &mut Edit<'e>, by: u64) -> Result<Dot, Overflow> {
        let key = own_key(edit);
        let found = self.events.read().find(&key);
        match found {
            Some(slot) => {
                let total = total(&self.events.read().events_at(slot)).checked_add(by).ok_or(Overflow)?;
                Ok(self.events.write_at(edit, slot, Some(Total(total))))
            }
            None => Ok(self.events.write(edit, key, Some(Total(by)))),
        }
    }
}

/// The key under which the writer of an edit counts: its id *and* branch, never the id alone.
#[inline]
pub(super) fn own_key(edit: &mut Edit<'_>) -> WriterKey {
    if mutants::on(Mutant::CountsIgnoreBranch) {
        return WriterKey(edit.first_branch());
    }
    WriterKey(edit.slot())
}

#[inline]
fn total(events: &EventsOf<'_, Total>) -> u64 {
    match events {
        EventsOf::One(_, total) => total.map_or(0, |total| total.0),
        events => events.live().map(|(_, total)| total.0).max().unwrap_or(0),
    }
}

reads! { impl[] Growing {
    /// The sum of all increments. It cannot overflow: 2²⁰ writers of 64 bits fit.
    #[must_use]
    fn value(view) -> u128 {
        view.events.slots().map(|slot| u128::from(total(&view.events.events_at(slot)))).sum()
    }

    /// What this writer's branch has counted.
    #[must_use]
    fn value_of(view, replica: &ReplicaId) -> u64 {
        let slot = view.version.slot(replica).and_then(|slot| view.events.find(&WriterKey(slot)));
        slot.map_or(0, |slot| total(&view.events.events_at(slot)))
    }
} }

impl GCounter {
    /// Adds to the count.
    ///
    /// # Errors
    /// [`Overflow`] if this writer alone would have counted beyond 64 bits. Nothing is written.
    #[inline]
    pub fn increment(&mut self, writer: &mut Writer, by: u64) -> Result<Dot, Overflow> {
        self.edit(writer, |mut counter, edit| counter.increment(edit, by))
    }
}

impl ShowKind for Growing {
    fn show<'a>(view: View<'a, Self, impl Events<'a, Kind = Self>>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GCounter").field(&view.value()).finish()
    }
}
