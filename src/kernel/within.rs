//! What comes from outside, within limits: how much a value would hold is counted before anything is changed.

use super::causal::Causal;
use super::changes::Applied;
use super::delta::Delta;
use super::dot_set::DotSet;
use super::error::ApplyError;
use super::fragment::Fragment;
use super::incoming::{Incoming, Supersedes};
use super::operation::Operation;
use crate::causality::VersionVector;
use crate::codec::{Limit, Limits, Usage};
use crate::mutants::{self, Mutant};

impl<F: Fragment> Causal<F> {
    /// As [`apply`](Causal::apply), for what comes from outside: refuses what would make the value hold more than the
    /// limits allow, counted exactly, on the value as it would be. A value that holds more than that already, because it was
    /// stored under higher limits, takes in what does not make it hold more.
    ///
    /// Near the limits that costs O(writers + changes); where the delta lists what is alive, since removals were forgotten,
    /// or names come and go, a copy of the value.
    ///
    /// # Errors
    /// As [`apply`](Causal::apply), and [`ApplyError::OverLimit`]. Nothing has changed then.
    pub fn apply_within(&mut self, delta: Delta<F>, limits: &Limits) -> Result<Applied, ApplyError> {
        self.fits(&delta, limits)?;
        Ok(self.take_in(delta, None))
    }

    /// As [`try_merge`](Causal::try_merge), for what comes from outside: refuses what would make the value hold more than
    /// the limits allow.
    ///
    /// # Errors
    /// As [`try_merge`](Causal::try_merge), and [`ApplyError::OverLimit`]. Nothing has changed then.
    pub fn try_merge_within(&mut self, other: &Self, limits: &Limits) -> Result<Applied, ApplyError> {
        self.apply_within(other.delta_since(self.version()), limits)
    }

    /// How much the value holds of what limits count. Costs nothing.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let (events, names) = self.body.events_and_names();
        Usage::new(self.context.version.slots(), events, names)
    }

    pub(crate) fn fits(&self, delta: &Delta<F>, limits: &Limits) -> Result<(), ApplyError> {
        self.can_apply(delta)?;
        if delta.upto.is_within(&self.context.version) {
            // It brings nothing, also to a value that was loaded with more than is accepted.
            return Ok(());
        }
        let exact = delta.live.is_none();
        self.has_room_within(&delta.upto, &delta.body, None, exact, limits, &|copy| copy.apply(delta.clone()))
    }

    /// Whether the value would be within the limits after a body is taken in. Its events are counted without a try where
    /// that count is `exact`.
    fn has_room_within(
        &self,
        theirs: &VersionVector,
        body: &F::Delta,
        superseded: Option<&DotSet>,
        exact: bool,
        limits: &Limits,
        attempt: &dyn Fn(&mut Self) -> Result<Applied, ApplyError>,
    ) -> Result<(), ApplyError> {
        let usage = self.usage();
        let limits = &limits.raised_to(&usage);
        let mut listed = 0;
        F::listed(body, &mut |_| listed += 1);
        let most = Usage::new(usage.writers + theirs.slots(), usage.events + listed, usage.names + listed);
        if most.beyond(limits).is_none() || mutants::on(Mutant::LimitsIgnored) {
            return Ok(());
        }
        let mut version = self.context.version.clone();
        let mut slots = theirs.slot_map(theirs.slots(), &version);
        slots.complete(theirs, &mut version);
        let mut incoming = Incoming { slots, mine: &version, theirs, supersedes: Supersedes::Unlisted };
        if let Some(superseded) = superseded {
            incoming.supersedes = Supersedes::These(superseded.translated(|dot| incoming.translate(dot)));
        }
        let (growth, names) = self.body.growth(body, &incoming);
        let events = usage.events.saturating_add_signed(growth);
        let beyond = match Usage::new(version.slots(), events, usage.names + names).beyond(limits) {
            None => None,
            Some(Limit::Writers) => Some(Limit::Writers),
            Some(Limit::Events) if exact => Some(Limit::Events),
            // What the list of what is alive takes away is not counted above, nor are names that go.
            Some(_) => {
                let mut copy = self.clone();
                attempt(&mut copy)?;
                copy.usage().beyond(limits)
            }
        };
        beyond.map_or(Ok(()), |limit| Err(limit.into()))
    }

    /// As [`apply_operation`](Causal::apply_operation), for what comes from outside: refuses what would make the value hold
    /// more than the limits allow, as [`apply_within`](Causal::apply_within) does.
    ///
    /// # Errors
    /// As [`apply_operation`](Causal::apply_operation), and [`ApplyError::OverLimit`]. Nothing has changed then.
    pub fn apply_operation_within(&mut self, operation: Operation<F>, limits: &Limits) -> Result<Applied, ApplyError> {
        if operation.is_known(&self.context.version) {
            return Ok(Applied::UNCHANGED);
        }
        self.operation_fits(&operation, limits)?;
        Ok(self.take_in_operation(operation))
    }

    pub(crate) fn operation_fits(&self, operation: &Operation<F>, limits: &Limits) -> Result<(), ApplyError> {
        self.can_apply_operation(operation)?;
        let (table, superseded) = (&operation.writers, Some(&operation.superseded));
        let attempt = |copy: &mut Self| copy.apply_operation(operation.clone());
        self.has_room_within(table, &operation.body, superseded, true, limits, &attempt)
    }
}
