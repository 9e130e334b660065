//! `GCounter`.

use std::hint::black_box;

use dotted::{Crdt, GCounter, Writer};

use crate::report::Report;
use crate::timing::{median, nanoseconds, side_by_side};
use crate::workload::*;

/// So many merges are timed together, since one is not much longer than reading the clock. What is
/// merged into is made anew before, on both sides, and fits the caches.
const MERGES: usize = 16;

pub fn measure(report: &mut Report) {
    increment(report);
    merge(report);
}

fn increment(report: &mut Report) {
    const TIMES: usize = 1_000_000;
    let (mut counter, mut writer) = (GCounter::new(), Writer::from_seed(1));
    let mut totals = [0u64; 4];
    let ours = || {
        nanoseconds(|| {
            for _ in 0..TIMES {
                counter.increment(&mut writer, black_box(1)).expect("not that many");
            }
        })
    };
    let floor = || nanoseconds(|| (0..TIMES).for_each(|_| totals[black_box(1)] += black_box(1)));
    let pair = side_by_side(15, TIMES as f64, ours, floor);
    assert_eq!(counter.value(), u128::from(totals[1]));
    let note = pair.describe("ns", "adding to a `u64` in an array");
    report.at_most("`GCounter`: increment", 5.0, "ns", pair.ours, note);
}

fn merge(report: &mut Report) {
    let Counters { counter, other_order, newer } = Counters::new(1_000);
    let equal = merge_time(&counter, &counter.clone());
    report.at_most("merge of two counters of 1,000 writers: equal, same order of ids", 1.0, "µs", equal, "");
    let equal = merge_time(&counter, &other_order);
    report.at_most("… equal, another order of ids", 10.0, "µs", equal, "");
    for (what, goal, mine) in [("… 500 newer", 5.0, &counter), ("… 500 newer, another order of ids", 5.0, &other_order)]
    {
        let pair = side_by_side(31, 1e3, || merge_time(mine, &newer) * 1e3, maximum_time);
        report.ratio(what, goal, &pair, "µs", "a pairwise maximum of `[u64; 1_000]`");
    }
}

/// Nanoseconds of a pairwise maximum.
fn maximum_time() -> f64 {
    let theirs = [2; 1_000];
    let sample = |_| {
        let mut totals = vec![[1; 1_000]; MERGES];
        let merge_all = || totals.iter_mut().for_each(|mine| pairwise_maximum(black_box(mine), black_box(&theirs)));
        nanoseconds(merge_all) / MERGES as f64
    };
    median((0..5).map(sample))
}

/// Microseconds of a merge.
fn merge_time(mine: &GCounter, theirs: &GCounter) -> f64 {
    let sample = |_| {
        let mut counters = vec![mine.clone(); MERGES];
        let merge_all = || {
            for counter in &mut counters {
                black_box(counter.merge(black_box(theirs)));
            }
        };
        nanoseconds(merge_all) / MERGES as f64 / 1e3
    };
    median((0..5).map(sample))
}
