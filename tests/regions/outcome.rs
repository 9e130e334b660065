//! What comes out of a trace.

use dotted::ConflictKind;

use crate::conflict::{Conflict, Place};
use crate::replay::{Failure, Replay, Reunion, replay};
use crate::{BUILT_IN, run, trace};

fn replay_of(trace: &str) -> Replay {
    let steps = trace::parse(trace.as_bytes()).expect("a trace");
    replay(&steps).expect("a replay")
}

/// The items of a value in Tokyo, London and São Paulo while they were cut off, and then in all.
fn seen<'a>(reunion: &'a Reunion, name: &str) -> [Option<&'a [String]>; 4] {
    let seen = reunion.values.iter().find(|seen| seen.name == name).expect("a value that was written to");
    let [tokyo, london, sao_paulo] = seen.apart.each_ref().map(Option::as_deref);
    [tokyo, london, sao_paulo, Some(&seen.together)]
}

fn conflict<'a>(reunion: &'a Reunion, name: &str, place: &Place) -> &'a Conflict {
    let mut found = reunion.conflicts.iter().filter(|found| found.name == name);
    &found.find(|found| found.conflict.place == *place).expect("a conflict").conflict
}

fn field(name: &str) -> Place {
    Place::Field(name.to_string())
}

#[test]
fn a_removed_element_that_someone_else_inserts_again_stays() {
    let replay = replay_of(BUILT_IN);
    let [tokyo, london, _, all] = seen(&replay.journal.reunions[0], "cart of Ana");
    assert_eq!(tokyo.unwrap(), ["bread", "tea"]);
    assert_eq!(london.unwrap(), ["milk"]);
    assert_eq!(all.unwrap(), ["milk", "tea"]);
}

#[test]
fn a_large_set_keeps_the_changes_of_all_three_regions() {
    let replay = replay_of(BUILT_IN);
    let [.., all] = seen(&replay.journal.reunions[0], "catalogue");
    let all = all.unwrap();
    assert_eq!(all.len(), 61);
    assert!(all.contains(&"mugicha".to_string()) && all.contains(&"earl grey".to_string()));
    assert!(!all.contains(&"mate".to_string()));
}

#[test]
fn increments_of_all_three_regions_count_once_each() {
    let replay = replay_of(BUILT_IN);
    let views = seen(&replay.journal.reunions[0], "page views").map(|items| items.unwrap().concat());
    assert_eq!(views, ["1004", "204", "34", "1234"]);
    let stock = seen(&replay.journal.reunions[0], "tea in stock").map(|items| items.unwrap().concat());
    assert_eq!(stock, ["35", "40", "52", "47"]);
}

#[test]
fn an_email_and_a_phone_that_change_in_different_regions_both_survive() {
    let replay = replay_of(BUILT_IN);
    let [.., all] = seen(&replay.journal.reunions[0], "profile of Ana");
    assert_eq!(all.unwrap(), ["city: London", "email: ana@new.example", "phone: +44 20 2222"]);
    let finally = &replay.journal.finally["profile of Ana"].items;
    assert_eq!(finally, &["city: Osaka", "email: ana@new.example", "phone: +44 20 2222"]);
}

#[test]
fn a_flag_that_is_switched_on_and_off_is_on() {
    let replay = replay_of(BUILT_IN);
    let flag = seen(&replay.journal.reunions[0], "new checkout").map(|items| items.unwrap().concat());
    assert_eq!(flag, ["off", "on", "on", "on"]);
}

#[test]
fn every_kind_of_conflict_is_found() {
    let replay = replay_of(BUILT_IN);
    let reunion = &replay.journal.reunions[0];
    let kinds = [
        ("profile of Ana", field("city"), ConflictKind::WriteWrite),
        ("banner", Place::Register, ConflictKind::WriteWrite),
        ("order 7001", field("customer"), ConflictKind::InsertInsert),
        ("order 7001", field("total"), ConflictKind::InsertInsert),
        ("user 5000", field("city"), ConflictKind::UpdateDelete),
    ];
    assert_eq!(reunion.conflicts.len(), kinds.len());
    for (name, place, kind) in kinds {
        let conflict = conflict(reunion, name, &place);
        assert_eq!(conflict.kind, kind, "{name}");
        assert_eq!(conflict.versions.len(), 2, "{name}");
        assert_eq!(conflict.versions.iter().filter(|version| version.read).count(), 1, "{name}");
    }
    let deletion = conflict(reunion, "user 5000", &field("city"));
    assert_eq!(deletion.versions.iter().map(|version| version.deleted).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn what_is_marked_as_read_is_what_is_read() {
    let replay = replay_of(BUILT_IN);
    let reunion = &replay.journal.reunions[0];
    for found in &reunion.conflicts {
        let read = found.conflict.versions.iter().find(|version| version.read).and_then(|read| read.value.clone());
        let shown = match &found.conflict.place {
            Place::Field(field) => format!("{field}: {}", read.unwrap()),
            Place::Record | Place::Register => read.unwrap(),
        };
        let [.., all] = seen(reunion, &found.name);
        assert!(all.unwrap().contains(&shown), "{shown}");
    }
}

#[test]
fn every_conflict_is_settled_once_and_none_stays_open() {
    let replay = replay_of(BUILT_IN);
    for found in &replay.journal.reunions[0].conflicts {
        assert_eq!(found.settled.len(), 1, "{}", found.name);
        assert!(found.settled[0].shows.is_some(), "{}", found.name);
    }
    assert!(replay.journal.finally.values().all(|value| value.open_conflicts == 0));
}

#[test]
fn a_conflict_that_nobody_settles_is_reported_as_open() {
    let unsettled = BUILT_IN.split("# Settling").next().unwrap();
    let report = run(unsettled.as_bytes()).unwrap();
    assert!(report.contains("5 conflicts are open"), "{report}");
    assert!(!report.contains("    settled"), "{report}");
}

#[test]
fn a_trace_that_ends_while_the_regions_are_cut_off_is_reunited_at_the_end() {
    let cut = BUILT_IN.split("{\"network\": \"heal\"}").next().unwrap();
    let replay = replay_of(cut);
    assert_eq!(replay.journal.reunions[0].line, None);
    assert_eq!(replay.journal.finally["page views"].items, ["1234"]);
}

#[test]
fn a_new_field_beside_a_deletion_is_a_conflict_of_the_whole_record() {
    let trace = r#"
        {"at": 1, "region": "Tokyo", "name": "r", "write": {"record": {"set": {"a": "1"}}}}
        {"network": "cut"}
        {"at": 2, "region": "Tokyo", "name": "r", "write": {"record": "delete"}}
        {"at": 2, "region": "London", "name": "r", "write": {"record": {"set": {"b": "2"}}}}
        {"network": "heal"}
        {"at": 3, "region": "São Paulo", "name": "r", "write": {"record": {"resolve": {"a": null}}}}
    "#;
    let replay = replay_of(trace);
    let reunion = &replay.journal.reunions[0];
    assert_eq!(conflict(reunion, "r", &Place::Record).kind, ConflictKind::UpdateDelete);
    assert_eq!(reunion.conflicts[0].settled.len(), 1);
    assert_eq!(replay.journal.finally["r"].items, ["a: 1", "b: 2"]);
}

#[test]
fn a_conflict_may_be_settled_by_deleting_again() {
    let settled = BUILT_IN.replace(r#"{"resolve": {"city": null}}"#, r#""delete""#);
    let report = run(settled.as_bytes()).unwrap();
    assert!(report.contains("by London on line 61: it is gone"), "{report}");
    assert!(report.contains("No conflict is open"), "{report}");
}

#[test]
fn regions_may_be_cut_off_more_than_once() {
    let trace = r#"
        {"at": 1, "region": "Tokyo", "name": "title", "write": {"register": {"set": "a"}}}
        {"network": "cut"}
        {"at": 2, "region": "Tokyo", "name": "title", "write": {"register": {"set": "b"}}}
        {"at": 3, "region": "London", "name": "title", "write": {"register": {"set": "c"}}}
        {"network": "heal"}
        {"network": "cut"}
        {"at": 4, "region": "Tokyo", "name": "title", "write": {"register": {"resolve": "b"}}}
        {"at": 5, "region": "London", "name": "title", "write": {"register": {"resolve": null}}}
        {"network": "heal"}
        {"at": 6, "region": "São Paulo", "name": "title", "write": {"register": {"resolve": null}}}
    "#;
    let replay = replay_of(trace);
    let [first, second] = &replay.journal.reunions[..] else { panic!("two reunions") };
    assert_eq!(first.conflicts[0].settled.len(), 2);
    assert_eq!(second.conflicts[0].settled.len(), 1);
    assert_eq!(replay.journal.finally["title"].items, ["c"]);
}

#[test]
fn an_overwrite_of_what_was_seen_wins_although_its_clock_is_behind() {
    let trace = r#"
        {"at": 9000, "region": "Tokyo", "name": "title", "write": {"register": {"set": "seen"}}}
        {"network": "sync"}
        {"at": 1, "region": "London", "name": "title", "write": {"register": {"set": "newer"}}}
    "#;
    assert_eq!(replay_of(trace).journal.finally["title"].items, ["newer"]);
}

#[test]
fn many_operations_arrive_out_of_order_and_twice() {
    let mut trace = String::from("{\"network\": \"cut\"}\n");
    for at in 0..500 {
        let region = ["Tokyo", "London", "São Paulo"][at % 3];
        let line = format!(
            r#"{{"at": {at}, "region": "{region}", "name": "set {}", "write": {{"set": {{"insert": "{at}"}}}}}}"#,
            at % 7
        );
        trace.push_str(&line);
        trace.push('\n');
    }
    let replay = replay_of(&trace);
    assert_eq!(replay.disorder.delivered, 2000);
    assert_eq!(replay.disorder.again, 1000);
    assert!(replay.disorder.early > 500);
    assert_eq!(replay.journal.finally.values().map(|value| value.items.len()).sum::<usize>(), 500);
}

#[test]
fn removals_that_were_collected_do_not_come_back() {
    // More removals than a value keeps: deltas and states fall back to the list of what is alive.
    let elements: Vec<_> = (0..3000).map(|element| format!("\"{element}\"")).collect();
    let all = format!(
        r#"{{"at": 1, "region": "Tokyo", "name": "set", "write": {{"set": {{"extend": [{}]}}}}}}"#,
        elements.join(",")
    );
    let mut trace = format!("{all}\n{{\"network\": \"cut\"}}\n");
    trace.push_str(r#"{"at": 2, "region": "Tokyo", "name": "set", "write": {"set": "clear"}}"#);
    trace.push('\n');
    for (region, element) in [("Tokyo", "here"), ("London", "1"), ("São Paulo", "there")] {
        let line = format!(
            r#"{{"at": 3, "region": "{region}", "name": "set", "write": {{"set": {{"insert": "{element}"}}}}}}"#
        );
        trace.push_str(&line);
        trace.push('\n');
    }
    assert_eq!(replay_of(&trace).journal.finally["set"].items, ["1", "here", "there"]);
}

#[test]
fn an_empty_trace_is_no_error() {
    for empty in ["", "\n", "# nothing\n\n// at all", "\u{feff}", "{\"network\": \"sync\"}"] {
        assert!(run(empty.as_bytes()).unwrap().contains("no writes"), "{empty:?}");
    }
}

#[test]
fn a_failure_of_the_library_would_say_so() {
    let failure = Failure::Library("regions disagree".to_string());
    assert!(failure.to_string().contains("do not agree"));
}
