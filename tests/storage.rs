//! Storage: what was persisted survives a crash at any point. The histories of `common/crash.rs`, one by one.

mod common;

#[test]
fn every_history_of_storage_comes_out_right() {
    let wrong: Vec<String> = common::crash::ALL
        .iter()
        .filter_map(|(name, schedule)| schedule().err().map(|error| format!("{name}: {error}")))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
