//! Random histories of stores, with a hash of all that they encode: `wasm/tests/histories.test.mjs` plays the same
//! ones in WebAssembly and compares.
//!
//! `cargo run --release -p dotted-wasm --example histories -- 10000 1 > histories.jsonl`
//!
//! A line is a history: a list of steps, each a list whose first item says what it is.
#![allow(missing_docs)]

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use dotted::{
    ClaimError, Delta, Dot, EscrowError, Limits, Recorded, RequestId, Resolver, Store, Timestamp, Transfer, Value,
    Writer,
};
use uuid::Uuid;

static NOW: AtomicU64 = AtomicU64::new(0);

struct Random(u64);

impl Random {
    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u64) as usize]
    }
}

const TEXTS: [&str; 6] =
    ["", "a", "milk", "naïve", "日本語", "a text that is longer than all of the others, 🦀 included"];

/// A value with its form in the file.
fn value(random: &mut Random, depth: u32) -> (Value, String) {
    match random.below(if depth > 2 { 6 } else { 8 }) {
        0 => (Value::Null, "null".into()),
        1 => (true.into(), "true".into()),
        2 => {
            let bits = random.of(&[3, 8, 31, 53, 64]);
            let number = (random.next() >> (64 - bits)) as i64;
            let number = if random.below(2) == 0 { number } else { number.wrapping_neg() };
            (number.into(), format!(r#"{{"i":"{number}"}}"#))
        }
        3 => {
            // An integral float of a safe size is an integer in JavaScript.
            let number = random.of(&[0.5, -1e300, f64::NAN, f64::INFINITY, 1e-320, 0.1]);
            let bytes = Value::from(number).as_float().unwrap_or(0.0).to_be_bytes();
            (number.into(), format!(r#"{{"f":"{}"}}"#, hex(&bytes)))
        }
        4 => {
            let text = random.of(&TEXTS);
            (text.into(), format!("{text:?}"))
        }
        5 => {
            let bytes: Vec<u8> = (0..random.below(5)).map(|_| random.next() as u8).collect();
            (Value::bytes(bytes.clone()), format!(r#"{{"b":"{}"}}"#, hex(&bytes)))
        }
        6 => {
            let items: Vec<_> = (0..random.below(3)).map(|_| value(random, depth + 1)).collect();
            let text = items.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(",");
            (Value::list(items.into_iter().map(|(value, _)| value)).expect("not deep"), format!("[{text}]"))
        }
        _ => {
            let keys = ["x", "__proto__", "ß"];
            let items: Vec<_> =
                keys.iter().take(random.below(4) as usize).map(|key| (*key, value(random, depth + 1))).collect();
            let text = items.iter().map(|(key, (_, text))| format!("[{key:?},{text}]")).collect::<Vec<_>>().join(",");
            let map = Value::map(items.into_iter().map(|(key, (value, _))| (key, value))).expect("not deep");
            (map, format!(r#"{{"m":[{text}]}}"#))
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Twice FNV-1a of 32 bits: what JavaScript computes fast.
fn hash(bytes: &[u8]) -> String {
    let half = |start: u32| bytes.iter().fold(start, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    format!("{:08x}{:08x}", half(0x811c_9dc5), half(0x1234_5678))
}

struct Replica {
    store: Store,
    writer: Writer,
}

fn uuid(seed: u64, replica: u64) -> Uuid {
    Uuid::from_u64_pair(Random(seed ^ (replica << 56)).next(), replica + 1)
}

fn writer(uuid: Uuid) -> Writer {
    Writer::with_clock(uuid, || Timestamp::from_millis(NOW.load(Ordering::Relaxed)))
}

const KINDS: [&str; 26] = [
    "increment",
    "increment",
    "decrement",
    "reset",
    "register",
    "clearRegister",
    "multi",
    "clearMulti",
    "enable",
    "disable",
    "add",
    "add",
    "delete",
    "clearSet",
    "put",
    "put",
    "unput",
    "field",
    "unfield",
    "countUp",
    "countDown",
    "hand",
    "rare",
    "settle",
    "ledger",
    "claims",
];

/// What became of a write to a bounded counter, as a text.
fn outcome(result: Result<Dot, EscrowError>) -> String {
    match result {
        Ok(_) => String::new(),
        Err(EscrowError::InsufficientRights { local, elsewhere }) => format!("insufficient-rights {local} {elsewhere}"),
        Err(EscrowError::ZeroAmount) => "zero-amount".into(),
        Err(EscrowError::ToOneself) => "to-oneself".into(),
        Err(EscrowError::UnknownReplica) => "unknown-replica".into(),
        Err(EscrowError::Overflow) => "overflow".into(),
        Err(error) => error.to_string(),
    }
}

/// A random write. Returns its form in the file.
fn write(replica: &mut Replica, members: &[Uuid; 3], random: &mut Random) -> String {
    let name = random.of(&["", "ü"]);
    let key = random.of(&["k", "💡", "__proto__"]);
    let (content, text) = value(random, 0);
    let amount = random.of(&[0u64, 1, 300, 1 << 40, u64::MAX]);
    let Replica { store, writer } = replica;
    let mut kind = random.of(&KINDS);
    if kind == "rare" {
        let rare = ["clearMap", "clearRecord", "erase", "purge", "remove", "addAll", "putAll", "announce", "members"];
        kind = random.of(&rare);
    } else if kind == "settle" {
        kind = random.of(&["latest", "earliest", "restore"]);
    } else if kind == "ledger" {
        kind = random.of(&["request", "request", "request", "decide", "dismiss", "fold"]);
    } else if kind == "claims" {
        kind = random.of(&["claim", "claim", "release", "acknowledge"]);
    }
    let id = RequestId { client: random.of(members), number: random.of(&[0, 1, 63, 64, u64::MAX]) };
    let transfer = |amount| Transfer { from: "ana".into(), to: "ben".into(), amount };
    let me = random.of(members);
    let to = if random.below(4) == 0 { 0 } else { random.below(3) as usize };
    let mut arguments = String::new();
    match kind {
        "increment" => {
            let done = store.counter(name).increment(writer, amount).is_ok();
            _ = write!(arguments, r#","{amount}",{done}"#);
        }
        "decrement" => {
            let done = store.counter(name).decrement(writer, amount).is_ok();
            _ = write!(arguments, r#","{amount}",{done}"#);
        }
        "reset" => _ = store.counter(name).reset(writer),
        "countUp" => {
            let outcome = outcome(store.bounded_counter(name).increment(writer, amount));
            _ = write!(arguments, r#","{amount}",{outcome:?}"#);
        }
        "countDown" => {
            let outcome = outcome(store.bounded_counter(name).try_decrement(writer, amount));
            _ = write!(arguments, r#","{amount}",{outcome:?}"#);
        }
        "hand" => {
            let holders = store.bounded_counter(name).holders();
            if let Some((to, _)) = holders.get(to).or(holders.first()) {
                let outcome = outcome(store.bounded_counter(name).transfer(writer, to, amount));
                _ = write!(arguments, r#","{amount}",{outcome:?},"{to}""#);
            }
        }
        "announce" => _ = store.bounded_counter(name).announce(writer),
        "members" => {
            let done = store.record(name).set_members(writer, key, [("city", content)]).is_ok();
            _ = write!(arguments, ",{key:?},{text},{done}");
        }
        "latest" | "earliest" => {
            let resolver = if kind == "latest" { Resolver::Latest } else { Resolver::Earliest };
            let settled = store.resolve_all(writer, resolver).expect("it is a function of the versions").len();
            _ = write!(arguments, ",{settled}");
        }
        "restore" => {
            let settled = store.record(name).restore(writer).len();
            _ = write!(arguments, ",{settled}");
        }
        "request" => {
            let recorded = match store.ledger(name).record(writer, id, transfer(amount)) {
                Ok(Recorded::New(_)) => "new",
                Ok(Recorded::Before) => "known",
                Err(_) => "reused",
            };
            _ = write!(arguments, r#","{}","{}","{amount}","{recorded}""#, id.client, id.number);
        }
        "decide" => {
            let done = store.ledger(name).resolve(writer, id, transfer(amount)).unwrap().is_some();
            _ = write!(arguments, r#","{}","{}","{amount}",{done}"#, id.client, id.number);
        }
        "dismiss" => {
            let done = store.ledger(name).dismiss(writer, id).is_some();
            _ = write!(arguments, r#","{}","{}",{done}"#, id.client, id.number);
        }
        "fold" => {
            // All that is missing in a block first, as one group.
            store.edit(writer, |mut store, edit| {
                for number in 0..64 {
                    _ = store.ledger(name).record(edit, RequestId { number, ..id }, transfer(amount));
                }
            });
            let folded = store.ledger(name).fold(writer, id.client);
            let total = store.ledger(name).total();
            _ = write!(arguments, r#","{}","{amount}",{folded},"{}""#, id.client, total.of("ben"));
        }
        "claim" => {
            let outcome = match store.claims(name).claim(writer, key, me, members) {
                Ok(_) => "",
                Err(ClaimError::NotAMember) => "not-member",
                Err(ClaimError::Taken { .. }) => "taken",
                Err(ClaimError::Contested { .. }) => "contested",
            };
            _ = write!(arguments, r#",{key:?},"{me}",{outcome:?}"#);
        }
        "release" => {
            let done = store.claims(name).release(writer, key, me).is_some();
            _ = write!(arguments, r#",{key:?},"{me}",{done}"#);
        }
        "acknowledge" => {
            let done = store.claims(name).acknowledge(writer, me, members).is_some();
            _ = write!(arguments, r#","{me}",{done}"#);
        }
        "register" => _ = store.register(name).set(writer, content),
        "clearRegister" => _ = store.register(name).clear(writer),
        "multi" => _ = store.multi_register(name).set(writer, content),
        "clearMulti" => _ = store.multi_register(name).clear(writer),
        "enable" => _ = store.flag(name).enable(writer),
        "disable" => _ = store.flag(name).disable(writer),
        "add" => _ = store.set(name).insert(writer, content),
        "delete" => _ = store.set(name).remove(writer, content),
        "clearSet" => _ = store.set(name).clear(writer),
        "put" => _ = store.map(name).insert(writer, key, content),
        "unput" => _ = store.map(name).remove(writer, key),
        "clearMap" => _ = store.map(name).clear(writer),
        "field" => _ = store.record(name).set(writer, key, content),
        "unfield" => _ = store.record(name).remove(writer, key),
        "clearRecord" => _ = store.record(name).delete(writer),
        "erase" => _ = store.record(name).erase(writer),
        "purge" => _ = store.record(name).purge(writer),
        "remove" => _ = store.remove(writer, name),
        "addAll" => store.set(name).extend(writer, [content, 1.into(), "milk".into()]),
        _ => store.map(name).extend(writer, [("k", content.clone()), ("l", content.clone()), ("k", content)]),
    }
    match kind {
        "register" | "multi" | "add" | "delete" | "addAll" => _ = write!(arguments, ",{text}"),
        "put" | "field" | "putAll" => _ = write!(arguments, ",{key:?},{text}"),
        "unput" | "unfield" => _ = write!(arguments, ",{key:?}"),
        _ => {}
    }
    format!(r#""{kind}",{name:?}{arguments}"#)
}

/// A delta from one replica to another, applied there as bytes.
fn send(replicas: &mut [Replica], from: usize, to: usize) -> String {
    let mut bytes = Vec::new();
    replicas[from].store.encode_delta_since(replicas[to].store.version(), &mut bytes);
    let delta = Delta::decode(&bytes, &Limits::default()).expect("it was just encoded");
    let applied = replicas[to].store.apply(delta).expect("it was made for this replica");
    format!(r#""send",{from},{to},"{}",{},{}"#, hash(&bytes), applied.events, applied.keys)
}

fn history(seed: u64) -> String {
    let mut random = Random(seed);
    NOW.store(1_700_000_000_000 + random.below(1 << 40), Ordering::Relaxed);
    let mut replicas: Vec<_> =
        (0..3).map(|number| Replica { store: Store::new(), writer: writer(uuid(seed, number)) }).collect();
    let members = [0, 1, 2].map(|number| uuid(seed, number));
    let mut steps = Vec::new();
    let ids = (0..3).map(|number| format!(r#""{}""#, uuid(seed, number))).collect::<Vec<_>>().join(",");
    steps.push(format!(r#"["ids",{ids}]"#));
    for _ in 0..8 + random.below(40) {
        NOW.fetch_add(random.below(4).saturating_sub(1), Ordering::Relaxed);
        let now = NOW.load(Ordering::Relaxed);
        let (a, b) = (random.below(3) as usize, random.below(3) as usize);
        let step = match random.below(12) {
            0 | 1 if a != b => send(&mut replicas, a, b),
            2 if a != b => {
                let other = replicas[a].store.clone();
                let applied = replicas[b].store.try_merge(&other).expect("it fits");
                format!(r#""merge",{a},{b},{},{}"#, applied.events, applied.keys)
            }
            3 if random.below(3) == 0 => {
                replicas[a].store.compact();
                format!(r#""compact",{a}"#)
            }
            4 if random.below(3) == 0 => {
                let id = uuid(seed, 10 + random.below(1 << 20));
                let bytes = replicas[a].store.encode();
                replicas[a].store = Store::decode(&bytes, &Limits::default()).expect("it was just encoded");
                replicas[a].writer = writer(id);
                format!(r#""reload",{a},"{}","{id}""#, hash(&bytes))
            }
            _ => format!(r#""write",{a},{now},{}"#, write(&mut replicas[a], &members, &mut random)),
        };
        steps.push(format!("[{step}]"));
    }
    for (from, to) in [(0, 1), (1, 2), (2, 1), (1, 0)] {
        steps.push(format!("[{}]", send(&mut replicas, from, to)));
    }
    for (number, Replica { store, .. }) in replicas.iter().enumerate() {
        let [state, view, version] = [store.encode(), store.canonical(), store.version().encode()].map(|it| hash(&it));
        let conflicts = store.conflicts().len();
        let names = store.names().count() + store.view().ledger("").disputes().len();
        let state_hash = store.state_hash();
        steps.push(format!(
            r#"["end",{number},"{state}","{view}","{version}","{state_hash:016x}",{conflicts},{names}]"#
        ));
    }
    format!("[{}]", steps.join(","))
}

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse().expect("a number"));
    let (count, seed): (u64, u64) = (arguments.next().unwrap_or(100), arguments.next().unwrap_or(1));
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for seed in seed..seed + count {
        writeln!(out, "{}", history(seed))?;
    }
    out.flush()
}
