use alloc::vec::Vec;

use crate::causality::{VersionVector, Writer};

/// The causal context at the root of a value: one for all of its parts.
#[derive(Clone, Default)]
pub struct Context {
    /// What has been seen. Down-closed: it never passes over a gap.
    pub(crate) version: VersionVector,
    /// Rises over every removal that is discarded, here or upstream. Never above `version`.
    pub(crate) floor: VersionVector,
    /// The slot written under last.
    own: Option<u32>,
    /// Slots that moved since the last write under `own`, maybe more than once: what the next
    /// operation depends on beyond the last one.
    heard: Vec<u32>,
}

impl Context {
    /// The slot and branch under which `writer` continues this value.
    #[inline]
    pub(crate) fn continue_as(&mut self, writer: &mut Writer) -> (u32, u32) {
        let slot = writer.slot_for(&mut self.version, self.own);
        // 2^16 slots are out of reach of foreign data: that many roll-backs of one value.
        let slot = slot.expect("a value has at most 2^20 writers");
        if self.own != Some(slot) {
            self.own = Some(slot);
            self.heard.clear();
            self.heard.extend(0..self.version.counters().len() as u32);
        }
        (slot, self.version.branch(slot))
    }

    /// The slots that the next operation must name as dependencies, and the list begins anew.
    pub(crate) fn take_heard(&mut self) -> Vec<u32> {
        let mut heard = core::mem::take(&mut self.heard);
        heard.sort_unstable();
        heard.dedup();
        heard
    }

    #[inline]
    pub(crate) fn forget_heard(&mut self) {
        self.heard.clear();
    }

    /// Sees all that someone saw, given by the slots of this version. Returns how many events are new.
    pub(crate) fn see(&mut self, upto: &[u64]) -> u64 {
        let mut new = 0;
        for (slot, &counter) in upto.iter().enumerate() {
            let slot = slot as u32;
            let before = self.version.at(slot);
            if counter > before {
                new += counter - before;
                self.version.raise(slot, counter);
                if self.own.is_some() {
                    self.heard.push(slot);
                }
            }
        }
        if self.heard.len() > 2 * self.version.slots() + 16 {
            let heard = self.take_heard();
            self.heard = heard;
        }
        new
    }
}
