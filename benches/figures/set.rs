//! `OrSet<u64>` beside `hashbrown::HashSet<u64>`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use dotted::{Crdt, OrSet, Writer};
use hashbrown::HashSet;

use crate::report::{Report, number};
use crate::timing::{Pair, in_turn, median, nanoseconds, side_by_side, timed, waited};
use crate::workload::*;

const SIZE: usize = 1_000_000;
const MERGED: usize = 100_000;
const HASHBROWN: &str = "`hashbrown::HashSet`";

pub fn measure(report: &mut Report) {
    life(report);
    pauses(report);
    merge_equal(report);
    merge_disjoint(report);
}

/// The keys of a set's life, in the order of each stage.
struct Life {
    inserted: Vec<u64>,
    looked_up: Vec<u64>,
    missed: Vec<u64>,
    removed: Vec<u64>,
}

impl Life {
    fn new() -> Self {
        let inserted = keys(SIZE, 1);
        Self { looked_up: shuffled(&inserted, 2), removed: shuffled(&inserted, 3), missed: keys(SIZE, 4), inserted }
    }

    fn ours(&self) -> [f64; 4] {
        let mut writer = Writer::from_seed(1);
        let (mut set, insert) = timed(|| grown_set(&mut writer, &self.inserted));
        let contains = nanoseconds(|| count_in_set(&set, black_box(&self.looked_up)));
        let misses = nanoseconds(|| count_in_set(&set, black_box(&self.missed)));
        let remove = nanoseconds(|| shrink_set(&mut writer, &mut set, black_box(&self.removed)));
        assert!(set.is_empty());
        [insert, contains, misses, remove]
    }

    fn floor(&self) -> [f64; 4] {
        let (mut set, insert) = timed(|| grown_hash_set(&self.inserted));
        let contains = nanoseconds(|| count_in_hash_set(&set, black_box(&self.looked_up)));
        let misses = nanoseconds(|| count_in_hash_set(&set, black_box(&self.missed)));
        let remove = nanoseconds(|| shrink_hash_set(&mut set, black_box(&self.removed)));
        assert!(set.is_empty());
        [insert, contains, misses, remove]
    }
}

fn life(report: &mut Report) {
    const STAGES: [(&str, f64); 4] = [
        ("`OrSet<u64>`: insert, growing to 1 M", 1.5),
        ("… contains, of 1 M, there", 2.0),
        ("… contains, of 1 M, not there", 2.0),
        ("… remove, shrinking from 1 M", 3.0),
    ];
    let life = Life::new();
    let samples = in_turn(9, || life.ours(), || life.floor());
    for (stage, (what, goal)) in STAGES.into_iter().enumerate() {
        let per_key = |nanoseconds: [f64; 4]| nanoseconds[stage] / SIZE as f64;
        let samples: Vec<_> = samples.iter().map(|&(ours, floor)| (per_key(ours), per_key(floor))).collect();
        report.ratio(what, goal, &Pair::of(&samples), "ns", HASHBROWN);
    }
}

/// Microseconds of the longest of single steps.
fn longest<R>(keys: &[u64], mut step: impl FnMut(u64) -> R) -> f64 {
    // Shorter ones did not wait for the processor, or not for long; and asking takes time.
    const SUSPICIOUS: Duration = Duration::from_micros(50);
    let mut longest = Duration::ZERO;
    let mut waited_before = waited();
    for &key in keys {
        let start = Instant::now();
        black_box(step(key));
        let mut time = start.elapsed();
        if time > SUSPICIOUS {
            let waited = waited();
            time = time.saturating_sub(waited.saturating_sub(std::mem::replace(&mut waited_before, waited)));
        }
        longest = longest.max(time);
    }
    longest.as_nanos() as f64 / 1e3
}

fn pauses(report: &mut Report) {
    let keys = keys(SIZE, 1);
    let (mut ours, mut floor, mut clock) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..7 {
        let (mut set, mut writer) = (OrSet::new(), Writer::from_seed(1));
        ours.push(longest(&keys, |key| set.insert(&mut writer, key)));
        let mut set = HashSet::new();
        floor.push(longest(&keys, |key| set.insert(key)));
        clock.push(longest(&keys, |key| key));
    }
    let read_clock = || {
        for _ in 0..SIZE {
            black_box(Instant::now());
        }
    };
    let overhead = nanoseconds(read_clock) / SIZE as f64;
    let least = ours.iter().copied().fold(f64::MAX, f64::min);
    let [ours, floor, clock] = [ours, floor, clock].map(median);
    let note = format!(
        "each timed, without waiting for the processor, median of 7 runs, the least {} µs; `hashbrown` {} µs; timing nothing \
         {} µs; reading the clock {} ns",
        number(least),
        number(floor),
        number(clock),
        number(overhead),
    );
    report.at_most("… longest single insert while growing to 1 M", 1_000.0, "µs", ours, note);
}

/// Nanoseconds of a merge that brings nothing. Both have all; their writers came in different orders.
fn merge_of_equal(size: usize) -> f64 {
    const MERGES: usize = 1_000;
    let [mut left, mut right] = disjoint_sets(size / 2);
    left.merge(&right);
    right.merge(&left);
    assert_eq!(left.len(), right.len());
    let mut merges = || {
        for _ in 0..MERGES {
            black_box(left.merge(black_box(&right)));
        }
    };
    median((0..15).map(|_| nanoseconds(&mut merges))) / MERGES as f64
}

fn merge_equal(report: &mut Report) {
    let [small, reached, great] = [1_000, MERGED, SIZE].map(merge_of_equal);
    let mut left = grown_hash_set(&keys(MERGED, 1));
    let right = left.clone();
    let floor = median((0..5).map(|_| nanoseconds(|| left.extend(black_box(&right)))));
    let note = format!(
        "{} ns for 1 k, {} ns for 1 M; `hashbrown`, `extend`: {} ns",
        number(small),
        number(great),
        number(floor)
    );
    report.at_most("merge of two equal sets of 100 k", 1_000.0, "ns", reached, note);
}

fn merge_disjoint(report: &mut Report) {
    let [left, right] = disjoint_sets(MERGED);
    let [left_floor, right_floor] = disjoint_hash_sets(MERGED);
    let ours = || {
        let mut union = left.clone();
        let time = nanoseconds(|| union.merge(black_box(&right)));
        assert_eq!(union.len(), 2 * MERGED);
        time
    };
    let in_place = || {
        let mut union = left_floor.clone();
        nanoseconds(|| union.extend(black_box(&right_floor)))
    };
    let anew = || nanoseconds(|| left_floor.union(black_box(&right_floor)).copied().collect::<HashSet<u64>>());
    let pair = side_by_side(15, 1e6, ours, in_place);
    report.ratio("merge of two disjoint sets of 100 k, into one of them", 2.0, &pair, "ms", "`extend` of `HashSet`");
    let ours = || nanoseconds(|| [&left, &right].into_iter().fold(OrSet::new(), joined));
    let pair = side_by_side(15, 1e6, ours, anew);
    report.ratio("… both into a new one", 2.0, &pair, "ms", "`union().collect()` of `HashSet`");
}

fn joined(mut set: OrSet<u64>, other: &OrSet<u64>) -> OrSet<u64> {
    set.merge(other);
    set
}
