//! What one document gives, another one takes in.

use wasm_bindgen_test::wasm_bindgen_test;

use crate::boundary::{Remote, code, document};
use crate::names::{ask, read, settle, write};
use crate::wire::{Args, id, named};

/// How many events and keys changed.
fn applied(events: u64, keys: u64) -> Vec<u8> {
    Args::default().number(events).number(keys).0
}

fn add(document: &Remote, item: &str) {
    assert_eq!(document.write(1.0, write::SET_ADD, &named("set").words(item)), Ok(1));
}

#[wasm_bindgen_test]
fn documents_that_are_merged_both_ways_are_the_same() {
    let (one, two) = (document(1), document(2));
    add(&one, "milk");
    add(&two, "tea");
    assert_eq!(one.merge(&two), Ok(applied(1, 1)));
    assert_eq!(two.merge(&one), Ok(applied(1, 1)));
    assert_eq!(one.hash(), two.hash());
    assert_eq!(one.state(), two.state());
    assert_eq!(one.ask(ask::SET_SIZE, &named("set")), Ok(2.0));
    // Once more changes nothing.
    assert_eq!(one.merge(&two), Ok(applied(0, 0)));
}

#[wasm_bindgen_test]
fn a_delta_has_what_is_missing_and_the_state_has_all() {
    let (one, two, three) = (document(1), document(2), document(3));
    add(&one, "milk");
    assert_eq!(two.apply(&one.state()), Ok(applied(1, 1)));
    let known = two.version();
    add(&one, "tea");
    let delta = one.since(&known).unwrap();
    assert!(delta.len() < one.state().len());
    assert_eq!(two.apply(&delta), Ok(applied(1, 1)));
    assert_eq!(two.state(), one.state());
    // It builds on what the third one has never seen.
    assert_eq!(code(three.apply(&delta)), "gap");
    assert_eq!(three.hash(), document(4).hash());
    three.begin(&one.state()).unwrap();
    assert_eq!(three.state(), one.state());
    assert_eq!(code(three.begin(&one.state())), "invalid-argument");
}

#[wasm_bindgen_test]
fn only_what_was_written_here_is_to_be_sent() {
    let (one, two) = (document(1), document(2));
    assert_eq!(one.written(), Ok(vec![]));
    add(&two, "tea");
    one.merge(&two).unwrap();
    assert_eq!(one.written(), Ok(vec![]));
    add(&one, "milk");
    let delta = one.written().unwrap();
    assert_eq!(two.apply(&delta), Ok(applied(1, 1)));
    assert_eq!(two.state(), one.state());
    assert_eq!(one.written(), Ok(vec![]));
}

#[wasm_bindgen_test]
fn changes_name_the_key_what_happened_and_who_did_it() {
    let (one, two) = (document(1), document(2));
    one.watch().unwrap();
    add(&one, "milk");
    add(&two, "tea");
    one.merge(&two).unwrap();
    // Origin, number of changes; type, name, key, added, number of writers, writer.
    let batch = |origin: u64, item: &str, by: u8| {
        let change = Args::default().number(origin).number(1).number(4).text("set").number(1).words(item);
        change.number(0).number(1).text(&id(by)).0
    };
    assert_eq!(one.changes(), Ok([batch(0, "milk", 1), batch(1, "tea", 2)].concat()));
    assert_eq!(one.changes(), Ok(vec![]));
}

#[wasm_bindgen_test]
fn a_conflict_is_listed_until_it_is_settled() {
    let (one, two) = (document(1), document(2));
    for (document, now, word) in [(&one, 1.0, "one"), (&two, 2.0, "two")] {
        document.write(now, write::REGISTER_SET, &named("title").words(word)).unwrap();
    }
    one.merge(&two).unwrap();
    assert!(!one.read(read::CONFLICTS, &[]).unwrap().is_empty());
    let shown = Args::default().number(1).words("two").0;
    assert_eq!(one.read(read::REGISTER, &named("title")), Ok(shown.clone()));
    let earliest = [1];
    assert!(!one.settle(3.0, settle::ALL, &earliest).unwrap().is_empty());
    assert_eq!(one.read(read::CONFLICTS, &[]), Ok(vec![]));
    two.merge(&one).unwrap();
    let settled = Args::default().number(1).words("one").0;
    assert_eq!(two.read(read::REGISTER, &named("title")), Ok(settled));
    assert_eq!(two.hash(), one.hash());
}

#[wasm_bindgen_test]
fn a_writer_goes_on_from_its_record_where_nothing_was_written_yet() {
    let first = document(1);
    add(&first, "milk");
    let (state, record) = (first.state(), first.read(read::RECORD_OF_WRITER, &[]).unwrap());
    first.free();
    let next = document(2);
    next.begin(&state).unwrap();
    next.resume(&record).unwrap();
    assert_eq!(next.read(read::WRITER, &[]), Ok(Args::default().text(&id(1)).0));
    add(&next, "tea");
    // One writer, two events.
    assert_eq!(next.read(read::CLOCK, &[]), Ok(Args::default().text(&id(1)).number(2).0));
    assert_eq!(code(next.resume(&record)), "invalid-argument");
}
