//! The work that the benchmarks and the figures share: the same keys in the same orders.

// Every benchmark compiles this module for itself and uses a part of it.
#![allow(dead_code)]

use std::time::Duration;

use criterion::Criterion;
use dotted::{GCounter, LwwMap, OrSet, VersionVector, Writer};
use hashbrown::{HashMap, HashSet};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

/// Random keys of 64 bits: the same for the same seed, and as good as certainly all different.
pub fn keys(count: usize, seed: u64) -> Vec<u64> {
    let mut random = StdRng::seed_from_u64(seed);
    (0..count).map(|_| random.next_u64()).collect()
}

/// The same keys in another order, so that lookups do not run along the memory of the insertions.
pub fn shuffled(keys: &[u64], seed: u64) -> Vec<u64> {
    let mut keys = keys.to_vec();
    keys.shuffle(&mut StdRng::seed_from_u64(seed));
    keys
}

/// Grown one by one, from nothing.
pub fn grown_set(writer: &mut Writer, keys: &[u64]) -> OrSet<u64> {
    let mut set = OrSet::new();
    for &key in keys {
        set.insert(writer, key);
    }
    set
}

/// Grown one by one, from nothing: the floor.
pub fn grown_hash_set(keys: &[u64]) -> HashSet<u64> {
    let mut set = HashSet::new();
    for &key in keys {
        set.insert(key);
    }
    set
}

/// How many of the keys are there.
pub fn count_in_set(set: &OrSet<u64>, keys: &[u64]) -> usize {
    keys.iter().filter(|key| set.contains(*key)).count()
}

/// How many of the keys are there: the floor.
pub fn count_in_hash_set(set: &HashSet<u64>, keys: &[u64]) -> usize {
    keys.iter().filter(|key| set.contains(*key)).count()
}

/// Removes the keys one by one.
pub fn shrink_set(writer: &mut Writer, set: &mut OrSet<u64>, keys: &[u64]) {
    for key in keys {
        set.remove(writer, key);
    }
}

/// Removes the keys one by one: the floor.
pub fn shrink_hash_set(set: &mut HashSet<u64>, keys: &[u64]) {
    for key in keys {
        set.remove(key);
    }
}

/// Keys to add, and keys of a set to remove.
pub struct Changes {
    pub added: Vec<u64>,
    pub removed: Vec<u64>,
}

impl Changes {
    /// `count` changes of a set with these keys: half of them new keys, half removals.
    pub fn of(keys: &[u64], count: usize) -> Self {
        let added = self::keys(count.div_ceil(2), 0xadd);
        let mut random = StdRng::seed_from_u64(0xde1);
        let removed = rand::seq::index::sample(&mut random, keys.len(), count / 2);
        Self { added, removed: removed.iter().map(|at| keys[at]).collect() }
    }

    pub fn count(&self) -> usize {
        self.added.len() + self.removed.len()
    }

    pub fn keys(&self) -> impl Iterator<Item = u64> {
        self.added.iter().chain(&self.removed).copied()
    }

    pub fn make(&self, writer: &mut Writer, set: &mut OrSet<u64>) {
        for &key in &self.added {
            set.insert(writer, key);
        }
        shrink_set(writer, set, &self.removed);
    }

    pub fn make_in_hash_set(&self, set: &mut HashSet<u64>) {
        set.extend(&self.added);
        shrink_hash_set(set, &self.removed);
    }
}

/// A set before and after some changes, which a delta is to carry.
pub struct Changed {
    pub before: OrSet<u64>,
    pub after: OrSet<u64>,
    pub changes: Changes,
}

impl Changed {
    pub fn new(size: usize, changes: usize) -> Self {
        let keys = keys(size, 1);
        let changes = Changes::of(&keys, changes);
        let mut writer = Writer::from_seed(1);
        let mut after = grown_set(&mut writer, &keys);
        let before = after.clone();
        changes.make(&mut writer, &mut after);
        Self { before, after, changes }
    }

    pub fn known(&self) -> &VersionVector {
        self.before.version()
    }
}

/// Two sets without a common element, by two writers.
pub fn disjoint_sets(size: usize) -> [OrSet<u64>; 2] {
    [1, 2].map(|seed| grown_set(&mut Writer::from_seed(seed), &keys(size, seed)))
}

/// The same content as in [`disjoint_sets`]: the floor.
pub fn disjoint_hash_sets(size: usize) -> [HashSet<u64>; 2] {
    [1, 2].map(|seed| grown_hash_set(&keys(size, seed)))
}

/// A counter that each of the writers has incremented once, in their order.
pub fn counter_by(writers: &mut [Writer]) -> GCounter {
    let mut counter = GCounter::new();
    for writer in writers {
        counter.increment(writer, 1).expect("one is not too many");
    }
    counter
}

/// Writers that differ.
pub fn writers(count: usize) -> Vec<Writer> {
    (0..count as u64).map(Writer::from_seed).collect()
}

/// The two counters of `count` writers that are to be merged, and what they are made of.
pub struct Counters {
    pub counter: GCounter,
    /// Equal, and its writers came in another order.
    pub other_order: GCounter,
    /// Half of the writers have counted on.
    pub newer: GCounter,
}

impl Counters {
    pub fn new(count: usize) -> Self {
        let mut writers = writers(count);
        let counter = counter_by(&mut writers);
        let mut other_order = GCounter::new();
        for writer in (0..count as u64).rev() {
            other_order.increment(&mut Writer::from_seed(writer), 1).expect("one is not too many");
        }
        let mut newer = counter.clone();
        for writer in writers.iter_mut().step_by(2) {
            newer.increment(writer, 1).expect("two are not too many");
        }
        Self { counter, other_order, newer }
    }
}

/// The floor of merging counters.
#[inline(never)]
pub fn pairwise_maximum(mine: &mut [u64; 1_000], theirs: &[u64; 1_000]) {
    for (mine, theirs) in mine.iter_mut().zip(theirs) {
        *mine = (*mine).max(*theirs);
    }
}

/// Puts each key, with itself as the value.
pub fn put_all(writer: &mut Writer, map: &mut LwwMap<u64, u64>, keys: &[u64]) {
    for &key in keys {
        map.insert(writer, key, key);
    }
}

/// Puts each key: the floor.
pub fn put_all_in_hash_map(map: &mut HashMap<u64, u64>, keys: &[u64]) {
    for &key in keys {
        map.insert(key, key);
    }
}

/// Two replicas that agree on a set of `size` elements, to which each of `writers` has contributed
/// alike.
pub struct ByWriters {
    pub here: OrSet<u64>,
    pub there: OrSet<u64>,
    pub writers: Vec<Writer>,
}

impl ByWriters {
    pub fn new(size: usize, writers: usize) -> Self {
        let mut writers = self::writers(writers);
        let mut here = OrSet::new();
        let keys = keys(size, 3);
        for (keys, writer) in keys.chunks(size / writers.len()).zip(&mut writers) {
            for &key in keys {
                here.insert(writer, key);
            }
        }
        Self { there: here.clone(), here, writers }
    }
}

/// The changes of replicas that start from nothing and have not met yet, as bytes.
pub fn map_deltas(replicas: usize, keys_each: usize) -> Vec<Vec<u8>> {
    let deltas = (0..replicas as u64).map(|replica| {
        let mut map = LwwMap::new();
        put_all(&mut Writer::new(), &mut map, &keys(keys_each, replica));
        map.delta_since(&VersionVector::new()).encode()
    });
    deltas.collect()
}

/// Every writer, knowing of no other, sets the one key to a number.
pub fn concurrent_puts(writers: usize) -> Vec<Vec<u8>> {
    let deltas = (0..writers as u64).map(|number| {
        let mut map = LwwMap::new();
        map.insert(&mut Writer::new(), 0u64, number);
        map.delta_since(&VersionVector::new()).encode()
    });
    deltas.collect()
}

/// Takes encoded deltas in.
pub fn apply_all<'a>(map: &mut LwwMap<u64, u64>, deltas: impl IntoIterator<Item = &'a Vec<u8>>) {
    for delta in deltas {
        let delta = dotted::Delta::decode(delta, &dotted::Limits::default()).expect("it was just encoded");
        map.apply(delta).expect("it builds on nothing");
    }
}

/// How the format writes a key down: seven bits to a byte, the lowest first.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// The keys as bytes and nothing else: the floor of encoding a set, and the payload of deltas.
pub fn put_keys(keys: impl IntoIterator<Item = u64>) -> Vec<u8> {
    let mut out = Vec::new();
    keys.into_iter().for_each(|key| put_varint(&mut out, key));
    out
}

/// Reads keys back into a set that has room for them: the floor of decoding.
pub fn take_keys(mut bytes: &[u8], count: usize) -> HashSet<u64> {
    let mut set = HashSet::with_capacity(count);
    while let Some(key) = take_varint(&mut bytes) {
        set.insert(key);
    }
    set
}

/// Reads entries of a map back: the floor of applying deltas.
pub fn take_entries(map: &mut HashMap<u64, u64>, mut bytes: &[u8]) {
    while let (Some(key), Some(value)) = (take_varint(&mut bytes), take_varint(&mut bytes)) {
        map.insert(key, value);
    }
}

/// What `criterion_main!` does, without its undocumented public functions.
pub fn run(benchmarks: &[fn(&mut Criterion)]) {
    let (warm_up, measurement) = (Duration::from_millis(500), Duration::from_secs(2));
    let mut criterion = Criterion::default().warm_up_time(warm_up).measurement_time(measurement).configure_from_args();
    benchmarks.iter().for_each(|benchmark| benchmark(&mut criterion));
    criterion.final_summary();
}

/// Everyone takes in what all the others have.
pub fn exchange(deltas: &[Vec<u8>]) -> Vec<LwwMap<u64, u64>> {
    let replicas = (0..deltas.len()).map(|replica| {
        let mut map = LwwMap::new();
        apply_all(&mut map, &deltas[replica..]);
        apply_all(&mut map, &deltas[..replica]);
        map
    });
    replicas.collect()
}

/// Everyone takes in what all the others have: the floor.
pub fn exchange_in_hash_maps(entries: &[Vec<u8>]) -> Vec<HashMap<u64, u64>> {
    let replicas = (0..entries.len()).map(|replica| {
        let mut map = HashMap::new();
        entries[replica..].iter().chain(&entries[..replica]).for_each(|bytes| take_entries(&mut map, bytes));
        map
    });
    replicas.collect()
}
