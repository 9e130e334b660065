use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::causality::PackedDot;

/// The dots of removals in the order in which they came, so that the oldest are discarded first.
///
/// A removal that was superseded stays until it is swept out or comes to the front. In chunks, so that nothing moves as
/// a whole.
#[derive(Clone, Default)]
pub(super) struct Removals {
    /// None is empty, but for the first between calls.
    chunks: VecDeque<Vec<PackedDot>>,
    /// How many dots of the first chunk have left.
    gone: usize,
    len: usize,
    /// The chunk that is swept next.
    sweep: usize,
    /// How many have come since the last sweep.
    unswept: usize,
}

const CHUNK: usize = 256;
/// So many chunks are swept for each one that is filled.
const SWEPT: usize = 4;

impl Removals {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn push(&mut self, dot: PackedDot) {
        self.len += 1;
        self.unswept += 1;
        match self.chunks.back_mut() {
            Some(last) if last.len() < CHUNK => last.push(dot),
            _ => self.chunks.push_back(alloc::vec![dot]),
        }
    }

    /// Whether it is time to sweep, where so many are stored.
    #[inline]
    pub(super) fn is_due(&self, stored: usize) -> bool {
        self.unswept >= CHUNK && self.len > 2 * stored + CHUNK
    }

    #[inline]
    pub(super) fn first(&self) -> Option<PackedDot> {
        self.chunks.front()?.get(self.gone).copied()
    }

    pub(super) fn pop(&mut self) {
        self.gone += 1;
        self.len -= 1;
        if self.chunks.front().is_some_and(|first| first.len() <= self.gone) {
            self.chunks.pop_front();
            self.gone = 0;
            self.sweep = self.sweep.saturating_sub(1);
        }
    }

    /// Drops the last ones, so that so many are left. Since there were as many, none has left.
    pub(super) fn truncate(&mut self, len: usize) {
        while self.len > len
            && let Some(last) = self.chunks.back_mut()
        {
            last.pop();
            self.len -= 1;
            self.unswept = self.unswept.saturating_sub(1);
            if last.is_empty() {
                self.chunks.pop_back();
            }
        }
    }

    /// Drops dots that are not stored any more, in a few chunks, which are joined where they have become small.
    pub(super) fn sweep(&mut self, is_stored: impl Fn(PackedDot) -> bool) {
        self.unswept = 0;
        for _ in 0..SWEPT {
            if self.sweep >= self.chunks.len() {
                self.sweep = 0;
            }
            let at = self.sweep;
            let Some(chunk) = self.chunks.get_mut(at) else { return };
            let before = chunk.len();
            if at == 0 {
                chunk.drain(..core::mem::take(&mut self.gone));
                self.len += before - chunk.len();
            }
            chunk.retain(|&dot| is_stored(dot));
            self.len -= before - chunk.len();
            let len = chunk.len();
            let joins = at > 0 && self.chunks[at - 1].len() + len <= CHUNK;
            if len == 0 || joins {
                let chunk = self.chunks.remove(at).unwrap_or_default();
                if joins {
                    self.chunks[at - 1].extend(chunk);
                }
            } else {
                self.sweep += 1;
            }
        }
    }

    #[cfg(any(test, feature = "mutants"))]
    pub(super) fn iter(&self) -> impl Iterator<Item = PackedDot> + '_ {
        self.chunks.iter().flatten().skip(self.gone).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_order_of_what_is_stored_and_drops_the_rest() {
        let dot = |counter: u64| PackedDot::new(0, counter);
        let stored = |dot: PackedDot| dot.counter().is_multiple_of(5);
        let mut removals = Removals::default();
        let mut left = 0;
        for counter in 1..=20_000 {
            removals.push(dot(counter));
            if removals.is_due(counter as usize / 5) {
                removals.sweep(stored);
            }
            if counter.is_multiple_of(7) && removals.first().is_some() {
                removals.pop();
                left += 1;
            }
            assert_eq!(removals.len(), removals.iter().count());
        }
        assert!(left > 1_000 && removals.len() < 20_000 * 3 / 5, "{} after {left}", removals.len());
        let counters: Vec<u64> = removals.iter().map(|dot| dot.counter()).collect();
        assert!(counters.is_sorted());
        let expected: Vec<u64> = (counters[0]..=20_000).filter(|counter| counter.is_multiple_of(5)).collect();
        let kept: Vec<u64> = counters.into_iter().filter(|counter| counter.is_multiple_of(5)).collect();
        assert_eq!(kept, expected);
    }
}
