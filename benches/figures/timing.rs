//! Times, and ratios of times that were taken side by side.

use std::cell::RefCell;
use std::fs::File;
use std::hint::black_box;
use std::io::{Read, Seek};
use std::time::{Duration, Instant};

use crate::report::number;

/// How long this thread has waited for a processor that others had, where the system tells.
///
/// On a busy machine long work waits and short work does not, which would falsify their ratio.
pub fn waited() -> Duration {
    thread_local! {
        static STATISTICS: RefCell<Option<File>> = RefCell::new(File::open("/proc/thread-self/schedstat").ok());
    }
    let read = |file: &mut File| {
        let mut buffer = [0; 64];
        file.rewind().ok()?;
        let length = file.read(&mut buffer).ok()?;
        // Running, waiting, time slices.
        std::str::from_utf8(&buffer[..length]).ok()?.split_whitespace().nth(1)?.parse().ok()
    };
    let nanoseconds = STATISTICS.with_borrow_mut(|file| file.as_mut().and_then(read));
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}

/// The result of some work and its nanoseconds, without those spent waiting for a processor.
pub fn timed<R>(work: impl FnOnce() -> R) -> (R, f64) {
    let before = waited();
    let start = Instant::now();
    let result = black_box(work());
    let time = start.elapsed();
    let time = time.saturating_sub(waited().saturating_sub(before));
    (result, time.as_nanos() as f64)
}

/// The nanoseconds of some work. What it returns is dropped afterwards.
pub fn nanoseconds<R>(work: impl FnOnce() -> R) -> f64 {
    timed(work).1
}

pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// What a thing costs, what its floor costs, and the median of the ratios of neighbouring measurements.
pub struct Pair {
    pub ours: f64,
    pub floor: f64,
    pub ratio: f64,
}

impl Pair {
    pub fn of(samples: &[(f64, f64)]) -> Self {
        Self {
            ours: median(samples.iter().map(|&(ours, _)| ours)),
            floor: median(samples.iter().map(|&(_, floor)| floor)),
            ratio: median(samples.iter().map(|&(ours, floor)| ours / floor)),
        }
    }

    pub fn describe(&self, unit: &str, floor: &str) -> String {
        format!("{} {unit} against {} {unit} ({floor})", number(self.ours), number(self.floor))
    }
}

/// Measures two things in turn, each as often first as last.
pub fn in_turn<R>(repetitions: usize, mut ours: impl FnMut() -> R, mut floor: impl FnMut() -> R) -> Vec<(R, R)> {
    let round = |repetition: usize| {
        if repetition.is_multiple_of(2) {
            let mine = ours();
            (mine, floor())
        } else {
            let theirs = floor();
            (ours(), theirs)
        }
    };
    (0..repetitions).map(round).collect()
}

/// Measures two things in turn, in nanoseconds divided by `per`.
pub fn side_by_side(
    repetitions: usize,
    per: f64,
    mut ours: impl FnMut() -> f64,
    mut floor: impl FnMut() -> f64,
) -> Pair {
    Pair::of(&in_turn(repetitions, || ours() / per, || floor() / per))
}
