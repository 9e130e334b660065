use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

use xxhash_rust::xxh64::xxh64;

use super::message::{MAX_RANGES, PART_OVERHEAD, Part, parts_of};
use crate::causality::VersionVector;
use crate::sorted::SortedRuns;

/// An encoded delta, shared by all peers that lack the same.
#[derive(Debug, Clone)]
pub(super) struct Encoded {
    /// What its receiver was believed to have.
    pub(super) known: VersionVector,
    pub(super) base: VersionVector,
    pub(super) upto: VersionVector,
    pub(super) id: u64,
    pub(super) bytes: Arc<[u8]>,
}

impl Encoded {
    pub(super) fn new(known: VersionVector, upto: VersionVector, bytes: Vec<u8>) -> Self {
        let base = upto.meet(&known);
        Self { known, base, upto, id: xxh64(&bytes, 0), bytes: bytes.into() }
    }
}

/// A delta that is on its way to a peer. It stays the same until the peer has it, or says that it does
/// not fit: made anew for every attempt it would never arrive where messages are lost and the
/// sender goes on writing.
#[derive(Debug, Clone)]
pub(super) struct Pinned {
    pub(super) delta: Encoded,
    size: usize,
    unsent: VecDeque<Range<u32>>,
}

impl Pinned {
    pub(super) fn new(delta: Encoded, max_bytes: usize) -> Self {
        let size = (max_bytes - PART_OVERHEAD).min(delta.bytes.len());
        let all = 0..parts_of(delta.bytes.len(), size);
        Self { delta, size, unsent: VecDeque::from([all]) }
    }

    pub(super) fn is_single(&self) -> bool {
        self.size == self.delta.bytes.len()
    }

    /// The longest of its messages.
    pub(super) fn message_bytes(&self) -> usize {
        self.size + PART_OVERHEAD
    }

    pub(super) fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    pub(super) fn next(&mut self) -> Option<Part> {
        let range = self.unsent.front_mut()?;
        let index = range.start;
        range.start += 1;
        if range.start == range.end {
            self.unsent.pop_front();
        }
        let (total, start) = (self.delta.bytes.len(), index as usize * self.size);
        let bytes = self.delta.bytes[start..total.min(start + self.size)].to_vec();
        Some(Part { id: self.delta.id, total, size: self.size, index, last: self.unsent.is_empty(), bytes })
    }

    /// Nobody answered: the last part again, which asks what is missing.
    pub(super) fn probe(&mut self) {
        if self.unsent.is_empty() {
            let parts = parts_of(self.delta.bytes.len(), self.size);
            self.unsent.push_back(parts - 1..parts);
        }
    }

    /// These are missing. While others are on their way nothing is done: the last of them asks again.
    pub(super) fn send_again(&mut self, missing: &[Range<u32>]) {
        let parts = parts_of(self.delta.bytes.len(), self.size);
        if self.unsent.is_empty() && missing.iter().all(|range| range.end <= parts) {
            self.unsent.extend(missing.iter().cloned());
        }
    }
}

/// The parts of one delta, until all are there.
#[derive(Debug, Clone)]
struct Staging {
    id: u64,
    total: usize,
    size: usize,
    /// By their places. They may come in any order.
    parts: SortedRuns<(u32, Box<[u8]>)>,
    count: usize,
    bytes: usize,
    /// When its last new part came.
    touched: u64,
    /// When to say what is missing.
    ask_at: u64,
    asked: u32,
}

impl Staging {
    fn missing(&self) -> Vec<Range<u32>> {
        let mut missing = Vec::new();
        let mut next = 0;
        let end = parts_of(self.total, self.size);
        for index in self.parts.iter().map(|&(index, _)| index).chain([end]) {
            if index > next {
                missing.push(next..index);
                if missing.len() == MAX_RANGES {
                    break;
                }
            }
            next = index + 1;
        }
        missing
    }
}

/// What a part led to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Staged {
    /// All parts are there: these are the bytes.
    Complete(Vec<u8>),
    /// All parts are there, and they are not what was announced.
    Broken,
    /// This delta was complete already.
    Known,
    /// These parts are missing, and the sender waits to be told.
    Missing(Vec<Range<u32>>),
    /// More is to come.
    Waiting,
    /// The whole would be larger than allowed.
    TooBig,
}

/// The incomplete deltas of one peer.
///
/// There can be several though only one is on its way: parts of older ones arrive late, and must not push
/// out the one that makes progress.
#[derive(Debug, Default, Clone)]
pub(super) struct Stagings {
    list: Vec<Staging>,
    /// The ids of the last deltas that were complete.
    complete: VecDeque<u64>,
}

impl Stagings {
    const COMPLETE: usize = 8;

    /// Takes a part in. Kept are at most `count` deltas and `limit` bytes.
    pub(super) fn add(&mut self, part: Part, now: u64, retry: u64, count: usize, limit: usize) -> Staged {
        if part.total > limit {
            return Staged::TooBig;
        }
        if self.complete.contains(&part.id) {
            return Staged::Known;
        }
        if part.size == part.total {
            return self.finish(part.id, part.bytes);
        }
        let same = |staging: &Staging| (staging.id, staging.total, staging.size) == (part.id, part.total, part.size);
        let at = self.list.iter().position(same).unwrap_or_else(|| {
            self.make_room(count.max(1) - 1);
            let (id, total, size) = (part.id, part.total, part.size);
            let parts = SortedRuns::default();
            self.list.push(Staging { id, total, size, parts, count: 0, bytes: 0, touched: now, ask_at: 0, asked: 0 });
            self.list.len() - 1
        });
        let mut staging = self.list.swap_remove(at);
        let bytes = part.bytes.len();
        if staging.parts.insert((part.index, part.bytes.into_boxed_slice()), &|(index, _)| index.cmp(&part.index)) {
            staging.count += 1;
            staging.bytes += bytes;
            staging.touched = now;
            staging.asked = 0;
        }
        staging.ask_at = now.saturating_add(retry);
        if staging.count == parts_of(staging.total, staging.size) as usize {
            let mut bytes = Vec::with_capacity(staging.total);
            staging.parts.iter().for_each(|(_, part)| bytes.extend_from_slice(part));
            return self.finish(staging.id, bytes);
        }
        while self.bytes() + staging.bytes > limit {
            self.make_room(self.list.len() - 1);
        }
        let answer = if part.last { Staged::Missing(staging.missing()) } else { Staged::Waiting };
        self.list.push(staging);
        answer
    }

    fn finish(&mut self, id: u64, bytes: Vec<u8>) -> Staged {
        if xxh64(&bytes, 0) != id {
            return Staged::Broken;
        }
        Staged::Complete(bytes)
    }

    /// The value went back: what was complete may be needed again.
    pub(super) fn forget_complete(&mut self) {
        self.complete.clear();
    }

    /// A delta that was taken in: its parts need no more than an acknowledgement.
    pub(super) fn remember(&mut self, id: u64) {
        if self.complete.len() == Self::COMPLETE {
            self.complete.pop_front();
        }
        self.complete.push_back(id);
    }

    /// Leaves at most `count`, those that made progress last.
    fn make_room(&mut self, count: usize) {
        while self.list.len() > count {
            let oldest = (0..self.list.len()).min_by_key(|&at| (self.list[at].touched, self.list[at].id));
            self.list.swap_remove(oldest.unwrap_or_default());
        }
    }

    /// Gives up the one that made progress longest ago.
    pub(super) fn drop_oldest(&mut self) {
        self.make_room(self.list.len().saturating_sub(1));
    }

    pub(super) fn bytes(&self) -> usize {
        self.list.iter().map(|staging| staging.bytes).sum()
    }

    pub(super) fn clear(&mut self) {
        self.list.clear();
    }

    pub(super) fn next_ask(&self) -> Option<u64> {
        self.list.iter().map(|staging| staging.ask_at).min()
    }

    /// What to ask for again. Gives up what made no progress for so long, or was asked for so often.
    pub(super) fn due(&mut self, now: u64, retry: u64, keep: u64, attempts: u32) -> Vec<(u64, Vec<Range<u32>>)> {
        self.list.retain(|staging| {
            let given_up = staging.asked >= attempts || staging.touched.saturating_add(keep) <= now;
            staging.ask_at > now || !given_up
        });
        let mut due = Vec::new();
        for staging in self.list.iter_mut().filter(|staging| staging.ask_at <= now) {
            staging.asked += 1;
            staging.ask_at = now.saturating_add(retry.saturating_mul(1 << staging.asked.min(4)));
            due.push((staging.id, staging.missing()));
        }
        due.sort_unstable_by_key(|(id, _)| *id);
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 1024;

    fn pinned(fill: u8, len: usize) -> Pinned {
        let empty = VersionVector::new();
        Pinned::new(Encoded::new(empty.clone(), empty, alloc::vec![fill; len]), MAX)
    }

    fn all(pinned: &mut Pinned) -> Vec<Part> {
        core::iter::from_fn(|| pinned.next()).collect()
    }

    #[test]
    fn parts_come_together_in_any_order_and_what_is_missing_is_named() {
        let mut sent = pinned(7, 5000);
        let mut parts = all(&mut sent);
        assert!(parts.len() == 6 && parts[5].last && !parts[4].last);
        let mut staged = Stagings::default();
        let mut add = |part: &Part| staged.add(part.clone(), 0, 100, 2, 10_000);
        parts.swap(0, 2);
        assert_eq!(add(&parts[0]), Staged::Waiting);
        assert_eq!(add(&parts[0]), Staged::Waiting);
        let missing = alloc::vec![0..2, 3..5];
        assert_eq!(add(&parts[5]), Staged::Missing(missing.clone()));
        sent.send_again(&missing);
        let again = all(&mut sent);
        assert_eq!(again.iter().map(|part| part.index).collect::<Vec<_>>(), [0, 1, 3, 4]);
        assert!(again[..3].iter().all(|part| add(part) == Staged::Waiting));
        assert_eq!(add(&again[3]), Staged::Complete(alloc::vec![7; 5000]));
        staged.remember(parts[0].id);
        assert_eq!(staged.add(parts[0].clone(), 0, 100, 2, 10_000), Staged::Known);
        assert_eq!(staged.bytes(), 0);
    }

    #[test]
    fn late_parts_of_old_deltas_do_not_push_out_the_current_one() {
        let mut staged = Stagings::default();
        let mut current = pinned(1, 50_000);
        let mut now = 0;
        let mut old = 0u8;
        while let Some(part) = current.next() {
            now += 1;
            let answer = staged.add(part, now, 100, 2, 60_000);
            if let Staged::Complete(bytes) = answer {
                assert_eq!(bytes.len(), 50_000);
                return;
            }
            old = old.wrapping_add(2);
            let late = pinned(old, 50_000).next().unwrap();
            assert_eq!(staged.add(late, now - 1, 100, 2, 60_000), Staged::Waiting);
            assert!(staged.bytes() <= 60_000 && staged.list.len() <= 2);
        }
        panic!("it was complete");
    }

    #[test]
    fn what_is_too_big_or_broken_is_said_and_what_stalls_is_given_up() {
        let mut staged = Stagings::default();
        let mut parts = all(&mut pinned(1, 3000));
        assert_eq!(staged.add(parts[0].clone(), 0, 100, 2, 2999), Staged::TooBig);
        parts[1].bytes[0] ^= 1;
        for part in &parts[..3] {
            assert_eq!(staged.add(part.clone(), 0, 100, 2, 3000), Staged::Waiting);
        }
        assert_eq!(staged.next_ask(), Some(100));
        assert!(staged.due(99, 100, 1000, 2).is_empty());
        assert_eq!(staged.due(100, 100, 1000, 2), [(parts[0].id, alloc::vec![3..4])]);
        assert_eq!(staged.due(300, 100, 1000, 2).len(), 1);
        assert_eq!(staged.due(700, 100, 1000, 2).len(), 0);
        assert_eq!(staged.bytes(), 0);
        let last = parts.pop().unwrap();
        for part in parts {
            staged.add(part, 0, 100, 2, 3000);
        }
        assert_eq!(staged.add(last, 0, 100, 2, 3000), Staged::Broken);
    }
}
