//! The longest single steps in a large set with churn.

use std::hint::black_box;
use std::time::{Duration, Instant};

use dotted::{Crdt, OrSet, Writer};

use crate::report::{Report, number};
use crate::timing::waited;
use crate::workload::{grown_set, keys};

const SIZE: usize = 10_000_000;
/// Enough for removals to be discarded, which begins at an eighth.
const STEPS: usize = SIZE / 4;
const LISTED: usize = 4;
const RUNS: usize = 3;

/// The longest times of single steps, without waiting for the processor, in microseconds.
#[derive(Default)]
struct Longest(Vec<f64>);

impl Longest {
    fn time<R>(&mut self, step: impl FnOnce() -> R) -> R {
        // Asking how long it waited takes time.
        const SUSPICIOUS: Duration = Duration::from_micros(50);
        let before = waited();
        let start = Instant::now();
        let result = black_box(step());
        let mut time = start.elapsed();
        if time > SUSPICIOUS {
            time = time.saturating_sub(waited().saturating_sub(before));
        }
        self.0.push(time.as_nanos() as f64 / 1e3);
        self.0.sort_by(|left, right| right.total_cmp(left));
        self.0.truncate(LISTED);
        result
    }
}

/// One run: writes, applies, merges, and what interrupts a loop that does nothing for about as long.
fn run(inserted: &[u64], fresh: &[u64]) -> [Longest; 4] {
    let mut writer = Writer::from_seed(1);
    let mut set: OrSet<u64> = grown_set(&mut writer, inserted);
    let (mut by_delta, mut by_merge) = (set.clone(), set.clone());
    let [mut writes, mut applies, mut merges, mut nothing] = [(); 4].map(|()| Longest::default());
    let start = Instant::now();
    for (removed, &added) in inserted.iter().zip(fresh) {
        writes.time(|| set.remove(&mut writer, removed));
        let delta = set.delta_since(by_delta.version());
        applies.time(|| by_delta.apply(delta).expect("it follows"));
        writes.time(|| set.insert(&mut writer, added));
        let delta = set.delta_since(by_delta.version());
        applies.time(|| by_delta.apply(delta).expect("it follows"));
        merges.time(|| by_merge.merge(&set));
    }
    assert!(set == by_delta && set == by_merge && set.len() == SIZE);
    let took = start.elapsed();
    let start = Instant::now();
    while start.elapsed() < took {
        nothing.time(|| (0..500).for_each(|at| _ = black_box(at)));
    }
    [writes, applies, merges, nothing]
}

pub fn measure(report: &mut Report) {
    let (inserted, fresh) = (keys(SIZE, 1), keys(STEPS, 5));
    let runs: Vec<[Longest; 4]> = (0..RUNS).map(|_| run(&inserted, &fresh)).collect();
    let listed = |at: usize| {
        let of_run = |run: &[Longest; 4]| run[at].0.iter().map(|&time| number(time)).collect::<Vec<_>>().join(", ");
        runs.iter().map(of_run).collect::<Vec<_>>().join("; ")
    };
    for (at, what) in ["write", "apply of one change", "merge of one change"].into_iter().enumerate() {
        let least = runs.iter().map(|run| run[at].0[0]).fold(f64::INFINITY, f64::min);
        let note = format!(
            "{STEPS} steps that remove and insert; the longest ones of each run: {} µs; of a loop that does nothing: {} µs",
            listed(at),
            listed(3)
        );
        report.at_most(format!("longest single {what} at 10 M with churn"), 1_000.0, "µs", least, note);
    }
}
