//! Writes on trial: they are kept, or taken back as if they had never been.

use alloc::vec::Vec;

use super::causal::Causal;
use super::context::{Heard, Own};
use super::edit::Edit;
use super::fragment::Fragment;
use crate::causality::{Checkpoint, VersionVector, Writer};
use crate::mutants::{self, Mutant};

/// The trials of a value, each within the one before. They are no part of what is copied.
#[derive(Default)]
pub(crate) struct Trials {
    began: Vec<Began>,
    /// More than writes has happened: entries may have moved, and nothing can be taken back.
    lost: bool,
}

/// The context of a value when a trial began.
struct Began {
    version: VersionVector,
    own: Option<Own>,
    heard: Heard,
}

impl Clone for Trials {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Trials {
    #[inline]
    pub(crate) const fn is_on(&self) -> bool {
        !self.began.is_empty()
    }

    #[inline]
    pub(crate) const fn lose(&mut self) {
        self.lost = self.is_on();
    }
}

/// A group that is written on trial. Unless it is kept, nothing of it is left, also where the edit unwinds.
struct OnTrial<'c, F: Fragment> {
    value: &'c mut Causal<F>,
    writer: &'c mut Writer,
    before: Option<Checkpoint>,
}

impl<F: Fragment> Drop for OnTrial<'_, F> {
    fn drop(&mut self) {
        match self.before.take() {
            Some(before) => {
                self.value.take_back_trial();
                self.writer.restore(before);
            }
            None => self.value.keep_trial(),
        }
    }
}

impl<F: Fragment> Causal<F> {
    /// Writes a group, or nothing: if `edit` fails or unwinds, the value and the writer are as they were before.
    ///
    /// Costs what the writes cost, a copy of what they supersede, and O(writers).
    ///
    /// # Errors
    /// The error of `edit`.
    pub fn try_edit<R, E>(
        &mut self,
        writer: &mut Writer,
        edit: impl for<'e> FnOnce(F::Mut<'e>, &mut Edit<'e>) -> Result<R, E>,
    ) -> Result<R, E> {
        self.collect_if_due();
        let removals = self.removals();
        self.begin_trial();
        let mut trial = OnTrial { before: Some(writer.checkpoint()), value: self, writer };
        let (result, written) = trial.value.write_group(trial.writer, None, edit);
        if result.is_ok() {
            trial.before = None;
            if written.is_some() {
                trial.value.context.forget_heard();
            }
        }
        drop(trial);
        self.collect_after_group(removals);
        result
    }

    /// Writes from here on can be taken back. Trials can be nested. Costs O(writers).
    pub(crate) fn begin_trial(&mut self) {
        let context = &mut self.context;
        let began = Began { version: context.version.clone(), own: context.own, heard: context.heard.clone() };
        context.trials.began.push(began);
        self.body.begin_trial();
    }

    /// What was written since the trial began stays.
    pub(crate) fn keep_trial(&mut self) {
        let trials = &mut self.context.trials;
        if trials.began.pop().is_some() {
            trials.lost &= trials.is_on();
            self.body.end_trial(true);
        }
    }

    /// Takes back what was written since the trial began. Says whether that was possible: it is not after anything but
    /// writes, and then everything stays.
    pub(crate) fn take_back_trial(&mut self) -> bool {
        let trials = &mut self.context.trials;
        if trials.lost || !trials.is_on() {
            self.keep_trial();
            return false;
        }
        let Some(Began { version, own, heard }) = trials.began.pop() else { return false };
        self.body.end_trial(mutants::on(Mutant::TrialLeavesWrites));
        (self.context.version, self.context.own, self.context.heard) = (version, own, heard);
        true
    }
}
