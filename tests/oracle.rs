//! Random histories against the oracle: states, deltas, operations, clones, roll-backs, restores,
//! early collection and groups, checked after every step.

mod common;

use std::sync::atomic::{AtomicU64, Ordering};

use common::parallel;
use common::world::run;

/// `DOTTED_SCHEDULES` asks for more, `DOTTED_SEED` for others.
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn every_history_agrees_with_the_oracle() {
    let (schedules, first) = (setting("DOTTED_SCHEDULES", 6_000), setting("DOTTED_SEED", 1));
    let checks = AtomicU64::new(0);
    parallel::for_each(first..first + schedules, |seed| {
        let steps = 20 + (seed % 7) as usize * 20;
        checks.fetch_add(run(seed, steps).unwrap_or_else(|error| panic!("{error}")), Ordering::Relaxed);
    });
    let checks = checks.into_inner();
    println!("{schedules} histories from seed {first}, {checks} checks");
    assert!(checks > schedules * 20);
}
