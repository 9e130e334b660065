//! Bytes that nobody wrote: a code is thrown, and nothing has changed. Whatever is thrown, the instance goes on.

use wasm_bindgen_test::wasm_bindgen_test;

use crate::boundary::{Remote, code, document};
use crate::members::{member, start};
use crate::names::{act, ask, read, settle, write};
use crate::wire::named;

/// More than there are operations of any sort.
const OPS: u8 = 50;

/// None of these begins with a text or a list of anything: nothing, too short, no UTF-8, a number without an end.
const GARBAGE: [&[u8]; 4] = [&[], &[5, b'a'], &[2, 0xff, 0xff], &[0xff; 11]];

/// Reads that take no arguments, or any, and so are answered whatever comes along.
const WITHOUT: [u8; 10] = [
    read::CONFLICTS,
    read::VERSION,
    read::CLOCK,
    read::STATE,
    read::VIEW,
    read::HASH,
    read::WRITER,
    read::RECORD_OF_WRITER,
    read::LAST,
    read::DIGEST,
];

/// A document with something to lose.
fn filled() -> Remote {
    let document = document(1);
    document.write(1.0, write::SET_ADD, &named("set").integer(1).words("two")).unwrap();
    document.write(2.0, write::RECORD_SET, &named("record").number(0).text("field").integer(3)).unwrap();
    document
}

/// Numbers from a seed.
fn random(seed: u32) -> impl FnMut(usize) -> usize {
    let mut state = seed;
    move |below| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % below
    }
}

#[wasm_bindgen_test]
fn every_operation_refuses_arguments_that_are_none() {
    let document = filled();
    let before = document.hash();
    for bytes in GARBAGE {
        for op in 0..OPS {
            code(document.write(3.0, op, bytes));
            code(document.settle(3.0, op, bytes));
            code(document.ask(op, bytes));
            assert_eq!(code(document.act(3.0, op, 3.0, bytes)), "no-replica");
            if !WITHOUT.contains(&op) {
                code(document.read(op, bytes));
            }
            assert_eq!(document.hash(), before, "{op} {bytes:?}");
        }
        code(document.start(bytes));
    }
    // It is no member by any of that, and can be written to.
    assert_eq!(document.write(3.0, write::SET_ADD, &named("set").integer(5)), Ok(1));
}

#[wasm_bindgen_test]
fn operations_that_do_not_exist_are_refused_even_with_good_arguments() {
    let document = filled();
    let before = document.hash();
    let name = named("set");
    for op in [0, write::CLAIMS_ACKNOWLEDGE + 1, u8::MAX] {
        assert_eq!(code(document.write(3.0, op, &name)), "invalid-argument");
    }
    for op in [0, ask::RECORD_HAS + 1, u8::MAX] {
        assert_eq!(code(document.ask(op, &name)), "invalid-argument");
    }
    for op in [0, read::CLAIMS_CLAIMED + 1, u8::MAX] {
        assert_eq!(code(document.read(op, &name)), "invalid-argument");
    }
    for op in [0, settle::RECORD + 1, u8::MAX] {
        assert_eq!(code(document.settle(3.0, op, &name)), "invalid-argument");
    }
    for op in [0, act::UNDELIVERED + 1, u8::MAX] {
        assert_eq!(code(member(2).act(3.0, op, 3.0, &name)), "invalid-argument");
    }
    assert_eq!(document.hash(), before);
}

#[wasm_bindgen_test]
fn arguments_at_random_are_refused_without_a_trace_or_do_what_they_say() {
    let document = filled();
    let mut next = random(1);
    let mut refused = 0;
    for _ in 0..3_000 {
        let bytes: Vec<u8> = (0..next(12)).map(|_| [next(8), next(256)][next(2)] as u8).collect();
        let op = next(usize::from(OPS)) as u8;
        let before = document.hash();
        let results = [
            document.ask(op, &bytes).map(drop),
            document.read(op, &bytes).map(drop),
            document.start(&bytes),
            document.settle(3.0, op, &bytes).map(drop),
            document.write(3.0, op, &bytes).map(drop),
        ];
        let all = results.iter().all(Result::is_err);
        results.into_iter().filter(Result::is_err).for_each(|result| drop(code(result)));
        if all {
            assert_eq!(document.hash(), before, "{op} {bytes:?}");
            refused += 1;
        }
    }
    assert!(refused > 1_000, "{refused}");
}

#[wasm_bindgen_test]
fn no_bytes_are_taken_in_but_those_that_somebody_wrote() {
    let source = filled();
    let record = source.read(read::RECORD_OF_WRITER, &[]).unwrap();
    let delta = source.since(&document(2).version()).unwrap();
    let (target, empty) = (filled(), document(3));
    let (before, nothing) = (target.hash(), empty.hash());
    let refuse = |bytes: &[u8]| {
        code(target.apply(bytes));
        code(target.since(bytes));
        code(empty.begin(bytes));
        code(empty.resume(bytes));
    };
    let mut next = random(2);
    GARBAGE.iter().for_each(|bytes| refuse(bytes));
    for bytes in [source.state(), source.version(), delta, record] {
        (0..bytes.len()).for_each(|length| refuse(&bytes[..length]));
        for _ in 0..100 {
            let mut changed = bytes.clone();
            changed[next(bytes.len())] ^= 1 << next(8);
            refuse(&changed);
        }
    }
    for _ in 0..200 {
        let bytes: Vec<u8> = (0..next(100)).map(|_| next(256) as u8).collect();
        refuse(&bytes);
    }
    assert_eq!((target.hash(), empty.hash()), (before, nothing));
    // Sound bytes of another kind.
    assert_eq!(code(empty.resume(&source.state())), "wrong-kind");
    assert_eq!(code(target.apply(&source.version())), "wrong-kind");
}

#[wasm_bindgen_test]
fn members_refuse_garbage_and_stay_members() {
    let member = member(2);
    member.write(1.0, write::SET_ADD, &named("set").words("tea")).unwrap();
    let before = member.hash();
    let takes_none = [act::TICK, act::TIMEOUT, act::TRANSMIT, act::EVENT, act::STOP];
    for op in (0..OPS).filter(|op| !takes_none.contains(op)) {
        for bytes in GARBAGE {
            code(member.act(3.0, op, 3.0, bytes));
        }
    }
    // A message of a member that is none.
    member.act(3.0, act::JOIN, 3.0, &crate::wire::Args::default().text(&crate::wire::id(1)).number(0)).unwrap();
    for bytes in GARBAGE {
        let message = crate::wire::Args::default().text(&crate::wire::id(1)).bytes(bytes);
        code(member.act(3.0, act::RECEIVE, 3.0, &message));
    }
    assert_eq!(code(member.start(&start(2))), "is-replica");
    assert_eq!(member.hash(), before);
}
