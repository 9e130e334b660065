use alloc::vec::Vec;

/// A hash table from hashes to slots of 32 bits, which grows without long pauses.
///
/// *Extendible hashing* (Fagin et al., 1979): the top bits of a hash choose a shard through a
/// directory; a full shard is split in two. A shard is a run of cache lines of 16 lanes; further bits
/// choose a line, and an entry spills into the next line only when its own is full. So a lookup
/// reads one line here and then the key itself. A lane holds the slot in its low bits and as many bits
/// of the hash as are left above it, so that other keys are almost never looked at.
#[derive(Clone, Default)]
pub(crate) struct Table {
    /// By the top `depth` bits of the hash: which shard. Empty until the first insertion.
    directory: Vec<u32>,
    depth: u32,
    shards: Vec<Shard>,
}

/// Lanes are filled from the front: a line whose last lane is empty has never overflowed.
#[derive(Clone)]
#[repr(align(64))]
struct Line([u32; LANES]);

const LANES: usize = 16;
const EMPTY: u32 = 0;
/// An entry that was removed from a full line, whose successors may hold entries that belong here.
const TOMBSTONE: u32 = 1;
/// What is added to a slot in a lane.
const OFFSET: u32 = 2;
/// How many lines a shard has, as it grows. A full one with the most lines, some 4,200 entries, is split.
const LINES: [usize; 10] = [1, 2, 4, 9, 18, 36, 72, 120, 200, LINES_MAX];
const LINES_MAX: usize = 328;
const DEPTH_MAX: u32 = 24;
/// The directory has at most twice so many entries for each shard.
const SPARSE: usize = 8;

#[derive(Clone)]
struct Shard {
    lines: Vec<Line>,
    /// Lanes that are not empty, and how many may be: four fifths. Of lines that are fuller on average,
    /// many are full, and it takes a look at the next one to know that a key is not there.
    used: u32,
    capacity: u32,
    /// Lanes that hold an entry.
    live: u32,
    /// How many top bits of the hash all entries have in common.
    depth: u32,
    /// Which low bits of a lane are the slot; the others are of the hash.
    slot_mask: u32,
}

/// The lanes that are `tag` above the slot, or-ed together: mostly it is one, and so this is it.
#[inline(always)]
fn tagged(lanes: &[u32; LANES], tag_mask: u32, tag: u32) -> u32 {
    // Simple enough for the compiler to compare all lanes at once, here and below.
    lanes.iter().fold(0, |found, &lane| found | if lane & tag_mask == tag { lane } else { 0 })
}

/// How many lanes of a line that is not full are filled.
#[inline]
fn filled(lanes: &[u32; LANES]) -> usize {
    let (mut at, mut step) = (0, LANES / 2);
    while step > 0 {
        at += if lanes[at + step - 1] != EMPTY { step } else { 0 };
        step /= 2;
    }
    at
}

/// The lane that holds this, counted from 16; 0 if none does. No two lanes hold the same slot.
#[inline]
fn position(lanes: &[u32; LANES], entry: u32) -> usize {
    let numbered = (LANES as u32..).zip(lanes);
    numbered.fold(0, |found, (number, &lane)| found | number & u32::from(lane == entry).wrapping_neg()) as usize
}

impl Shard {
    fn new(lines: usize, depth: u32, slot_mask: u32) -> Self {
        let capacity = (lines * LANES * 4 / 5) as u32;
        Self { lines: alloc::vec![Line([EMPTY; LANES]); lines], used: 0, capacity, live: 0, depth, slot_mask }
    }

    /// The hash bits in a lane, in place.
    #[inline]
    fn tag(&self, hash: u64) -> u32 {
        hash as u32 & !self.slot_mask
    }

    /// The line in which an entry belongs. The shard took the bits above, the tag has those below.
    #[inline]
    fn home(&self, hash: u64) -> usize {
        ((u64::from((hash >> 8) as u32) * self.lines.len() as u64) >> 32) as usize
    }

    #[inline]
    fn next(&self, line: usize) -> usize {
        if line + 1 == self.lines.len() { 0 } else { line + 1 }
    }

    #[inline(always)]
    fn find(&self, hash: u64, mut is: impl FnMut(u32) -> bool) -> Option<u32> {
        let tag = self.tag(hash);
        let mut at = self.home(hash);
        loop {
            let line = &self.lines[at].0;
            let found = tagged(line, !self.slot_mask, tag) & self.slot_mask;
            if found >= OFFSET && is(found - OFFSET) {
                return Some(found - OFFSET);
            }
            if found != EMPTY
                && let Some(slot) = self.find_among(line, tag, &mut is)
            {
                return Some(slot);
            }
            if line[LANES - 1] == EMPTY {
                return None;
            }
            at = self.next(at);
        }
    }

    /// Several lanes with the same tag, or another key with the same tag.
    #[cold]
    fn find_among(&self, line: &[u32; LANES], tag: u32, is: &mut dyn FnMut(u32) -> bool) -> Option<u32> {
        let tagged = line.iter().filter(|&&lane| lane & !self.slot_mask == tag).map(|lane| lane & self.slot_mask);
        tagged.filter(|&entry| entry >= OFFSET).map(|entry| entry - OFFSET).find(|&slot| is(slot))
    }

    /// The line and lane of an entry that is there.
    fn locate(&self, hash: u64, slot: u32) -> Option<(usize, usize)> {
        let entry = self.tag(hash) | (slot + OFFSET);
        let mut at = self.home(hash);
        loop {
            let line = &self.lines[at].0;
            let lane = position(line, entry);
            if lane != 0 {
                return Some((at, lane % LANES));
            }
            if line[LANES - 1] == EMPTY {
                return None;
            }
            at = self.next(at);
        }
    }

    #[inline]
    fn insert(&mut self, hash: u64, slot: u32) {
        let entry = self.tag(hash) | (slot + OFFSET);
        let mut at = self.home(hash);
        loop {
            let line = &mut self.lines[at].0;
            if line[LANES - 1] == EMPTY {
                line[filled(line)] = entry;
                self.used += 1;
                self.live += 1;
                return;
            }
            if self.used > self.live
                && let Some(lane) = line.iter().position(|&lane| lane == TOMBSTONE)
            {
                line[lane] = entry;
                self.live += 1;
                return;
            }
            at = self.next(at);
        }
    }

    fn remove(&mut self, hash: u64, slot: u32) {
        let Some((at, lane)) = self.locate(hash, slot) else { return };
        let line = &mut self.lines[at].0;
        self.live -= 1;
        if line[LANES - 1] == EMPTY {
            let last = filled(line) - 1;
            line[lane] = line[last];
            line[last] = EMPTY;
            self.used -= 1;
        } else {
            line[lane] = TOMBSTONE;
        }
    }

    /// Enters everything that is in another shard.
    fn take_over(&mut self, old: &Self, hash_of: &dyn Fn(u32) -> u64) {
        for lane in old.lines.iter().flat_map(|line| line.0) {
            if lane & old.slot_mask >= OFFSET {
                let slot = (lane & old.slot_mask) - OFFSET;
                self.insert(hash_of(slot), slot);
            }
        }
    }

    /// Splits into two shards with as many lines, by the next bit of the hash.
    fn split(&self, hash_of: &dyn Fn(u32) -> u64, slot_mask: u32) -> [Self; 2] {
        let depth = self.depth + 1;
        let mut halves = [(); 2].map(|()| Self::new(self.lines.len(), depth, slot_mask));
        let half = |hash: u64| (hash >> (64 - depth)) as usize & 1;
        let mut spilled = Vec::new();
        for (at, line) in self.lines.iter().enumerate() {
            // A pass of its own, so that the keys, which are anywhere in memory, are fetched side by side.
            let mut hashes = [0; LANES];
            for (hash, &lane) in hashes.iter_mut().zip(&line.0) {
                let entry = lane & self.slot_mask;
                if entry >= OFFSET {
                    *hash = hash_of(entry - OFFSET);
                }
            }
            // Nothing else fills these lines directly: all that belongs there was here, or had spilled.
            let mut filled = [0; 2];
            for (&hash, &lane) in hashes.iter().zip(&line.0) {
                let entry = lane & self.slot_mask;
                if entry < OFFSET {
                    continue;
                }
                if self.home(hash) != at {
                    spilled.push((hash, entry - OFFSET));
                    continue;
                }
                let half = half(hash);
                halves[half].lines[at].0[filled[half] % LANES] = hash as u32 & !slot_mask | entry;
                filled[half] += 1;
            }
            for (half, filled) in halves.iter_mut().zip(filled) {
                half.used += filled as u32;
                half.live += filled as u32;
            }
        }
        for (hash, slot) in spilled {
            halves[half(hash)].insert(hash, slot);
        }
        halves
    }
}

/// The bits for slots up to `slot`. Rare steps, since each rebuilds the shard.
fn slot_mask_for(slot: u32) -> u32 {
    let needed = u32::BITS - (slot + OFFSET).leading_zeros();
    let bits = if needed <= 24 { needed.next_multiple_of(4).max(12) } else { needed.next_multiple_of(2) };
    u32::MAX >> (u32::BITS - bits)
}

impl Table {
    /// Slots end here: a lane holds them with an offset.
    pub(crate) const SLOT_MAX: u32 = u32::MAX - OFFSET;

    #[inline]
    fn directory_index(&self, hash: u64) -> usize {
        // In two steps, since a shift by 64 is not defined.
        ((hash >> 1) >> (63 - self.depth)) as usize
    }

    #[inline(always)]
    pub(crate) fn find(&self, hash: u64, is: impl FnMut(u32) -> bool) -> Option<u32> {
        let shard = *self.directory.get(self.directory_index(hash))?;
        self.shards[shard as usize].find(hash, is)
    }

    /// Enters a slot that is not in the table. `hash_of` gives the hash of any slot that is.
    #[inline]
    pub(crate) fn insert(&mut self, hash: u64, slot: u32, hash_of: impl Fn(u32) -> u64) {
        if self.directory.is_empty() {
            self.directory.push(0);
            self.shards.push(Shard::new(1, 0, slot_mask_for(slot)));
        }
        loop {
            let at = self.directory[self.directory_index(hash)] as usize;
            let shard = &mut self.shards[at];
            if shard.used < shard.capacity && slot <= shard.slot_mask - OFFSET {
                shard.insert(hash, slot);
                return;
            }
            self.make_room(at, hash, slot, &hash_of);
        }
    }

    /// Makes an empty table ready for so many entries.
    pub(crate) fn reserve(&mut self, entries: usize) {
        if !self.directory.is_empty() || entries <= LANES {
            return;
        }
        // Two thirds: with hashes as they come, hardly any shard is split then.
        let lines = entries.div_ceil(LANES * 2 / 3);
        let slot_mask = slot_mask_for(entries.min(Self::SLOT_MAX as usize) as u32);
        self.depth = lines.div_ceil(LINES_MAX).next_power_of_two().trailing_zeros().min(DEPTH_MAX);
        let shards = 1 << self.depth;
        let per_shard = lines.div_ceil(shards);
        let lines = LINES.into_iter().find(|&lines| lines >= per_shard).unwrap_or(LINES_MAX);
        self.directory = (0..shards as u32).collect();
        self.shards = (0..shards).map(|_| Shard::new(lines, self.depth, slot_mask)).collect();
    }

    #[cold]
    fn make_room(&mut self, at: usize, hash: u64, slot: u32, hash_of: &dyn Fn(u32) -> u64) {
        let shard = &self.shards[at];
        let slot_mask = slot_mask_for(slot).max(shard.slot_mask);
        let lines = shard.lines.len();
        let crowded = shard.used == shard.capacity && shard.live as usize * 3 > lines * LANES * 2;
        // Hashes that are all alike cannot be told apart by more of their bits: the directory would grow, and nothing else.
        let is_sparse = shard.depth == self.depth && self.directory.len() >= SPARSE * self.shards.len();
        if !crowded || lines < LINES_MAX || is_sparse || shard.depth >= DEPTH_MAX {
            let more = LINES.into_iter().find(|&more| more > lines).unwrap_or(2 * lines);
            let mut grown = Shard::new(if crowded { more } else { lines }, shard.depth, slot_mask);
            grown.take_over(shard, hash_of);
            self.shards[at] = grown;
            return;
        }
        if shard.depth == self.depth {
            self.directory = self.directory.iter().flat_map(|&shard| [shard, shard]).collect();
            self.depth += 1;
        }
        let [low, high] = shard.split(hash_of, slot_mask);
        let depth = low.depth;
        let new = self.shards.len() as u32;
        self.shards[at] = low;
        self.shards.push(high);
        // The directory entries of the old shard are those that share its prefix; half of them move.
        let prefix = ((hash >> 1) >> (64 - depth)) << 1;
        let width = self.depth - depth;
        let first = (((prefix | 1) as usize) << width)..((prefix as usize + 2) << width);
        self.directory[first].fill(new);
    }

    pub(crate) fn remove(&mut self, hash: u64, slot: u32) {
        if let Some(&shard) = self.directory.get(self.directory_index(hash)) {
            self.shards[shard as usize].remove(hash, slot);
        }
    }

    pub(crate) fn relocate(&mut self, hash: u64, from: u32, to: u32) {
        let Some(&shard) = self.directory.get(self.directory_index(hash)) else { return };
        let shard = &mut self.shards[shard as usize];
        // A smaller slot fits wherever a greater one did.
        debug_assert!(to <= from);
        if let Some((at, lane)) = shard.locate(hash, from) {
            shard.lines[at].0[lane] = shard.tag(hash) | (to + OFFSET);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hash function good enough for a test, and one that puts much into few lines.
    fn mixed(key: u64) -> u64 {
        let mut hash = (key ^ (key >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash = (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash ^ (hash >> 32)
    }

    fn crowded(key: u64) -> u64 {
        mixed(key) & 0xff00_00c0_0000_00ff
    }

    #[test]
    fn finds_what_was_inserted_through_growth_removal_and_relocation() {
        for (hash, count) in [(mixed as fn(u64) -> u64, 40_000u32), (crowded, 3_000)] {
            let mut table = Table::default();
            let mut keys: Vec<u64> = Vec::new();
            for i in 0..count {
                keys.push(u64::from(i) * 3);
                table.insert(hash(keys[i as usize]), i, |slot| hash(keys[slot as usize]));
            }
            let mut next = u64::from(count) * 3;
            for step in 0..2 * count {
                if step % 3 == 0 {
                    keys.push(next);
                    table.insert(hash(next), keys.len() as u32 - 1, |slot| hash(keys[slot as usize]));
                    next += 3;
                } else {
                    let slot = (u64::from(step) * 7919 % keys.len() as u64) as u32;
                    table.remove(hash(keys[slot as usize]), slot);
                    keys.swap_remove(slot as usize);
                    let from = keys.len() as u32;
                    if slot < from {
                        table.relocate(hash(keys[slot as usize]), from, slot);
                    }
                }
            }
            for (slot, &key) in keys.iter().enumerate() {
                assert_eq!(table.find(hash(key), |at| keys.get(at as usize) == Some(&key)), Some(slot as u32));
                assert_eq!(table.find(hash(key + 1), |at| keys.get(at as usize) == Some(&(key + 1))), None);
            }
            let live: u32 = table.shards.iter().map(|shard| shard.live).sum();
            assert_eq!(live as usize, keys.len());
        }
    }

    #[test]
    fn hashes_that_are_all_alike_make_no_directory() {
        for (hash, few) in [(0u64, 1), (u64::MAX, 1), (0x1234_5678_9abc_def0, 1), (7, 100)] {
            let hash_of = |slot: u32| if slot.is_multiple_of(few) { hash } else { mixed(u64::from(slot)) };
            let mut table = Table::default();
            (0..20_000).for_each(|slot| table.insert(hash_of(slot), slot, hash_of));
            assert!(table.directory.len() <= 2 * SPARSE * table.shards.len(), "{}", table.directory.len());
            for slot in (0..20_000).step_by(77) {
                assert_eq!(table.find(hash_of(slot), |at| at == slot), Some(slot));
            }
            (0..20_000).rev().step_by(2).for_each(|slot| table.remove(hash_of(slot), slot));
            assert_eq!(table.find(hash_of(19_998), |at| at == 19_998), Some(19_998));
            assert_eq!(table.find(hash_of(19_999), |at| at == 19_999), None);
        }
    }

    #[test]
    fn slots_of_any_size_fit() {
        let mut table = Table::default();
        for slot in [0, 4093, 4094, 4095, 1 << 20, (1 << 24) - 3, 1 << 24, 1 << 31, Table::SLOT_MAX] {
            table.insert(mixed(u64::from(slot)), slot, |slot| mixed(u64::from(slot)));
            assert_eq!(table.find(mixed(u64::from(slot)), |at| at == slot), Some(slot));
        }
        assert_eq!(table.shards.iter().map(|shard| shard.live).sum::<u32>(), 9);
    }
}
