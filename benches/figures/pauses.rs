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

/// The longest times of single steps, without waiting for the processor, in microseconds.
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

    fn report(&self, report: &mut Report, what: &str) {
        let next: Vec<String> = self.0[1..].iter().map(|&time| number(time)).collect();
        let note = format!("{STEPS} steps that remove and insert; the next: {} µs", next.join(", "));
        report.at_most(format!("longest single {what} at 10 M with churn"), 1_000.0, "µs", self.0[0], note);
    }
}

pub fn measure(report: &mut Report) {
    let (inserted, fresh) = (keys(SIZE, 1), keys(STEPS, 5));
    let mut writer = Writer::from_seed(1);
    let mut set: OrSet<u64> = grown_set(&mut writer, &inserted);
    let (mut by_delta, mut by_merge) = (set.clone(), set.clone());
    let [mut writes, mut applies, mut merges] = [(); 3].map(|()| Longest(Vec::new()));
    for (removed, &added) in inserted.iter().zip(&fresh) {
        writes.time(|| set.remove(&mut writer, removed));
        let delta = set.delta_since(by_delta.version());
        applies.time(|| by_delta.apply(delta).expect("it follows"));
        writes.time(|| set.insert(&mut writer, added));
        let delta = set.delta_since(by_delta.version());
        applies.time(|| by_delta.apply(delta).expect("it follows"));
        merges.time(|| by_merge.merge(&set));
    }
    assert!(set == by_delta && set == by_merge && set.len() == SIZE);
    writes.report(report, "write");
    applies.report(report, "apply of one change");
    merges.report(report, "merge of one change");
}
