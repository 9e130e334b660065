use alloc::vec::Vec;
use core::cmp::Ordering;

use hashbrown::HashMap;

use crate::hashing::Keyed;
use crate::sorted::SortedRuns;

/// Per writer, the stored dots in the order of their counters, each with the slot of its entry.
///
/// It is what makes a delta cost its changes: everything that a peer lacks of a writer stands
/// behind the counter that it has.
#[derive(Clone, Default)]
pub(crate) struct Index {
    /// By writer slot.
    logs: Vec<Log>,
}

/// One writer's dots, in windows of counters, so that a superseded dot leaves in O(1).
#[derive(Clone, Default)]
struct Log {
    /// The window that is written to. Its start is behind all others.
    last: Dense,
    older: Older,
}

/// Segments by window. None is empty.
///
/// In groups of neighbours, so that no table that grows is large.
#[derive(Clone, Default)]
struct Older {
    groups: SortedRuns<Group>,
    /// The windows in their order, which changes rarely and is read rarely.
    windows: SortedRuns<u64>,
}

#[derive(Clone)]
struct Group {
    number: u64,
    segments: HashMap<u64, Segment, Keyed>,
}

/// How many windows a group spans.
const GROUP: u64 = 512;

/// A window of counters that is dense enough to be addressed by counter.
#[derive(Clone, Default)]
struct Dense {
    /// The counter of the first slot.
    start: u64,
    live: u16,
    /// By counter from `start`.
    slots: Vec<u32>,
}

/// A window in which little is left, by the counter's place in it, sorted.
#[derive(Clone)]
struct Sparse {
    window: u64,
    pairs: Vec<(u8, u32)>,
}

#[derive(Clone)]
enum Segment {
    Dense(Dense),
    Sparse(Sparse),
}

/// How many counters a window spans.
const SPAN: usize = 256;
/// A dense segment that falls below this becomes sparse, a sparse one of twice as many dense.
const SPARSE_BELOW: usize = 24;
const HOLE: u32 = u32::MAX;

#[inline]
const fn window(counter: u64) -> u64 {
    counter / SPAN as u64
}

impl Dense {
    /// Holds this one dot from now on.
    #[inline]
    fn restart(&mut self, counter: u64, slot: u32) {
        self.slots.clear();
        self.slots.push(slot);
        (self.start, self.live) = (counter, 1);
    }

    #[inline]
    fn get(&self, counter: u64) -> Option<u32> {
        let at = counter.checked_sub(self.start)? as usize;
        self.slots.get(at).copied().filter(|&slot| slot != HOLE)
    }

    /// The counter is in the window.
    #[inline]
    fn set(&mut self, counter: u64, slot: u32) {
        let at = counter.wrapping_sub(self.start) as usize;
        if at == self.slots.len() && at < self.slots.capacity() {
            self.slots.push(slot);
            self.live += 1;
        } else {
            self.set_elsewhere(counter, slot);
        }
    }

    fn set_elsewhere(&mut self, counter: u64, slot: u32) {
        if counter < self.start {
            let gap = (self.start - counter) as usize;
            self.slots.splice(0..0, core::iter::repeat_n(HOLE, gap));
            self.start = counter;
        }
        let at = (counter - self.start) as usize;
        if at >= self.slots.len() {
            if at >= 16 && at >= self.slots.capacity() {
                // Most likely the window fills up.
                let target = (2 * at).min(SPAN);
                self.slots.reserve_exact(target.max(at + 1) - self.slots.len());
            }
            self.slots.resize(at + 1, HOLE);
        }
        self.live += u16::from(self.slots[at] == HOLE);
        self.slots[at] = slot;
    }

    #[inline]
    fn remove(&mut self, counter: u64) {
        if let Some(slot) = self.slots.get_mut(counter.wrapping_sub(self.start) as usize)
            && *slot != HOLE
        {
            *slot = HOLE;
            self.live -= 1;
        }
    }

    #[inline]
    fn visit(&self, from: u64, visit: &mut impl FnMut(u64, u32)) {
        // Compared before it is cut to the size of a pointer, which may be 32 bits.
        let skip = from.saturating_sub(self.start).min(self.slots.len() as u64) as usize;
        for (counter, &slot) in (self.start + skip as u64..).zip(&self.slots[skip..]) {
            if slot != HOLE {
                visit(counter, slot);
            }
        }
    }
}

impl Segment {
    #[inline]
    fn window(&self) -> u64 {
        match self {
            Self::Dense(dense) => window(dense.start),
            Self::Sparse(sparse) => sparse.window,
        }
    }

    #[inline]
    fn len(&self) -> usize {
        match self {
            Self::Dense(dense) => usize::from(dense.live),
            Self::Sparse(sparse) => sparse.pairs.len(),
        }
    }

    fn get(&self, counter: u64) -> Option<u32> {
        match self {
            Self::Dense(dense) => dense.get(counter),
            Self::Sparse(sparse) => {
                let found = sparse.pairs.binary_search_by_key(&(counter as u8), |&(at, _)| at);
                found.ok().map(|found| sparse.pairs[found].1)
            }
        }
    }

    fn set(&mut self, counter: u64, slot: u32) {
        match self {
            Self::Dense(dense) => dense.set(counter, slot),
            Self::Sparse(sparse) => match sparse.pairs.binary_search_by_key(&(counter as u8), |&(at, _)| at) {
                Ok(found) => sparse.pairs[found].1 = slot,
                Err(place) => {
                    sparse.pairs.insert(place, (counter as u8, slot));
                    if sparse.pairs.len() > 2 * SPARSE_BELOW {
                        self.fill_up();
                    }
                }
            },
        }
    }

    #[inline]
    fn remove(&mut self, counter: u64) {
        match self {
            Self::Dense(dense) => dense.remove(counter),
            Self::Sparse(sparse) => {
                if let Ok(found) = sparse.pairs.binary_search_by_key(&(counter as u8), |&(at, _)| at) {
                    sparse.pairs.remove(found);
                }
            }
        }
    }

    /// Gives back the room of what has left.
    #[cold]
    fn thin_out(&mut self) {
        let mut pairs = Vec::with_capacity(self.len());
        self.visit(0, &mut |counter, slot| pairs.push((counter as u8, slot)));
        *self = Self::Sparse(Sparse { window: self.window(), pairs });
    }

    #[cold]
    fn fill_up(&mut self) {
        let mut dense = Dense { start: self.window() * SPAN as u64, live: 0, slots: Vec::with_capacity(SPAN) };
        self.visit(0, &mut |counter, slot| dense.set(counter, slot));
        *self = Self::Dense(dense);
    }

    #[inline]
    fn visit(&self, from: u64, visit: &mut impl FnMut(u64, u32)) {
        match self {
            Self::Dense(dense) => dense.visit(from, visit),
            Self::Sparse(sparse) => {
                let base = sparse.window * SPAN as u64;
                for &(at, slot) in &sparse.pairs {
                    if base + u64::from(at) >= from {
                        visit(base + u64::from(at), slot);
                    }
                }
            }
        }
    }
}

impl Older {
    fn is_empty(&self) -> bool {
        self.windows.is_empty()
    }

    fn get(&self, window: u64) -> Option<&Segment> {
        self.groups.get(&in_group(window))?.segments.get(&window)
    }

    fn get_mut(&mut self, window: u64) -> Option<&mut Segment> {
        self.groups.get_mut(&in_group(window))?.segments.get_mut(&window)
    }

    /// Enters a segment of a window that has none.
    fn insert(&mut self, segment: Segment) {
        let window = segment.window();
        self.windows.insert(window, &|other| other.cmp(&window));
        let order = in_group(window);
        match self.groups.get_mut(&order) {
            Some(group) => _ = group.segments.insert(window, segment),
            None => {
                let segments = core::iter::once((window, segment)).collect();
                self.groups.insert(Group { number: window / GROUP, segments }, &order);
            }
        }
    }

    fn remove(&mut self, window: u64) {
        self.windows.remove(&|other| other.cmp(&window));
        let order = in_group(window);
        if let Some(group) = self.groups.get_mut(&order) {
            group.segments.remove(&window);
            if group.segments.is_empty() {
                self.groups.remove(&order);
            }
        }
    }

    /// The segments from a window on.
    fn from(&self, window: u64) -> impl Iterator<Item = &Segment> {
        self.windows.from(&move |other| other.cmp(&window)).filter_map(|&window| self.get(window))
    }
}

/// Where a group stands beside that of a window.
fn in_group(window: u64) -> impl Fn(&Group) -> Ordering {
    move |group| group.number.cmp(&(window / GROUP))
}

impl Log {
    fn get(&self, counter: u64) -> Option<u32> {
        if window(counter) == window(self.last.start) {
            return self.last.get(counter);
        }
        self.older.get(window(counter))?.get(counter)
    }

    #[inline]
    fn set(&mut self, counter: u64, slot: u32) {
        if self.last.live > 0 && window(counter) == window(self.last.start) {
            self.last.set(counter, slot);
        } else {
            self.set_elsewhere(counter, slot);
        }
    }

    fn set_elsewhere(&mut self, counter: u64, slot: u32) {
        let unused = self.last.live == 0;
        if window(counter) < window(self.last.start) && !(unused && self.older.is_empty()) {
            match self.older.get_mut(window(counter)) {
                Some(segment) => segment.set(counter, slot),
                None => {
                    let mut dense = Dense::default();
                    dense.restart(counter, slot);
                    self.older.insert(Segment::Dense(dense));
                }
            }
        } else if unused {
            // Everything here was superseded: start again from this dot.
            self.last.restart(counter, slot);
        } else {
            self.push(counter, slot);
        }
    }

    /// Opens a window behind all others.
    fn push(&mut self, counter: u64, slot: u32) {
        // A writer in full swing gets a whole window at once.
        let capacity = if usize::from(self.last.live) >= SPAN / 4 { SPAN } else { 1 };
        let mut fresh = Dense { slots: Vec::with_capacity(capacity), ..Dense::default() };
        fresh.restart(counter, slot);
        let mut full = Segment::Dense(core::mem::replace(&mut self.last, fresh));
        if full.len() < SPARSE_BELOW {
            full.thin_out();
        }
        self.older.insert(full);
    }

    #[inline]
    fn remove(&mut self, counter: u64) {
        if window(counter) == window(self.last.start) {
            return self.last.remove(counter);
        }
        let Some(segment) = self.older.get_mut(window(counter)) else { return };
        segment.remove(counter);
        if segment.len() < SPARSE_BELOW {
            self.thin_out(window(counter));
        }
    }

    #[cold]
    fn thin_out(&mut self, window: u64) {
        let Some(segment) = self.older.get_mut(window) else { return };
        if segment.len() == 0 {
            self.older.remove(window);
        } else if matches!(segment, Segment::Dense(dense) if dense.slots.len() > SPAN / 4) {
            segment.thin_out();
        }
    }

    /// One dot takes the place of another of the same entry.
    #[inline(always)]
    fn replace(&mut self, old: u64, new: u64, slot: u32) {
        if self.last.start == old && self.last.slots.len() == 1 && self.last.live == 1 {
            // The only recent dot, as in a counter.
            self.last.start = new;
        } else {
            self.replace_elsewhere(old, new, slot);
        }
    }

    fn replace_elsewhere(&mut self, old: u64, new: u64, slot: u32) {
        self.remove(old);
        self.set(new, slot);
    }

    #[inline]
    fn visit_after(&self, counter: u64, visit: &mut impl FnMut(u64, u32)) {
        if window(counter + 1) < window(self.last.start) {
            self.older.from(window(counter + 1)).for_each(|segment| segment.visit(counter + 1, visit));
        }
        self.last.visit(counter + 1, visit);
    }
}

impl Index {
    /// The slot of the entry that holds this dot.
    pub(crate) fn get(&self, writer: u32, counter: u64) -> Option<u32> {
        self.logs.get(writer as usize)?.get(counter)
    }

    /// Whether a dot is in the window that its writer writes to, where it is found at once.
    #[inline]
    pub(crate) fn is_recent(&self, writer: u32, counter: u64) -> bool {
        self.logs.get(writer as usize).is_none_or(|log| window(counter) == window(log.last.start))
    }

    /// Enters a dot, or says where its entry is now.
    #[inline]
    pub(crate) fn set(&mut self, writer: u32, counter: u64, slot: u32) {
        if writer as usize >= self.logs.len() {
            self.add_writer(writer);
        }
        self.logs[writer as usize].set(counter, slot);
    }

    #[cold]
    fn add_writer(&mut self, writer: u32) {
        self.logs.resize_with(writer as usize + 1, Log::default);
    }

    #[inline]
    pub(crate) fn remove(&mut self, writer: u32, counter: u64) {
        if let Some(log) = self.logs.get_mut(writer as usize) {
            log.remove(counter);
        }
    }

    /// A dot of an entry supersedes another, which may be of the same writer.
    #[inline(always)]
    pub(crate) fn replace(&mut self, old: (u32, u64), new: (u32, u64), slot: u32) {
        if old.0 == new.0
            && let Some(log) = self.logs.get_mut(new.0 as usize)
        {
            log.replace(old.1, new.1, slot);
        } else {
            self.replace_elsewhere(old, new, slot);
        }
    }

    fn replace_elsewhere(&mut self, old: (u32, u64), new: (u32, u64), slot: u32) {
        self.remove(old.0, old.1);
        self.set(new.0, new.1, slot);
    }

    /// Visits the stored dots of a writer behind `counter`, in their order, with their entry slots.
    #[inline]
    pub(crate) fn visit_after(&self, writer: u32, counter: u64, mut visit: impl FnMut(u64, u32)) {
        if let Some(log) = self.logs.get(writer as usize) {
            log.visit_after(counter, &mut visit);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;

    use super::*;

    #[test]
    fn keeps_what_a_map_keeps() {
        let mut state = 1u64;
        let mut random = move |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for round in 0..60 {
            let (mut index, mut map) = (Index::default(), BTreeMap::new());
            let (mut next, spread) = (1, [1, 3, 700, 1 << 21][round % 4]);
            for _ in 0..3_000 {
                match random(10) {
                    0..5 => {
                        next += if random(20) == 0 { random(spread) + 1 } else { 1 };
                        index.set(0, next, next as u32 ^ 5);
                        map.insert(next, next as u32 ^ 5);
                    }
                    5 if round % 4 == 1 && map.contains_key(&next) && random(2) == 0 => {
                        let slot = map.remove(&next).unwrap();
                        index.replace((0, next), (0, next + 1), slot);
                        next += 1;
                        map.insert(next, slot);
                    }
                    5 if round % 2 == 0 => {
                        let late = random(next) + 1;
                        index.set(0, late, late as u32);
                        map.insert(late, late as u32);
                    }
                    6 if round % 5 == 0 => {
                        for counter in next.saturating_sub(900)..=next {
                            index.remove(0, counter);
                            map.remove(&counter);
                        }
                    }
                    _ => {
                        let gone = if random(2) == 0 { next } else { random(next) + 1 };
                        index.remove(0, gone);
                        map.remove(&gone);
                    }
                }
                let probe = random(next + 2) + 1;
                assert_eq!(index.get(0, probe), map.get(&probe).copied());
            }
            for after in [0, 1, random(next), next - 1, next, next + 9] {
                let mut seen = Vec::new();
                index.visit_after(0, after, |counter, slot| seen.push((counter, slot)));
                assert!(map.range(after + 1..).map(|(&c, &s)| (c, s)).eq(seen));
            }
            let log = &index.logs[0];
            let windows = log.older.windows.iter().count();
            assert!(windows <= 2 * map.len() + 2, "{windows} for {}", map.len());
            let segments = log.older.groups.iter().map(|group| group.segments.len());
            assert_eq!(segments.sum::<usize>(), windows);
        }
    }

    #[test]
    fn dots_that_are_32_bits_apart_are_told_apart() {
        // A counter has 42 bits, a pointer may have 32.
        const FAR: u64 = 1 << 32;
        let counters = [5, 6, FAR + 5, FAR + 300, 2 * FAR + 7, 1_000 * FAR + 6];
        let probes = || counters.into_iter().flat_map(|at| [at - 1, at, at + 1, at + FAR - 1, at + FAR, at + 2 * FAR]);
        for kept in 1..=counters.len() {
            let (mut index, mut map) = (Index::default(), BTreeMap::new());
            for (&counter, slot) in counters.iter().zip(0..) {
                index.set(0, counter, slot);
                map.insert(counter, slot);
            }
            for &counter in &counters[kept..] {
                index.remove(0, counter + FAR + 1);
                index.remove(0, counter);
                map.remove(&counter);
            }
            for probe in probes() {
                assert_eq!(index.get(0, probe), map.get(&probe).copied(), "{probe}");
                let mut seen = Vec::new();
                index.visit_after(0, probe, |counter, slot| seen.push((counter, slot)));
                assert!(map.range(probe + 1..).map(|(&c, &s)| (c, s)).eq(seen), "behind {probe}");
            }
        }
    }
}
