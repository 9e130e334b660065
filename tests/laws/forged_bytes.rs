//! Bytes that a checksum does not protect: whatever is accepted is what an encoder writes, and works.

use super::*;

#[test]
fn never_panic_and_have_one_form() {
    check::<GCounter>();
    check::<PnCounter>();
    check::<LwwRegister<u8>>();
    check::<MvRegister<Option<String>>>();
    check::<EwFlag>();
    check::<DwFlag>();
    check::<OrSet<u8>>();
    check::<OrSet<String>>();
    check::<LwwMap<u8, u16>>();
    check::<VersionedRecord<u8>>();
    check::<BoundedCounter>();
    check::<Store>();
    check::<Causal<(SetBody<u8>, PnCounterBody, MapBody<u8, u16>)>>();
}

fn check<C: Generate + Debug>() {
    for seed in 0..60 {
        let g = &mut Gen::from_size_and_seed(40, seed);
        let history = Replicas::<C>::arbitrary(g);
        let states = history.states();
        for _ in 0..200 {
            let (one, other) = (g.choose(states).unwrap(), g.choose(states).unwrap());
            let forged = forge(one.encode(), g);
            if let Ok(state) = C::decode(&forged, &Limits::default()) {
                assert_eq!(state.encode(), forged, "seed {seed}: {state:?} of {one:?}");
                exercise(state, other);
            }
            let forged = forge(C::encode_delta(&one.delta_since(other.version())), g);
            if let Ok(delta) = C::decode_delta(&forged, &Limits::default()) {
                assert_eq!(C::encode_delta(&delta), forged, "seed {seed}: a delta of {one:?}");
                let mut receiver = other.clone();
                let _ = receiver.apply(delta);
                exercise(receiver, one);
            }
        }
    }
}

/// Changes, inserts or removes a few bytes behind the envelope, and makes the checksum right.
fn forge(mut bytes: Vec<u8>, g: &mut Gen) -> Vec<u8> {
    bytes.truncate(bytes.len() - 4);
    for _ in 0..*g.choose(&[1, 1, 2, 3]).unwrap() {
        let places: Vec<usize> = (8..bytes.len()).collect();
        let Some(&at) = g.choose(&places) else { break };
        match g.choose(&[0, 0, 0, 0, 1, 2, 3]).unwrap() {
            0 => bytes[at] = bytes[at].wrapping_add(*g.choose(&[1, 2, 127, 128, 254, 255]).unwrap()),
            1 => bytes.insert(at, u8::arbitrary(g)),
            2 => drop(bytes.remove(at)),
            _ => bytes[at] = u8::arbitrary(g),
        }
    }
    let checksum = xxhash_rust::xxh64::xxh64(&bytes, 0) as u32;
    bytes.extend(checksum.to_le_bytes());
    bytes
}

fn exercise<C: Generate + Debug>(mut state: C, other: &C) {
    let _ = format!("{state:?}");
    state.merge(other);
    let (mut g, mut writer) = (Gen::from_size_and_seed(4, 1), Writer::from_seed(1));
    state.write_at_random(&mut writer, &mut g);
    state.compact();
    let bytes = state.encode();
    assert_eq!(C::decode(&bytes, &Limits::default()).map(|back| back.encode()), Ok(bytes));
}
