use alloc::vec::Vec;

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
    /// Ordered by window, at most one for each. The last is always dense.
    segments: Vec<Segment>,
    /// Segments without a dot, which keep the others where they are expected.
    empty: u32,
}

#[derive(Clone)]
struct Segment {
    /// The counter of the first dense slot. Its window is the one of the segment.
    start: u64,
    live: u16,
    slots: Slots,
}

#[derive(Clone)]
enum Slots {
    /// By counter from `start`.
    Dense(Vec<u32>),
    /// Few are left of many: by the counter's place in the window, sorted.
    Sparse(Vec<(u8, u32)>),
}

/// How many counters a window spans.
const SPAN: usize = 256;
/// A dense segment that falls below this becomes sparse, a sparse one of twice as many dense.
const SPARSE_BELOW: u16 = 24;
const HOLE: u32 = u32::MAX;

const fn window(counter: u64) -> u64 {
    counter / SPAN as u64
}

impl Segment {
    fn with(counter: u64, slot: u32, capacity: usize) -> Self {
        let mut slots = Vec::with_capacity(capacity);
        slots.push(slot);
        Self { start: counter, slots: Slots::Dense(slots), live: 1 }
    }

    #[inline]
    fn get(&self, counter: u64) -> Option<u32> {
        match &self.slots {
            Slots::Dense(slots) => {
                let at = counter.checked_sub(self.start)? as usize;
                slots.get(at).copied().filter(|&slot| slot != HOLE)
            }
            Slots::Sparse(pairs) => {
                let found = pairs.binary_search_by_key(&(counter as u8), |&(at, _)| at);
                found.ok().map(|found| pairs[found].1)
            }
        }
    }

    /// The counter is in the window.
    #[inline]
    fn set(&mut self, counter: u64, slot: u32) {
        match &mut self.slots {
            Slots::Dense(slots) if counter >= self.start => {
                let at = (counter - self.start) as usize;
                if at < slots.len() {
                    self.live += u16::from(slots[at] == HOLE);
                    slots[at] = slot;
                    return;
                }
                if at == slots.len() && at == slots.capacity() && at >= 16 {
                    // Most likely the window fills up.
                    slots.reserve_exact(at.min(SPAN - at));
                }
                slots.resize(at, HOLE);
                slots.push(slot);
                self.live += 1;
            }
            Slots::Dense(slots) => {
                let gap = (self.start - counter) as usize;
                slots.splice(0..0, core::iter::repeat_n(HOLE, gap));
                slots[0] = slot;
                self.start = counter;
                self.live += 1;
            }
            Slots::Sparse(pairs) => match pairs.binary_search_by_key(&(counter as u8), |&(at, _)| at) {
                Ok(found) => pairs[found].1 = slot,
                Err(place) => {
                    pairs.insert(place, (counter as u8, slot));
                    self.live += 1;
                    if self.live > 2 * SPARSE_BELOW {
                        self.fill_up();
                    }
                }
            },
        }
    }

    #[inline]
    fn remove(&mut self, counter: u64) {
        match &mut self.slots {
            Slots::Dense(slots) => {
                let at = counter.checked_sub(self.start).map(|at| at as usize);
                if let Some(slot) = at.and_then(|at| slots.get_mut(at))
                    && *slot != HOLE
                {
                    *slot = HOLE;
                    self.live -= 1;
                }
            }
            Slots::Sparse(pairs) => {
                if let Ok(found) = pairs.binary_search_by_key(&(counter as u8), |&(at, _)| at) {
                    pairs.remove(found);
                    self.live -= 1;
                }
            }
        }
    }

    /// Gives back the room of what has left.
    #[cold]
    fn thin_out(&mut self) {
        let mut pairs = Vec::with_capacity(usize::from(self.live));
        self.visit(0, &mut |counter, slot| pairs.push((counter as u8, slot)));
        self.slots = Slots::Sparse(pairs);
    }

    #[cold]
    fn fill_up(&mut self) {
        let mut slots = alloc::vec![HOLE; SPAN];
        self.visit(0, &mut |counter, slot| slots[counter as usize % SPAN] = slot);
        self.start = window(self.start) * SPAN as u64;
        self.slots = Slots::Dense(slots);
    }

    #[inline]
    fn visit(&self, from: u64, visit: &mut impl FnMut(u64, u32)) {
        match &self.slots {
            Slots::Dense(slots) => {
                let skip = (from.saturating_sub(self.start) as usize).min(slots.len());
                for (counter, &slot) in (self.start + skip as u64..).zip(&slots[skip..]) {
                    if slot != HOLE {
                        visit(counter, slot);
                    }
                }
            }
            Slots::Sparse(pairs) => {
                let base = window(self.start) * SPAN as u64;
                for &(at, slot) in pairs {
                    if base + u64::from(at) >= from {
                        visit(base + u64::from(at), slot);
                    }
                }
            }
        }
    }
}

impl Log {
    /// The segment of the counter's window, or where it would be.
    #[inline]
    fn locate(&self, counter: u64) -> Result<usize, usize> {
        let window_at = |at: usize| window(self.segments[at].start);
        let (Some(last), wanted) = (self.segments.len().checked_sub(1), window(counter)) else { return Err(0) };
        if wanted >= window_at(last) {
            return if wanted == window_at(last) { Ok(last) } else { Err(last + 1) };
        }
        // Where no window was left out, this is the place.
        let guess = wanted.saturating_sub(window_at(0)) as usize;
        if guess < last && window_at(guess) == wanted {
            return Ok(guess);
        }
        self.segments.binary_search_by_key(&wanted, |segment| window(segment.start))
    }

    #[inline]
    fn set(&mut self, counter: u64, slot: u32) {
        match self.locate(counter) {
            Ok(at) => {
                let last = at + 1 == self.segments.len();
                let segment = &mut self.segments[at];
                if segment.live > 0 {
                    segment.set(counter, slot);
                } else if last && let Slots::Dense(slots) = &mut segment.slots {
                    // Everything here was superseded: start again from this dot.
                    slots.clear();
                    slots.push(slot);
                    (segment.start, segment.live) = (counter, 1);
                } else {
                    segment.set(counter, slot);
                    self.empty -= 1;
                }
            }
            Err(at) if at == self.segments.len() => self.push(counter, slot),
            Err(at) => self.segments.insert(at, Segment::with(counter, slot, 1)),
        }
    }

    /// Opens a window behind all others.
    #[cold]
    fn push(&mut self, counter: u64, slot: u32) {
        let Some(last) = self.segments.last_mut() else {
            self.segments.push(Segment::with(counter, slot, 1));
            return;
        };
        if last.live == 0 {
            *last = Segment::with(counter, slot, 1);
            return;
        }
        // A writer in full swing gets a whole window at once.
        let capacity = if usize::from(last.live) >= SPAN / 4 { SPAN } else { 1 };
        if last.live < SPARSE_BELOW {
            last.thin_out();
        }
        self.segments.push(Segment::with(counter, slot, capacity));
    }

    #[inline]
    fn remove(&mut self, counter: u64) {
        let Ok(at) = self.locate(counter) else { return };
        let last = at + 1 == self.segments.len();
        let segment = &mut self.segments[at];
        let before = segment.live;
        segment.remove(counter);
        if segment.live < SPARSE_BELOW && !last && segment.live < before {
            self.thin_out(at);
        }
    }

    #[cold]
    fn thin_out(&mut self, at: usize) {
        let segment = &mut self.segments[at];
        if segment.live > 0 {
            if matches!(&segment.slots, Slots::Dense(slots) if slots.len() > SPAN / 4) {
                segment.thin_out();
            }
            return;
        }
        segment.slots = Slots::Sparse(Vec::new());
        self.empty += 1;
        if self.empty as usize > self.segments.len() / 2 {
            let last = self.segments.pop();
            self.segments.retain(|segment| segment.live > 0);
            self.segments.extend(last);
            self.empty = 0;
        }
    }

    #[inline]
    fn visit_after(&self, counter: u64, visit: &mut impl FnMut(u64, u32)) {
        let (Ok(first) | Err(first)) = self.locate(counter + 1);
        for segment in &self.segments[first..] {
            segment.visit(counter + 1, visit);
        }
    }
}

impl Index {
    /// The slot of the entry that holds this dot.
    pub(crate) fn get(&self, writer: u32, counter: u64) -> Option<u32> {
        let log = self.logs.get(writer as usize)?;
        log.segments[log.locate(counter).ok()?].get(counter)
    }

    /// Enters a dot, or says where its entry is now.
    #[inline]
    pub(crate) fn set(&mut self, writer: u32, counter: u64, slot: u32) {
        if writer as usize >= self.logs.len() {
            self.logs.resize_with(writer as usize + 1, Log::default);
        }
        self.logs[writer as usize].set(counter, slot);
    }

    #[inline]
    pub(crate) fn remove(&mut self, writer: u32, counter: u64) {
        if let Some(log) = self.logs.get_mut(writer as usize) {
            log.remove(counter);
        }
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
            let (mut next, spread) = (1, [1, 3, 700][round % 3]);
            for _ in 0..3_000 {
                match random(10) {
                    0..5 => {
                        next += if random(20) == 0 { random(spread) + 1 } else { 1 };
                        index.set(0, next, next as u32 ^ 5);
                        map.insert(next, next as u32 ^ 5);
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
            assert!(log.segments.len() <= 2 * map.len() + 2, "{} for {}", log.segments.len(), map.len());
        }
    }
}
