//! Members of a group, with messages that are handed on in memory and time that is a number.

use wasm_bindgen_test::wasm_bindgen_test;

use crate::boundary::{Remote, code, document};
use crate::names::{act, ask, write};
use crate::wire::{Args, id, named};

/// A member under the id of its writer.
pub fn member(number: u8) -> Remote {
    let member = document(number);
    member.start(&start(number)).unwrap();
    member
}

/// Own id, store, seed, not durable, all with all, timing and bounds as they are, and no rights that move.
pub fn start(number: u8) -> Args {
    const SETTINGS: usize = 26;
    Args::default().text(&id(number)).text(&id(99)).number(5).number(0).number(0).raw(&[0; SETTINGS])
}

/// Hands on what two members have for each other, for so many milliseconds. Returns how many messages there were.
fn run(members: [(&Remote, u8); 2], milliseconds: u32) -> usize {
    let mut count = 0;
    for now in (0..milliseconds).step_by(10).map(f64::from) {
        for (from, other) in [(0, 1), (1, 0)] {
            let ((from, number), (to, _)) = (members[from], members[other]);
            from.act(now, act::TICK, now, &[]).unwrap();
            loop {
                let message = from.act(now, act::TRANSMIT, now, &[]).unwrap();
                // The id of the receiver comes first, a text of 36 bytes.
                let Some(bytes) = message.get(37..) else { break };
                to.act(now, act::RECEIVE, now, &Args::default().text(&id(number)).bytes(bytes)).unwrap();
                count += 1;
            }
        }
    }
    count
}

#[wasm_bindgen_test]
fn two_members_converge_by_messages_alone() {
    let (one, two) = (member(1), member(2));
    one.act(0.0, act::JOIN, 0.0, &Args::default().text(&id(2)).number(0)).unwrap();
    two.act(0.0, act::JOIN, 0.0, &Args::default().text(&id(1)).number(0)).unwrap();
    one.write(0.0, write::SET_ADD, &named("set").words("milk")).unwrap();
    two.write(0.0, write::SET_ADD, &named("set").words("tea")).unwrap();
    assert!(run([(&one, 1), (&two, 2)], 5_000) > 0);
    assert_eq!(one.hash(), two.hash());
    for member in [&one, &two] {
        assert_eq!(member.ask(ask::SET_SIZE, &named("set")), Ok(2.0));
        assert!(!member.act(5_000.0, act::EVENT, 5_000.0, &[]).unwrap().is_empty());
    }
}

#[wasm_bindgen_test]
fn whoever_is_no_member_is_not_listened_to() {
    let (one, two) = (member(1), member(2));
    let before = one.hash();
    two.act(0.0, act::JOIN, 0.0, &Args::default().text(&id(1)).number(0)).unwrap();
    two.write(0.0, write::SET_ADD, &named("set").words("tea")).unwrap();
    two.act(2_000.0, act::TICK, 2_000.0, &[]).unwrap();
    let message = two.act(2_000.0, act::TRANSMIT, 2_000.0, &[]).unwrap();
    let arguments = Args::default().text(&id(2)).bytes(&message[37..]);
    assert_eq!(code(one.act(2_000.0, act::RECEIVE, 2_000.0, &arguments)), "not-member");
    assert_eq!(one.hash(), before);
}

#[wasm_bindgen_test]
fn a_document_is_a_member_once_and_may_stop() {
    let one = member(1);
    assert_eq!(code(one.start(&start(1))), "is-replica");
    one.write(0.0, write::SET_ADD, &named("set").words("milk")).unwrap();
    one.act(0.0, act::STOP, 0.0, &[]).unwrap();
    assert_eq!(code(one.act(0.0, act::TICK, 0.0, &[])), "no-replica");
    assert_eq!(one.ask(ask::SET_SIZE, &named("set")), Ok(1.0));
    one.start(&start(1)).unwrap();
}
