//! Every rule, broken on purpose, is noticed: by a fixed history, or else by random ones.
//!
//! A rule whose mutant nobody notices is a rule without a test.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use common::parallel;
use common::schedules::{ALL, Schedule};
use common::world::run;
use dotted::mutants::{Mutant, with};

/// Random histories to try.
const HISTORIES: u64 = 400;

/// Each mutant with the fixed histories that must notice it.
const EXPECTED: &[(Mutant, &[&str])] = &[
    (Mutant::DropLosersOnMerge, &["L2"]),
    (Mutant::IgnoreGap, &["S9"]),
    (Mutant::ListOnlyNewEvents, &[]),
    (Mutant::InsertKnownEvents, &[]),
    (Mutant::KeepSuperseded, &["S3"]),
    (Mutant::RemovalTakesNoDot, &["L2"]),
    (Mutant::CacheIgnoresWriter, &["B2"]),
    (Mutant::CacheIgnoresCounter, &["B3"]),
    (Mutant::CountsIgnoreBranch, &["C3"]),
    (Mutant::TimeBeforeCausality, &["T1"]),
    (Mutant::GroupKeepsStamps, &["T3"]),
    (Mutant::RestampSettled, &["T4"]),
    (Mutant::TrimTogether, &["T5"]),
    (Mutant::TiesBySlot, &["T2"]),
    (Mutant::FloorStays, &["S2"]),
    (Mutant::FloorStaysBelowSome, &["S10"]),
    (Mutant::CollectWhatIsKept, &["S11"]),
    (Mutant::NoFloorJoin, &["S4"]),
    (Mutant::NoLiveSet, &["S2"]),
    (Mutant::NoFloorCheck, &["S1"]),
    (Mutant::LiveSetDropsRemovals, &["S3"]),
    (Mutant::NoRewriteOfRevived, &["R2"]),
    (Mutant::NoHeader, &["R4"]),
    (Mutant::OverruleAnyDeletion, &["R3"]),
    (Mutant::HeaderMarkHidesNothing, &["W1"]),
    (Mutant::NoBurial, &["W2"]),
    (Mutant::OneDotPerGroup, &["G1"]),
    (Mutant::TrialLeavesWrites, &["G2"]),
    (Mutant::ResetIsRemoval, &["C1"]),
    (Mutant::IgnoreDependencies, &["O1"]),
    (Mutant::OpenKnownBranch, &["B10"]),
    (Mutant::ResumeFromValue, &["B6", "B7"]),
    (Mutant::RebaseKeepsVersion, &["F1"]),
    (Mutant::RebaseMovesWholeCounts, &["F3"]),
    (Mutant::RebaseKeepsMarks, &["F5"]),
    (Mutant::RebaseForgetsFloor, &["F2"]),
    (Mutant::PersistedTooEarly, &["D1"]),
    (Mutant::AppendAfterFailure, &["D2"]),
];

fn schedules() -> impl Iterator<Item = &'static (&'static str, Schedule)> {
    ALL.iter().chain(common::identity::ALL).chain(common::crash::ALL)
}

/// Whether the history goes wrong: a check fails, or an invariant does.
fn notices(mutant: Mutant, history: impl Fn() -> Result<(), String>) -> bool {
    let outcome = catch_unwind(AssertUnwindSafe(|| with(mutant, &history)));
    !matches!(outcome, Ok(Ok(())))
}

#[test]
fn every_broken_rule_is_noticed() {
    std::panic::set_hook(Box::new(|_| {}));
    let missed = Mutex::new(Vec::new());
    parallel::for_each(EXPECTED, |&(mutant, expected)| {
        let by_schedule: Vec<&str> =
            schedules().filter(|(_, schedule)| notices(mutant, schedule)).map(|&(name, _)| name).collect();
        let by_random = (1..=HISTORIES)
            .find(|&seed| notices(mutant, || run(seed, 80).and_then(|_| common::fork::run(seed, 60)).map(|_| ())));
        println!("{mutant:?}: {by_schedule:?}, random history {by_random:?}");
        let as_expected = expected.iter().all(|name| by_schedule.contains(name));
        if !as_expected || (by_schedule.is_empty() && by_random.is_none()) {
            missed.lock().unwrap().push(mutant);
        }
    });
    _ = std::panic::take_hook();
    let missed = missed.into_inner().unwrap();
    assert!(missed.is_empty(), "not noticed: {missed:?}");
}
