use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use super::g_counter::{Overflow, own_key};
use super::tag;
use crate::causality::{Dot, Writer};
use crate::kernel::{
    Causal, DotStore, Edit, Events, EventsMut, EventsOf, Kind, Mut, ShowKind, View, WriterKey, payload, reads,
};
use crate::mutants::{self, Mutant};

/// A counter that goes up and down, and can be reset exactly.
///
/// A reset takes away what it has seen, and nothing else: increments that it had not seen still
/// count afterwards.
///
/// | concurrent | result |
/// |---|---|
/// | increment ∥ increment or decrement | both count |
/// | increment ∥ reset | the reset takes away what it saw; the increment counts |
/// | reset ∥ reset | what either saw is gone, once |
///
/// ```
/// use dotted::{Crdt, PnCounter, Writer};
///
/// let (mut tokyo, mut london) = (Writer::new(), Writer::new());
/// let mut here = PnCounter::new();
/// here.increment(&mut tokyo, 5)?;
/// let mut there = here.clone();
/// here.increment(&mut tokyo, 3)?;
/// there.reset(&mut london);
/// here.merge(&there);
/// assert_eq!(here.value(), 3);
/// # Ok::<(), dotted::Overflow>(())
/// ```
///
/// Changes cost O(1), `value` and `reset` O(writers). After Shapiro et al. (2011), specification 7;
/// the reset is this crate's own.
pub type PnCounter = Causal<PnCounterBody>;
/// The body of a [`PnCounter`], for values made of values.
pub type PnCounterBody = DotStore<Counting>;

/// The kind of a [`PnCounter`]: under each writer its totals, and resets of them by anyone.
#[derive(Debug)]
pub enum Counting {}

/// An amount up and an amount down.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Amounts {
    up: u64,
    down: u64,
}

impl Amounts {
    fn max(self, other: Self) -> Self {
        Self { up: self.up.max(other.up), down: self.down.max(other.down) }
    }

    fn plus(self, other: Self) -> Option<Self> {
        Some(Self { up: self.up.checked_add(other.up)?, down: self.down.checked_add(other.down)? })
    }

    fn min(self, other: Self) -> Self {
        Self { up: self.up.min(other.up), down: self.down.min(other.down) }
    }

    fn minus(self, other: Self) -> Self {
        Self { up: self.up.saturating_sub(other.up), down: self.down.saturating_sub(other.down) }
    }

    fn is_within(self, other: Self) -> bool {
        self.up <= other.up && self.down <= other.down
    }
}

/// An event on a writer's count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Count(Change);
payload!(Count);

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Change {
    /// By the writer itself: what it has counted since ever, and what of it was reset. Or by the
    /// same under a new id: what it knew of that when it was forked.
    Total { total: Amounts, base: Amounts },
    /// By anyone: all of this was seen, and is gone.
    Reset { total: Amounts },
}

/// Of a writer's count, the greatest total and the greatest base over the antichain, where a reset
/// counts as both. The difference is what came after the last reset seen.
#[inline]
fn totals(events: &EventsOf<'_, Count>) -> (Amounts, Amounts) {
    greatest(events.live().map(|(_, count)| count))
}

#[inline]
fn greatest<'a>(counts: impl Iterator<Item = &'a Count>) -> (Amounts, Amounts) {
    counts.fold(Default::default(), |(greatest, greatest_base), count| match count.0 {
        Change::Total { total, base } => (greatest.max(total), greatest_base.max(base)),
        Change::Reset { total } => (greatest.max(total), greatest_base.max(total)),
    })
}

impl Kind for Counting {
    type Key = WriterKey;
    type Value = Count;
    type Policy = ();
    const TAG: u8 = tag::PN_COUNTER;
    const NAME: &'static str = "PnCounter";

    fn admits(_: u32, _: &WriterKey, count: Option<&Count>) -> bool {
        match count {
            Some(Count(Change::Total { total, base })) => base.is_within(*total),
            Some(Count(Change::Reset { .. })) | None => true,
        }
    }

    /// The first of a count are the shared ones, and resets take away from the front.
    fn divide(all: &[&Count], shared: &[&Count]) -> Option<(Count, Count)> {
        let (all, base) = greatest(all.iter().copied());
        let (shared, _) = greatest(shared.iter().copied());
        let first = Change::Total { total: shared, base: base.min(shared) };
        let rest = Change::Total { total: all.minus(shared), base: base.minus(shared) };
        Some((Count(first), Count(rest)))
    }
}

/// Writes to a [`PnCounter`] within an edit.
pub type PnCounterMut<'e> = Mut<'e, Counting>;

impl<'e, E: EventsMut<'e, Kind = Counting>> Mut<'e, Counting, E> {
    /// Adds to the count.
    ///
    /// # Errors
    /// [`Overflow`] if this writer alone would have counted up beyond 64 bits. Nothing is written.
    #[inline]
    pub fn increment(&mut self, edit: &mut Edit<'e>, by: u64) -> Result<Dot, Overflow> {
        self.add(edit, Amounts { up: by, down: 0 })
    }

    /// Takes from the count, which may go below zero.
    ///
    /// # Errors
    /// [`Overflow`] if this writer alone would have counted down beyond 64 bits. Nothing is written.
    #[inline]
    pub fn decrement(&mut self, edit: &mut Edit<'e>, by: u64) -> Result<Dot, Overflow> {
        self.add(edit, Amounts { up: 0, down: by })
    }

    #[inline]
    fn add(&mut self, edit: &mut Edit<'e>, by: Amounts) -> Result<Dot, Overflow> {
        let key = own_key(edit);
        let found = self.events.read().find(&key);
        match found {
            Some(slot) => {
                let (total, base) = totals(&self.events.read().events_at(slot));
                let total = total.plus(by).ok_or(Overflow)?;
                Ok(self.events.write_at(edit, slot, Some(Count(Change::Total { total, base }))))
            }
            None => {
                let base = Amounts::default();
                Ok(self.events.write(edit, key, Some(Count(Change::Total { total: by, base }))))
            }
        }
    }

    /// Takes away everything that is counted here so far. Returns the last of its events, or `None`
    /// if there was nothing to take away.
    pub fn reset(&mut self, edit: &mut Edit<'e>) -> Option<Dot> {
        let events = self.events.read();
        let counts = events.slots().map(|slot| (slot, totals(&events.events_at(slot))));
        let counts: Vec<_> = counts.filter(|(_, (total, base))| total != base).collect();
        let mut last = None;
        for (slot, (total, _)) in counts {
            let event = Some(Count(Change::Reset { total })).filter(|_| !mutants::on(Mutant::ResetIsRemoval));
            last = Some(self.events.write_at(edit, slot, event));
        }
        last
    }
}

reads! { impl[] Counting {
    /// What was counted up, less what was counted down, since the last resets. It cannot overflow.
    #[must_use]
    fn value(view) -> i128 {
        let counts = view.events.slots().map(|slot| {
            let (total, base) = totals(&view.events.events_at(slot));
            i128::from(total.up) - i128::from(base.up) - i128::from(total.down) + i128::from(base.down)
        });
        counts.sum()
    }
} }

impl<'a, E: Events<'a, Kind = Counting>> View<'a, Counting, E> {
    /// Whether anything was counted since the last resets, even if it comes to nothing.
    pub(crate) fn counts(self) -> bool {
        self.events.slots().any(|slot| {
            let (total, base) = totals(&self.events.events_at(slot));
            total != base
        })
    }
}

impl PnCounter {
    /// Adds to the count.
    ///
    /// # Errors
    /// [`Overflow`] if this writer alone would have counted up beyond 64 bits since ever: a reset does
    /// not rewind. Nothing is written.
    #[inline]
    pub fn increment(&mut self, writer: &mut Writer, by: u64) -> Result<Dot, Overflow> {
        self.edit(writer, |mut counter, edit| counter.increment(edit, by))
    }

    /// Takes from the count, which may go below zero.
    ///
    /// # Errors
    /// [`Overflow`] if this writer alone would have counted down beyond 64 bits. Nothing is written.
    #[inline]
    pub fn decrement(&mut self, writer: &mut Writer, by: u64) -> Result<Dot, Overflow> {
        self.edit(writer, |mut counter, edit| counter.decrement(edit, by))
    }

    /// Takes away everything that is counted here so far; what others count meanwhile stays.
    /// Returns the last of its events, or `None` if there was nothing to take away.
    pub fn reset(&mut self, writer: &mut Writer) -> Option<Dot> {
        self.edit(writer, |mut counter, edit| counter.reset(edit))
    }
}

impl ShowKind for Counting {
    fn show<'a>(view: View<'a, Self, impl Events<'a, Kind = Self>>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PnCounter").field(&view.value()).finish()
    }
}
