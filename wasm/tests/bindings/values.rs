//! What is written by one number is read by another.

use wasm_bindgen_test::wasm_bindgen_test;

use crate::boundary::{code, document};
use crate::names::{ask, read, settle, write};
use crate::wire::{Args, id, named};

const NOW: f64 = 1_700_000_000_000.0;

#[wasm_bindgen_test]
fn a_set_has_what_was_added_until_it_is_deleted() {
    let document = document(1);
    let set = named("set");
    let both = set.clone().integer(-7).words("tea");
    assert_eq!(document.write(NOW, write::SET_ADD, &both), Ok(2));
    assert_eq!(document.ask(ask::SET_SIZE, &set), Ok(2.0));
    assert_eq!(document.ask(ask::SET_HAS, &set.clone().words("tea")), Ok(1.0));
    assert_eq!(document.write(NOW, write::SET_DELETE, &set.clone().words("tea").words("milk")), Ok(1));
    assert_eq!(document.ask(ask::SET_HAS, &set.clone().words("tea")), Ok(0.0));
    assert_eq!(document.read(read::SET, &set), Ok(Args::default().integer(-7).0));
    assert_eq!(document.write(NOW, write::SET_CLEAR, &set), Ok(1));
    assert_eq!(document.read(read::SET, &set), Ok(vec![]));
}

#[wasm_bindgen_test]
fn counters_answer_with_a_number_while_it_is_safe_and_with_128_bits_always() {
    let document = document(1);
    let counter = named("counter");
    document.write(NOW, write::COUNTER_INCREMENT, &counter.clone().number(5)).unwrap();
    document.write(NOW, write::COUNTER_DECREMENT, &counter.clone().number(7)).unwrap();
    assert_eq!(document.ask(ask::COUNTER, &counter), Ok(-2.0));
    assert_eq!(document.read(read::COUNTER, &counter), Ok((-2_i128).to_le_bytes().to_vec()));
    let large = u64::MAX - 5;
    document.write(NOW, write::COUNTER_INCREMENT, &counter.clone().number(large)).unwrap();
    assert!(document.ask(ask::COUNTER, &counter).unwrap().is_nan());
    assert_eq!(document.read(read::COUNTER, &counter), Ok((i128::from(large) - 2).to_le_bytes().to_vec()));
    let before = document.hash();
    assert_eq!(code(document.write(NOW, write::COUNTER_INCREMENT, &counter.number(9))), "overflow");
    assert_eq!(document.hash(), before);
}

#[wasm_bindgen_test]
fn registers_and_flags_show_what_was_set() {
    let document = document(1);
    let name = named("one");
    document.write(NOW, write::REGISTER_SET, &name.clone().words("here")).unwrap();
    assert_eq!(document.read(read::REGISTER, &name), Ok(Args::default().number(1).words("here").0));
    document.write(NOW, write::REGISTER_CLEAR, &name).unwrap();
    assert_eq!(document.read(read::REGISTER, &name), Ok(vec![0]));
    document.write(NOW, write::MULTI_SET, &name.clone().integer(3)).unwrap();
    assert_eq!(document.read(read::MULTI, &name), Ok(Args::default().integer(3).0));
    assert_eq!(document.ask(ask::MULTI_SIZE, &name), Ok(1.0));
    document.write(NOW, write::FLAG_ENABLE, &name).unwrap();
    assert_eq!(document.ask(ask::FLAG, &name), Ok(1.0));
    document.write(NOW, write::FLAG_DISABLE, &name).unwrap();
    assert_eq!(document.ask(ask::FLAG, &name), Ok(0.0));
}

#[wasm_bindgen_test]
fn maps_and_records_have_entries_by_key() {
    let document = document(1);
    let (name, policy) = (named("prices"), named("prices").number(0));
    let entries = |args: &Args| args.clone().text("milk").integer(2).text("tea").integer(3);
    let listed = Args::default().text("milk").integer(2).text("tea").integer(3);
    assert_eq!(document.write(NOW, write::MAP_SET, &entries(&name)), Ok(2));
    assert_eq!(document.write(NOW, write::RECORD_SET, &entries(&policy)), Ok(2));
    assert_eq!(document.read(read::MAP, &name), Ok(listed.0.clone()));
    assert_eq!(document.read(read::RECORD, &policy), Ok(listed.0));
    assert_eq!(document.read(read::MAP_GET, &name.clone().text("tea")), Ok(Args::default().number(1).integer(3).0));
    assert_eq!(document.read(read::RECORD_GET, &policy.clone().text("rice")), Ok(vec![0]));
    assert_eq!(document.write(NOW, write::MAP_DELETE, &name.clone().text("tea")), Ok(1));
    assert_eq!(document.ask(ask::MAP_SIZE, &name), Ok(1.0));
    assert_eq!(document.ask(ask::MAP_HAS, &name.text("tea")), Ok(0.0));
    assert_eq!(document.ask(ask::RECORD_HAS, &policy.clone().text("tea")), Ok(1.0));
    assert_eq!(document.ask(ask::RECORD_SIZE, &policy), Ok(2.0));
}

#[wasm_bindgen_test]
fn a_bounded_counter_says_which_rights_are_missing() {
    let document = document(1);
    let stock = named("stock");
    document.write(NOW, write::BOUNDED_INCREMENT, &stock.clone().number(3)).unwrap();
    assert_eq!(document.write(NOW, write::BOUNDED_DECREMENT, &stock.clone().number(2)), Ok(1));
    assert_eq!(document.read(read::BOUNDED, &stock).unwrap()[0], 1);
    let before = document.hash();
    let refused = document.write(NOW, write::BOUNDED_DECREMENT, &stock.number(2)).unwrap_err();
    // Two numbers of 128 bits, those here and those elsewhere, in bytes: `ts/failure.ts` takes them apart.
    let facts = format!("{:032x}{:032x}", 1u128.swap_bytes(), 0);
    assert_eq!(
        refused.as_string().unwrap(),
        format!("insufficient-rights: there are not so many rights here\n{facts}")
    );
    assert_eq!(document.hash(), before);
}

#[wasm_bindgen_test]
fn a_request_counts_once_and_a_seat_is_had_by_one() {
    let document = document(1);
    let request = |amount| named("payments").text(&id(7)).number(300).text("ana").text("ben").number(amount);
    assert_eq!(document.settle(NOW, settle::RECORD, &request(5)), Ok(vec![0]));
    assert_eq!(document.settle(NOW, settle::RECORD, &request(5)), Ok(vec![1]));
    let before = document.hash();
    assert_eq!(document.settle(NOW, settle::RECORD, &request(6)), Ok(vec![2]));
    assert_eq!(document.hash(), before);
    let balances = document.read(read::LEDGER_TOTAL, &named("payments")).unwrap();
    let wide = |number: i128| number.to_le_bytes();
    let listed = Args::default().text("ana").bytes(&wide(-5)).text("ben").bytes(&wide(5));
    assert_eq!(balances, listed.0);

    let mine = || named("seats").text(&id(1)).number(1).text(&id(1));
    assert_eq!(document.write(NOW, write::CLAIMS_CLAIM, &mine().text("12A")), Ok(1));
    assert_eq!(code(document.write(NOW, write::CLAIMS_CLAIM, &mine().text("12A"))), "taken");
    // Confirmed, since there is nobody else; round 0.
    let seat = Args::default().text("12A").number(2).number(1).text(&id(1)).number(0);
    assert_eq!(document.read(read::CLAIMS_SEATS, &mine().text("12A")), Ok(seat.0));
    assert_eq!(document.write(NOW, write::CLAIMS_RELEASE, &mine().text("12A")), Ok(1));
}

#[wasm_bindgen_test]
fn an_id_has_sixteen_bytes() {
    for length in [0, 15, 17] {
        assert_eq!(code(dotted_wasm::Document::new(&vec![1; length])), "invalid-argument");
    }
}

#[wasm_bindgen_test]
fn what_was_freed_is_not_read_any_more() {
    let document = document(1);
    document.free();
    assert!(document.read(read::STATE, &[]).is_err());
    // The others are not touched by it.
    assert_eq!(crate::boundary::document(2).ask(ask::SET_SIZE, &named("set")), Ok(0.0));
}
