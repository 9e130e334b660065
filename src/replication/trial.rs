use crate::DeltaCrdt;
use crate::causality::{Checkpoint, Writer};

/// Local writes that may be taken back. If they unwind, they stay.
pub(super) struct Trial<'r, C: DeltaCrdt> {
    pub(super) value: &'r mut C,
    pub(super) writer: &'r mut Writer,
    before: Checkpoint,
    is_on: bool,
}

impl<'r, C: DeltaCrdt> Trial<'r, C> {
    pub(super) fn begin(value: &'r mut C, writer: &'r mut Writer) -> Self {
        value.begin_trial();
        Self { before: writer.checkpoint(), value, writer, is_on: true }
    }

    /// Takes back what was written. Says whether that was possible: it is not after anything but writes with this writer.
    pub(super) fn take_back(&mut self) -> bool {
        if !self.writer.is_after(&self.before) {
            return false;
        }
        self.is_on = false;
        let taken_back = self.value.take_back_trial();
        if taken_back {
            self.writer.restore(self.before.clone());
        }
        taken_back
    }
}

impl<C: DeltaCrdt> Drop for Trial<'_, C> {
    fn drop(&mut self) {
        if self.is_on {
            self.value.keep_trial();
        }
    }
}
