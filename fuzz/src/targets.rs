//! What is tried. The first byte of an input chooses among types or limits where there are several.

use dotted::replication::{Config, Event, Member, PeerId, Replica, Role};
use dotted::{
    CausalInbox, Delta, FragmentCodec, GCounter, Journal, Limits, LwwMap, LwwRegister, MvRegister, Operation, OrSet,
    PnCounter, Step, Store, StoreBody, Stored, Uuid, VersionVector, VersionedRecord, Writer, WriterRecord,
};

use crate::mutate::Random;
use crate::peak::decoding;
use crate::samples::{large, stores, write};

/// A decoder, and what works with what it accepts.
pub struct Target {
    pub name: &'static str,
    /// Inputs that are sound.
    pub samples: fn() -> Vec<Vec<u8>>,
    /// Tries an input. Says whether it was accepted.
    pub run: fn(&[u8]) -> bool,
    /// How many bytes may be allocated at once for each of the input.
    pub per_byte: usize,
}

/// So much may be allocated whatever the input is.
pub const FREE: usize = 64 << 10;

impl Target {
    #[must_use]
    pub const fn may_allocate(&self, len: usize) -> usize {
        FREE + self.per_byte * len
    }
}

pub const ALL: [Target; 7] = [
    Target { name: "state", samples: states, run: state, per_byte: 64 },
    Target { name: "delta", samples: deltas, run: delta, per_byte: 64 },
    Target { name: "operation", samples: operations, run: operation, per_byte: 64 },
    Target { name: "message", samples: messages, run: message, per_byte: 16 },
    Target { name: "journal", samples: journals, run: journal, per_byte: 16 },
    Target { name: "json", samples: jsons, run: json, per_byte: 16 },
    Target { name: "member", samples: members, run: member, per_byte: 16 },
];

fn with(first: u8, bytes: &[u8]) -> Vec<u8> {
    let mut input = vec![first];
    input.extend_from_slice(bytes);
    input
}

fn limits(choice: u8) -> Limits {
    if choice & 0x80 == 0 { Limits::default() } else { Limits::default().with_writers(3).with_events(20).with_names(5) }
}

// --- states --------------------------------------------------------------------------------------

fn states() -> Vec<Vec<u8>> {
    let mut inputs = Vec::new();
    for seed in 0..12 {
        inputs.extend(stores(seed).iter().map(|store| with(0, &store.encode())));
    }
    inputs.extend(large().map(|store| with(0, &store.encode())));
    let mut writer = Writer::from_seed(1);
    let (mut set, mut map, mut record) = (OrSet::new(), LwwMap::new(), VersionedRecord::new());
    for at in 0..40u32 {
        set.insert(&mut writer, format!("element {}", at % 30));
        map.insert(&mut writer, u64::from(at % 20), vec![at; 3]);
        record.set(&mut writer, ["name", "age"][at as usize % 2], at);
        set.remove(&mut writer, &format!("element {}", at % 7));
    }
    record.delete(&mut writer);
    let (mut up, mut both) = (GCounter::new(), PnCounter::new());
    (0..3).for_each(|by| _ = (up.increment(&mut writer, by), both.decrement(&mut writer, by)));
    let (mut one, mut many) = (LwwRegister::new(), MvRegister::new());
    one.set(&mut writer, Some(7u8));
    many.set(&mut writer, "x".to_string());
    inputs.extend([with(1, &set.encode()), with(2, &map.encode()), with(3, &record.encode()), with(4, &up.encode())]);
    inputs.extend([with(5, &both.encode()), with(6, &one.encode()), with(7, &many.encode())]);
    inputs
}

/// Whether these are the bytes of something that is written as `again`: the same, or with an extension that is passed over
/// and not written again.
fn is_form_of(bytes: &[u8], again: &[u8]) -> bool {
    // Behind the extensions stands the same, but for the checksum.
    let content = |bytes: &[u8]| bytes.len().saturating_sub(4);
    let (len, again_len) = (content(bytes), content(again));
    let same =
        bytes[..len].iter().rev().zip(again[..again_len].iter().rev()).take_while(|(one, other)| one == other).count();
    bytes == again || (len > again_len && same + HEAD >= again_len)
}

/// So many bytes at most stand before the extensions of an envelope: magic, version, content, schema, shape, their number.
const HEAD: usize = 40;

/// What is accepted has one form, works, and leaves again.
fn sound<F: FragmentCodec>(bytes: &[u8], limits: &Limits) -> bool {
    let Ok(mut value) = decoding(|| dotted::Causal::<F>::decode(bytes, limits)) else { return false };
    assert!(value.usage().beyond(limits).is_none(), "more than the limits allow");
    assert!(is_form_of(bytes, &value.encode()), "another form of the same value");
    value.assert_consistent();
    let again = value.clone();
    _ = value.try_merge(&again).expect("it is the same");
    value.compact();
    assert!(value == again);
    true
}

fn state(input: &[u8]) -> bool {
    let Some((&choice, bytes)) = input.split_first() else { return false };
    let limits = limits(choice);
    match choice & 0x7f {
        1 => sound::<dotted::SetBody<String>>(bytes, &limits),
        2 => sound::<dotted::MapBody<u64, Vec<u32>>>(bytes, &limits),
        3 => sound::<dotted::RecordBody<u32>>(bytes, &limits),
        4 => sound::<dotted::GCounterBody>(bytes, &limits),
        5 => sound::<dotted::PnCounterBody>(bytes, &limits),
        6 => sound::<dotted::LwwRegisterBody<Option<u8>>>(bytes, &limits),
        7 => sound::<dotted::MvRegisterBody<String>>(bytes, &limits),
        8 => decoding(|| VersionVector::decode(bytes, &limits)).is_ok(),
        9 => decoding(|| WriterRecord::decode(bytes, &limits)).is_ok(),
        _ => {
            if !sound::<StoreBody>(bytes, &limits) {
                return false;
            }
            let mut store = Store::decode(bytes, &limits).expect("it was read before");
            use_store(&mut store, choice);
            true
        }
    }
}

/// Reads all there is, writes, and goes on with others.
fn use_store(store: &mut Store, seed: u8) {
    let (mut random, mut writer) = (Random::new(u64::from(seed)), Writer::from_seed(999));
    _ = format!("{store:?}");
    _ = store.conflicts().len();
    let mut other = stores(3).remove(0);
    _ = other.try_merge(store);
    (0..6).for_each(|_| write(store, &mut writer, &mut random));
    _ = other.apply(store.delta_since(other.version()));
    store.assert_consistent();
    other.assert_consistent();
}

// --- deltas and operations -----------------------------------------------------------------------

fn deltas() -> Vec<Vec<u8>> {
    let mut inputs = Vec::new();
    for seed in 0..16 {
        let all = stores(seed);
        for (at, from) in all.iter().enumerate() {
            for to in all.iter().chain([&Store::new()]) {
                inputs.push(with(seed as u8 * 4 + at as u8, &from.delta_since(to.version()).encode()));
            }
        }
    }
    inputs.extend(large().map(|store| with(0, &store.delta_since(&VersionVector::new()).encode())));
    inputs
}

/// All or nothing.
fn delta(input: &[u8]) -> bool {
    let Some((&choice, bytes)) = input.split_first() else { return false };
    let limits = limits(choice);
    let Ok(delta) = decoding(|| Delta::<StoreBody>::decode(bytes, &limits)) else { return false };
    let mut receiver = stores(u64::from(choice & 0x3f) / 4).swap_remove(choice as usize % 3);
    let before = receiver.encode();
    if receiver.apply_within(delta, &limits).is_err() {
        assert!(receiver.encode() == before, "changed by what was refused");
        return false;
    }
    use_store(&mut receiver, choice);
    true
}

fn operations() -> Vec<Vec<u8>> {
    let mut inputs = Vec::new();
    for seed in 0..16u8 {
        let mut store = stores(u64::from(seed)).remove(0);
        let mut writer = Writer::from_seed(77);
        for round in 0..6i64 {
            let (_, operation) = store.edit_as_operation(&mut writer, |mut store, edit| {
                _ = store.set("a").insert(edit, round.into());
                _ = store.map("b").insert(edit, "milk".into(), round.into());
                _ = store.record("c").delete(edit);
                _ = store.counter("a").increment(edit, 2);
            });
            inputs.extend(operation.map(|operation| with(seed * 4, &operation.encode())));
        }
    }
    let (_, operation) = Store::new().edit_as_operation(&mut Writer::from_seed(77), |mut store, edit| {
        (0..4_000i64).for_each(|at| _ = store.set("all").insert(edit, at.into()));
    });
    inputs.extend(operation.map(|operation| with(0, &operation.encode())));
    inputs
}

fn operation(input: &[u8]) -> bool {
    let Some((&choice, bytes)) = input.split_first() else { return false };
    let limits = limits(choice);
    let Ok(operation) = decoding(|| Operation::<StoreBody>::decode(bytes, &limits)) else { return false };
    assert!(is_form_of(bytes, &operation.encode()), "another form of the same operation");
    let mut receiver = stores(u64::from(choice & 0x3f) / 4).swap_remove(0);
    let before = receiver.encode();
    let mut inbox = CausalInbox::new(2).within(limits);
    let applied = inbox.receive(&mut receiver, operation).is_ok_and(|applied| applied.changed());
    assert!(applied || receiver.encode() == before, "changed by what waits");
    receiver.assert_consistent();
    applied
}

// --- messages ------------------------------------------------------------------------------------

const STORE: Uuid = Uuid::from_u128(42);

fn peer(at: u64) -> PeerId {
    PeerId::from_seed(at)
}

fn config(at: u64) -> Config {
    let mut config = Config::new(peer(at), STORE, at);
    config.bounds.message_bytes = 2_048;
    config
}

fn replica(at: u64, value: Store) -> Replica<Store> {
    let mut replica = Replica::new(value, Writer::from_seed(100 + at), config(at));
    replica.join(peer(1 - at), Role::Voter).expect("it is new");
    replica
}

/// What two replicas say to each other until they agree.
fn messages() -> Vec<Vec<u8>> {
    let mut inputs = Vec::new();
    for seed in 0..6u8 {
        let all = stores(u64::from(seed));
        let mut pair = [replica(0, all[0].clone()), replica(1, all[1].clone())];
        for now in (0..4_000).step_by(20) {
            for at in 0..2 {
                pair[at].tick(now);
                while let Some(message) = pair[at].poll_transmit() {
                    if inputs.len() < 60 * (usize::from(seed) + 1) {
                        inputs.push(with(seed * 2 + at as u8, &message.bytes));
                    }
                    _ = pair[1 - at].handle(peer(at as u64), &message.bytes, now);
                }
            }
        }
    }
    inputs
}

fn message(input: &[u8]) -> bool {
    let Some((&choice, bytes)) = input.split_first() else { return false };
    let all = stores(u64::from(choice / 2 % 8));
    let to = 1 - u64::from(choice % 2);
    let mut receiver = replica(to, all[to as usize].clone());
    let before = receiver.value().encode();
    let result = decoding(|| receiver.handle(peer(1 - to), bytes, 1));
    assert!(result.is_ok() || receiver.value().encode() == before, "changed by what was refused");
    for now in [2, 100, 5_000, 100_000] {
        receiver.tick(now);
        assert!((0..100).take_while(|_| receiver.poll_transmit().is_some()).count() < 100, "it speaks without end");
        while receiver.poll_event().is_some() {}
    }
    receiver.value().assert_consistent();
    result.is_ok()
}

// --- what is stored ------------------------------------------------------------------------------

/// A length, the snapshot, the log.
fn journals() -> Vec<Vec<u8>> {
    let mut inputs = Vec::new();
    for seed in 0..8 {
        let (journal, _) = Journal::<Store>::open(&Stored::default(), Limits::default()).expect("it is empty");
        let mut journal = journal.with_log_bytes(1 << 10);
        let (mut value, mut writer, mut random) = (Store::new(), Writer::from_seed(seed + 1), Random::new(seed));
        let mut stored = Stored::default();
        for _ in 0..12 {
            (0..4).for_each(|_| write(&mut value, &mut writer, &mut random));
            match journal.record(&value, &writer).expect("it can be read") {
                Some(Step::Append(bytes)) => stored.log.extend(bytes),
                Some(Step::Replace(bytes)) => stored = Stored { snapshot: Some(bytes), log: Vec::new() },
                None => continue,
            }
            journal.done();
            inputs.push(journal_input(stored.snapshot.as_deref().unwrap_or_default(), &stored.log));
        }
    }
    inputs
}

fn journal_input(snapshot: &[u8], log: &[u8]) -> Vec<u8> {
    let mut input = vec![0];
    input.extend_from_slice(&(snapshot.len() as u16).to_le_bytes());
    input.extend_from_slice(snapshot);
    input.extend_from_slice(log);
    input
}

fn journal(input: &[u8]) -> bool {
    let Some((&[choice, low, high], rest)) = input.split_first_chunk::<3>() else { return false };
    let (snapshot, log) = rest.split_at(usize::from(u16::from_le_bytes([low, high])).min(rest.len()));
    let stored = Stored { snapshot: (!snapshot.is_empty()).then(|| snapshot.to_vec()), log: log.to_vec() };
    let Ok((_, loaded)) = decoding(|| Journal::<Store>::open(&stored, limits(choice))) else { return false };
    let Some(loaded) = loaded else { return false };
    loaded.value.assert_consistent();
    true
}

// --- JSON ----------------------------------------------------------------------------------------

fn jsons() -> Vec<Vec<u8>> {
    let values = (0..12).flat_map(stores).chain(large());
    values.map(|store| with(0, &serde_json::to_vec(&store).expect("a store has JSON"))).collect()
}

fn json(input: &[u8]) -> bool {
    let Some((_, bytes)) = input.split_first() else { return false };
    let Ok(store) = decoding(|| serde_json::from_slice::<Store>(bytes)) else { return false };
    store.assert_consistent();
    let again = serde_json::to_vec(&store).expect("a store has JSON");
    assert!(serde_json::from_slice::<Store>(&again).expect("it was written") == store);
    true
}

// --- a driven member -----------------------------------------------------------------------------

/// Commands, each with a length and an argument.
fn members() -> Vec<Vec<u8>> {
    let messages = messages();
    let mut random = Random::new(5);
    (0..60)
        .map(|_| {
            let mut input = Vec::new();
            for _ in 0..4 + random.below(12) {
                let argument = match random.below(2) {
                    0 => &messages[random.below(messages.len())][1..],
                    _ => &[][..],
                };
                let command = if argument.is_empty() { 1 + random.below(8) as u8 } else { 0 };
                input.push(command);
                input.extend_from_slice(&(argument.len() as u16).to_le_bytes());
                input.extend_from_slice(argument);
            }
            input
        })
        .collect()
}

fn member(input: &[u8]) -> bool {
    let empty = Stored::default();
    let mut member: Member<Store> = Member::open(&empty, config(0), || Writer::from_seed(7)).expect("it is empty");
    member.join(peer(1), Role::Voter).expect("it is new");
    let (mut rest, mut now, mut random) = (input, 0u64, Random::new(input.len() as u64));
    let mut accepted = false;
    while let Some((&[command, low, high], behind)) = rest.split_first_chunk::<3>() {
        let (argument, behind) = behind.split_at(usize::from(u16::from_le_bytes([low, high])).min(behind.len()));
        rest = behind;
        now = now.wrapping_add(u64::from(command >> 4) * 100 + 1);
        match command & 0xf {
            0 => accepted |= decoding(|| member.handle(peer(1), argument, now)).is_ok(),
            1 => member.tick(now),
            2 => _ = member.update(|store, writer| write(store, writer, &mut random)),
            3 => while member.poll_persist().is_some() {},
            4 => member.persisted(),
            5 => member.persist_failed(),
            6 => _ = member.disconnected(peer(1)),
            7 => _ = member.connected(peer(1)),
            8 => _ = (0..50).find(|_| member.poll_transmit().is_none()).expect("it speaks without end"),
            9 => member.tick(u64::MAX),
            10 => _ = member.undelivered(peer(1), usize::from(low) + 1_024),
            _ => while member.poll_event().is_some_and(|event| !matches!(event, Event::EventsLost(_))) {},
        }
        member.value().assert_consistent();
    }
    accepted
}

/// Tries an input on the target of this name, and asserts what it may allocate.
///
/// # Panics
/// If there is no such target, or something is wrong.
pub fn run(name: &str, input: &[u8]) {
    let target = ALL.iter().find(|target| target.name == name).expect("the name of a target");
    let (_, bytes) = crate::peak::of(|| (target.run)(input));
    assert!(bytes <= target.may_allocate(input.len()), "{bytes} B for {} of input", input.len());
}
