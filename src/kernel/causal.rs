use alloc::vec::Vec;
use core::fmt;

use super::changes::Applied;
use super::context::Context;
use super::delta::Delta;
use super::dot_set::DotSet;
use super::edit::{Edit, Record};
use super::error::ApplyError;
use super::event::Kind;
use super::fragment::{Fragment, Raw, Show, Visit};
use super::handle::Mut;
use super::incoming::{Incoming, Since, Supersedes};
use super::operation::Operation;
use super::store::DotStore;
use crate::causality::{MAX_WRITERS, PackedDot, RESERVED_WRITERS, ReplicaId, SlotMap, VersionVector, Writer};
use crate::mutants::{self, Mutant};

/// A replicated value: a body under one causal context.
///
/// All types of this crate are this structure with another body; so are values made of values:
///
/// ```
/// use dotted::{Causal, Crdt, PnCounterBody, SetBody, Writer};
///
/// type Cart = Causal<(SetBody<String>, PnCounterBody)>;
/// let (mut tokyo, mut london) = (Writer::new(), Writer::new());
///
/// let mut here = Cart::default();
/// let mut there = here.clone();
/// // Both writes become visible together, everywhere.
/// here.edit(&mut tokyo, |(mut items, mut total), edit| {
///     items.insert(edit, "milk".to_string());
///     total.increment(edit, 3).unwrap();
/// });
/// there.edit(&mut london, |(mut items, _), edit| items.insert(edit, "tea".to_string()));
///
/// here.merge(&there);
/// there.merge(&here);
/// assert_eq!(here, there);
/// let (items, total) = here.view();
/// assert_eq!((items.len(), total.value()), (2, 3));
/// ```
#[derive(Clone, Default)]
pub struct Causal<F> {
    pub(crate) context: Context,
    pub(crate) body: F,
}

/// So many removals are discarded at a time. Together they cost a tenth of a millisecond at ten million elements, and
/// few of them would cost more each.
const SOME: usize = 256;

impl<F: Fragment> Causal<F> {
    /// A value to which nothing has happened yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What this value has seen: the complete digest of its state.
    #[must_use]
    pub fn version(&self) -> &VersionVector {
        &self.context.version
    }

    /// The branch under which `writer` goes on with this value; `None` if its next write opens one.
    #[must_use]
    pub fn branch_of(&self, writer: &Writer) -> Option<ReplicaId> {
        self.context.continued_by(writer)
    }

    /// What may be missing from deltas: removals up to here were discarded.
    #[must_use]
    pub fn floor(&self) -> &VersionVector {
        &self.context.floor
    }

    /// Reads the value: for a value made of values, a tuple of the views of its parts.
    #[inline]
    pub fn view(&self) -> F::View<'_> {
        self.body.view(&self.context.version)
    }

    /// Writes a group: all of it becomes visible together everywhere.
    ///
    /// Its writes carry one time stamp. So of two concurrent groups that set the same keys, of registers, maps and
    /// records, one wins at all of them, as long as nobody sets one of the keys alone. Everything else is decided key by
    /// key: where groups overlap in part, one may win at one key and the other at another, and a key that one group
    /// removes and the other sets is there. Where such a mix must not be, make it one value: a
    /// [`Group`](crate::Group), or a type of yours.
    ///
    /// A handle writes only within its own edit: the lifetimes keep handles and edits of several
    /// values apart.
    ///
    /// ```compile_fail
    /// use dotted::{OrSet, Writer};
    ///
    /// let (mut a, mut b) = (OrSet::<u8>::new(), OrSet::<u8>::new());
    /// let (mut u, mut v) = (Writer::new(), Writer::new());
    /// a.edit(&mut u, |mut of_a, _| b.edit(&mut v, |_, edit| of_a.insert(edit, 1)));
    /// ```
    ///
    /// What was written stays, as one group, also if `edit` returns early or unwinds.
    ///
    /// # Panics
    /// If the value names 2²⁰ writers and this writer needs one more. Data of others cannot fill
    /// the last 2¹⁶ of them.
    #[inline]
    pub fn edit<R>(&mut self, writer: &mut Writer, edit: impl for<'e> FnOnce(F::Mut<'e>, &mut Edit<'e>) -> R) -> R {
        self.collect_if_due();
        let (_, before) = self.body.counts();
        let (result, written) = self.write_group(writer, None, edit);
        if written.is_some() {
            self.context.forget_heard();
        }
        self.collect_after_group(before);
        result
    }

    /// Writes a group and returns it as an operation too, if anything was written.
    ///
    /// ```
    /// use dotted::{OrSet, Writer};
    ///
    /// let (mut here, mut there) = (OrSet::new(), OrSet::new());
    /// let mut tokyo = Writer::new();
    /// let (_, operation) = here.edit_as_operation(&mut tokyo, |mut set, edit| set.insert(edit, 1));
    /// there.apply_operation(operation.unwrap())?;
    /// assert_eq!(here, there);
    /// # Ok::<(), dotted::ApplyError>(())
    /// ```
    pub fn edit_as_operation<R>(
        &mut self,
        writer: &mut Writer,
        edit: impl for<'e> FnOnce(F::Mut<'e>, &mut Edit<'e>) -> R,
    ) -> (R, Option<Operation<F>>) {
        self.collect_if_due();
        let (_, before) = self.body.counts();
        let mut record = Record::default();
        let (result, written) = self.write_group(writer, Some(&mut record), edit);
        let operation = written.map(|written| {
            let heard = self.context.take_heard();
            Operation::new(&self.context.version, &self.body, &written, &record.superseded, &heard)
        });
        self.collect_after_group(before);
        (result, operation)
    }

    /// Writes a group and returns it as a delta too.
    pub fn edit_as_delta<R>(
        &mut self,
        writer: &mut Writer,
        edit: impl for<'e> FnOnce(F::Mut<'e>, &mut Edit<'e>) -> R,
    ) -> (R, Delta<F>) {
        let before = self.context.version.clone();
        let result = self.edit(writer, edit);
        (result, self.delta_since(&before))
    }

    /// What someone who has seen `known` lacks. Costs O(writers + changes).
    ///
    /// Where removals that `known` does not cover have been discarded, the delta also lists what is
    /// alive, in about a bit per event; that costs O(state).
    #[must_use]
    pub fn delta_since(&self, known: &VersionVector) -> Delta<F> {
        let version = &self.context.version;
        let since = Since::new(known, version);
        let below_floor = !known.is_empty() && !self.context.floor.is_within(known);
        let live = (below_floor && !mutants::on(Mutant::NoLiveSet)).then(|| {
            let mut dots = Vec::new();
            self.body.live_within(&since, &mut |dot| dots.push(dot.0));
            DotSet::from_dots(dots)
        });
        let base = version.counters().iter().enumerate();
        let base = base.map(|(slot, &counter)| counter.min(since.known(slot as u32))).collect();
        Delta {
            base: version.with_counters(base),
            upto: version.clone(),
            floor: version.with_counters(self.context.floor.aligned_to(version).into_owned()),
            live,
            body: self.body.collect(&since),
        }
    }

    /// Whether [`apply`](Causal::apply) would succeed.
    ///
    /// # Errors
    /// The error that `apply` would return.
    pub fn can_apply(&self, delta: &Delta<F>) -> Result<(), ApplyError> {
        let version = &self.context.version;
        if !delta.base.is_within(version) && !mutants::on(Mutant::IgnoreGap) {
            return Err(ApplyError::Gap { have: version.clone() });
        }
        let needs_live = delta.live.is_none() && !mutants::on(Mutant::NoLiveSet) && !mutants::on(Mutant::NoFloorCheck);
        if needs_live && !delta.floor.is_within(version) && !version.is_empty() {
            return Err(ApplyError::Floor { have: version.clone() });
        }
        self.has_room_for(&delta.upto)?;
        self.body.check(&delta.body)
    }

    fn has_room_for(&self, theirs: &VersionVector) -> Result<(), ApplyError> {
        let version = &self.context.version;
        let room = (MAX_WRITERS - RESERVED_WRITERS).saturating_sub(version.slots());
        if theirs.slots() > room && theirs.slot_map(theirs.slots(), version).unknown() > room {
            return Err(ApplyError::TooManyWriters);
        }
        Ok(())
    }

    /// Takes a delta in, whole or not at all. Costs O(writers that it names + changes), however many are known here.
    ///
    /// # Errors
    /// [`ApplyError::Gap`] if this value has not seen the delta's base, [`ApplyError::Floor`] if the
    /// sender has discarded removals that this value has not seen. Nothing has changed then.
    pub fn apply(&mut self, delta: Delta<F>) -> Result<Applied, ApplyError> {
        self.apply_showing(delta, None)
    }

    /// As [`apply`](Causal::apply), and shows every key that looks different now.
    ///
    /// # Errors
    /// As [`apply`](Causal::apply).
    pub fn apply_with(&mut self, delta: Delta<F>, visit: Visit<'_, F>) -> Result<Applied, ApplyError> {
        self.apply_showing(delta, Some(visit))
    }

    fn apply_showing(&mut self, delta: Delta<F>, visit: Option<Visit<'_, F>>) -> Result<Applied, ApplyError> {
        self.can_apply(&delta)?;
        Ok(self.take_in(delta, visit))
    }

    /// Takes in a delta that can be applied.
    pub(super) fn take_in(&mut self, delta: Delta<F>, visit: Option<Visit<'_, F>>) -> Applied {
        let Self { context, body } = self;
        let theirs = &delta.upto;
        let mut slots = theirs.slot_map(theirs.counters().len(), &context.version);
        if theirs.is_covered_by(&slots.gathered(context.version.counters())) {
            return Applied::UNCHANGED;
        }
        slots.complete(theirs, &mut context.version);
        let incoming = Incoming { slots, mine: &context.version, theirs, supersedes: Supersedes::Unlisted };
        let survivors = delta.live.as_ref().map(|live| {
            let mut listed = Vec::new();
            F::listed(&delta.body, &mut |dot| listed.push(dot.0));
            (live, DotSet::from_dots(listed))
        });
        let mut changes = F::changes(visit.is_some());
        body.absorb(delta.body, &incoming, &mut changes);
        if let Some((live, listed)) = survivors {
            let back = context.version.slot_map(context.version.slots(), theirs);
            let keep = |Raw(mine): Raw| {
                let there = back.get(mine.slot());
                mine.counter() > theirs.at(there) || {
                    let dot = PackedDot::new(there, mine.counter());
                    live.contains(dot) || listed.contains(dot)
                }
            };
            body.retain_live(&keep, &mut changes);
        }
        let Incoming { slots, .. } = incoming;
        self.conclude(&slots, theirs.counters(), &delta.floor, &changes, visit)
    }

    /// Sees what was taken in, and only then shows it.
    fn conclude(
        &mut self,
        slots: &SlotMap,
        upto: &[u64],
        floor: &VersionVector,
        changes: &F::Changes,
        visit: Option<Visit<'_, F>>,
    ) -> Applied {
        self.context.trials.lose();
        let events = self.context.see(slots, upto);
        if !mutants::on(Mutant::NoFloorJoin) {
            self.context.floor.join(floor);
        }
        self.collect_if_due_after(events);
        Applied { events, keys: F::show_changes(changes, visit.unwrap_or(&mut |_| {})) }
    }

    /// Takes in all that another value has seen. Costs O(writers + what is new).
    ///
    /// Merging an equal value costs one comparison of the versions.
    ///
    /// # Errors
    /// [`ApplyError::TooManyWriters`] or [`ApplyError::TooManyKeys`]. Nothing has changed then.
    pub fn try_merge(&mut self, other: &Self) -> Result<Applied, ApplyError> {
        self.merge_showing(other, None)
    }

    /// As [`try_merge`](Causal::try_merge), and shows every key that looks different now.
    ///
    /// # Errors
    /// As [`try_merge`](Causal::try_merge).
    pub fn merge_with(&mut self, other: &Self, visit: Visit<'_, F>) -> Result<Applied, ApplyError> {
        self.merge_showing(other, Some(visit))
    }

    fn merge_showing(&mut self, other: &Self, visit: Option<Visit<'_, F>>) -> Result<Applied, ApplyError> {
        let (theirs, floor) = (&other.context.version, &other.context.floor);
        // Ids are looked up once, and everything else follows from where they are.
        let mut slots = theirs.slot_map(theirs.counters().len(), &self.context.version);
        if theirs.is_covered_by(&slots.gathered(self.context.version.counters())) {
            return Ok(Applied::UNCHANGED);
        }
        self.has_room_for(theirs)?;
        self.body.check_from(&other.body, &self.context.version, theirs)?;
        let Self { context, body } = self;
        let above_floor =
            context.version.is_empty() || floor.is_within(&context.version) || mutants::on(Mutant::NoLiveSet);
        slots.complete(theirs, &mut context.version);
        let known = &context.version;
        let since = Since::of(slots.gathered(known.counters()), theirs);
        let incoming = Incoming { slots, mine: known, theirs, supersedes: Supersedes::Unlisted };
        let mut changes = F::changes(visit.is_some());
        body.absorb_from(&other.body, &since, &incoming, &mut changes);
        if !above_floor {
            let back = known.slot_map(known.slots(), theirs);
            let keep = |Raw(mine): Raw| {
                let there = back.get(mine.slot());
                mine.counter() > theirs.at(there) || other.body.holds(Raw(PackedDot::new(there, mine.counter())))
            };
            body.retain_live(&keep, &mut changes);
        }
        let Incoming { slots, .. } = incoming;
        Ok(self.conclude(&slots, theirs.counters(), floor, &changes, visit))
    }

    /// Whether [`apply_operation`](Causal::apply_operation) would succeed.
    ///
    /// # Errors
    /// The error that it would return.
    pub fn can_apply_operation(&self, operation: &Operation<F>) -> Result<(), ApplyError> {
        let version = &self.context.version;
        let ready = operation.is_ready(version) || mutants::on(Mutant::IgnoreDependencies);
        // A count of a writer of whom nothing has been seen: its own dependencies do not cover it.
        let mut named = true;
        F::named(&operation.body, &mut |slot| {
            named &= slot == operation.writer || version.get(&operation.writers.id(slot)) > 0;
        });
        if !ready || !named {
            return Err(ApplyError::Gap { have: version.clone() });
        }
        self.has_room_for(&operation.writers)?;
        self.body.check(&operation.body)
    }

    /// Takes in an operation, if all that it depends on has been seen.
    ///
    /// An operation that was seen already changes nothing.
    ///
    /// # Errors
    /// [`ApplyError::Gap`] if it depends on events that this value has not seen:
    /// a [`CausalInbox`](crate::CausalInbox) keeps it until then. Nothing has changed.
    pub fn apply_operation(&mut self, operation: Operation<F>) -> Result<Applied, ApplyError> {
        if operation.is_known(&self.context.version) {
            return Ok(Applied::UNCHANGED);
        }
        self.can_apply_operation(&operation)?;
        Ok(self.take_in_operation(operation))
    }

    /// Takes in an operation that can be applied.
    pub(super) fn take_in_operation(&mut self, operation: Operation<F>) -> Applied {
        let Self { context, body } = self;
        let table = &operation.writers;
        let mut slots = table.slot_map(table.slots(), &context.version);
        slots.complete(table, &mut context.version);
        let supersedes = Supersedes::These(DotSet::default());
        let mut incoming = Incoming { slots, mine: &context.version, theirs: table, supersedes };
        incoming.supersedes = Supersedes::These(operation.superseded.translated(|dot| incoming.translate(dot)));
        let mut changes = F::changes(false);
        body.absorb(operation.body, &incoming, &mut changes);
        let slots = SlotMap::Table(alloc::vec![incoming.slots.get(operation.writer)]);
        let upto = [operation.first + operation.count - 1];
        self.conclude(&slots, &upto, &VersionVector::new(), &changes, None)
    }

    /// How many removals are stored, that a collection would discard.
    #[must_use]
    pub fn removals(&self) -> usize {
        self.body.counts().1
    }

    /// Discards all stored removals, at any time and without asking anyone, also those that
    /// [`set_collectable`](Causal::set_collectable) keeps.
    ///
    /// Removals influence nothing that can be read; only peers that have not seen them get the list
    /// of what is alive instead. It happens by itself, some at a time and the oldest first: whenever the removals exceed
    /// 1024 and an eighth of what is alive, a write or a delta that is taken in discards some hundreds of them.
    pub fn collect(&mut self) {
        self.discard(usize::MAX, true);
    }

    /// Discards some removals, the oldest first, and says how many: at most so many, and none that
    /// [`set_collectable`](Causal::set_collectable) keeps. For when there is time.
    pub fn collect_some(&mut self, at_most: usize) -> usize {
        self.discard(at_most, false)
    }

    /// From now on only removals up to here are discarded by themselves; with `None`, as at first, all may be.
    ///
    /// Who has not seen a removal that was discarded is sent the list of all that is alive, once. So tell what all peers
    /// have seen, or what has at least left or been stored, and tell it again as it rises. A removal that may not be
    /// discarded keeps those that came after it, too. Memory stays bounded: where removals exceed half of what is alive
    /// and 4096, the oldest are discarded nevertheless.
    ///
    /// It is no part of the state: it is not encoded, and merging leaves it as it is.
    ///
    /// ```
    /// use dotted::{OrSet, VersionVector, Writer};
    ///
    /// let (mut set, mut tokyo) = (OrSet::new(), Writer::new());
    /// set.insert(&mut tokyo, 1);
    /// set.remove(&mut tokyo, &1);
    /// set.set_collectable(Some(VersionVector::new()));
    /// assert_eq!((set.collect_some(100), set.removals()), (0, 1));
    /// set.set_collectable(Some(set.version().clone()));
    /// assert_eq!((set.collect_some(100), set.removals()), (1, 0));
    /// ```
    pub fn set_collectable(&mut self, upto: Option<VersionVector>) {
        self.context.collectable = upto;
    }

    fn discard(&mut self, at_most: usize, all: bool) -> usize {
        self.context.trials.lose();
        let Self { context, body } = self;
        let Context { floor, version, collectable, .. } = context;
        let collectable = collectable.as_ref().filter(|_| !all && !mutants::on(Mutant::CollectWhatIsKept));
        // The last writer that was asked about, and what may be discarded of it: mostly it is one for many.
        let mut asked = None;
        let mut may = |Raw(dot): Raw| {
            let Some(collectable) = collectable else { return true };
            let upto = match asked {
                Some((slot, upto)) if slot == dot.slot() => upto,
                _ => collectable.get(&version.id(dot.slot())),
            };
            asked = Some((dot.slot(), upto));
            dot.counter() <= upto
        };
        let partial = at_most < usize::MAX && mutants::on(Mutant::FloorStaysBelowSome);
        let rises = !mutants::on(Mutant::FloorStays) && !partial;
        let mut raise = |dot: PackedDot| {
            let id = version.id(dot.slot());
            if rises && floor.slot(&id).is_none() {
                // Slots as in the version, by which the two are compared.
                *floor = version.with_counters(floor.aligned_to(version).into_owned());
            }
            if rises {
                floor.observe(&id, dot.counter());
            }
        };
        // Mostly it is one writer for many.
        let mut last: Option<PackedDot> = None;
        let discarded = body.discard_removals(at_most, &mut may, &mut |Raw(dot)| match &mut last {
            Some(last) if last.slot() == dot.slot() => *last = dot.max(*last),
            _ => _ = last.replace(dot).map(&mut raise),
        });
        _ = last.map(&mut raise);
        discarded
    }

    #[inline]
    pub(super) fn collect_if_due(&mut self) {
        self.collect_if_due_after(0);
    }

    /// So many removals may have come in since this was asked last.
    #[inline]
    fn collect_if_due_after(&mut self, new: u64) {
        let (live, removals) = self.body.counts();
        if removals > 1024.max(live / 8) {
            self.collect_batch(live, removals, new as usize);
        }
    }

    /// After a group, where `before` is how many removals were stored: one of many removals discards as many older ones.
    #[inline]
    pub(super) fn collect_after_group(&mut self, before: usize) {
        let (_, removals) = self.body.counts();
        if removals > before + SOME {
            self.collect_for_group(before);
        }
    }

    #[cold]
    fn collect_for_group(&mut self, before: usize) {
        if self.context.trials.is_on() {
            return;
        }
        let (live, removals) = self.body.counts();
        let excess = removals.saturating_sub(1024.max(live / 8));
        // About as many as came, so that one group does not pay for what another left behind; and none of its own: they
        // are not in any delta yet.
        let share = removals - before + SOME;
        self.discard(excess.min(before).min(share), removals > 4096 + live / 2);
    }

    #[cold]
    fn collect_batch(&mut self, live: usize, removals: usize, new: usize) {
        if self.context.trials.is_on() {
            return;
        }
        // Memory asks for it.
        let all = removals > 4096 + live / 2;
        let excess = removals - 1024.max(live / 8);
        self.discard(SOME.saturating_add(new).min(excess), all);
    }

    /// Discards all stored removals and gives back every byte that is not needed. Costs O(state).
    pub fn compact(&mut self) {
        self.collect();
        self.context.trials.lose();
        self.body.rebuild();
    }

    /// Checks the kernel's invariants, for tests.
    #[doc(hidden)]
    #[cfg(any(test, feature = "mutants"))]
    pub fn assert_consistent(&self) {
        self.body.assert_consistent(self.context.version.slots() as u32);
        assert!(self.context.floor.is_within(&self.context.version));
    }
}

impl<S: Kind> Causal<DotStore<S>> {
    /// As [`edit`](Causal::edit), and shows every key that looks different afterwards.
    pub fn edit_with<R>(
        &mut self,
        writer: &mut Writer,
        visit: Visit<'_, DotStore<S>>,
        edit: impl for<'e> FnOnce(Mut<'e, S>, &mut Edit<'e>) -> R,
    ) -> R {
        self.collect_if_due();
        let (_, before) = self.body.counts();
        let mut record = Record::default();
        let (result, written) = self.write_group(writer, Some(&mut record), edit);
        if written.is_some() {
            self.context.forget_heard();
        }
        let mut changes = DotStore::<S>::changes(true);
        self.body.report_touched(&record.touched, &mut changes);
        self.collect_after_group(before);
        DotStore::<S>::show_changes(&changes, visit);
        result
    }
}

/// The same replicated state: the same version, and the same live events.
///
/// Who holds it, in which order it arrived and which removals are still stored makes no difference.
impl<F: Fragment> PartialEq for Causal<F> {
    fn eq(&self, other: &Self) -> bool {
        let (mine, theirs) = (&self.context.version, &other.context.version);
        if mine != theirs {
            return false;
        }
        let slots = theirs.slot_map(theirs.counters().len(), mine);
        let incoming = Incoming { slots, mine, theirs, supersedes: Supersedes::Unlisted };
        self.body.same_live(&other.body, &incoming)
    }
}

impl<F: Fragment> Eq for Causal<F> {}

impl<F: Fragment> fmt::Debug for Causal<F>
where
    F: Show,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.body.show(&self.context.version, f)
    }
}
