//! The fixed histories of `common/schedules.rs`, one by one.

mod common;

#[test]
fn every_fixed_history_comes_out_right() {
    let wrong: Vec<String> = common::schedules::ALL
        .iter()
        .filter_map(|(name, schedule)| schedule().err().map(|error| format!("{name}: {error}")))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
