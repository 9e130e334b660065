//! Reads.

use alloc::vec::Vec;

use dotted::{ByName, ConflictKind, Limits, Value, ValueKind, Version, VersionVector, View};

use crate::document::Document;
use crate::failure::Failure;
use crate::holder::Holder;
use crate::names::{ask as ask_for, read as read_for};
use crate::wire::{In, Out};

/// The integers that are numbers in JavaScript.
const SAFE: i128 = (1 << 53) - 1;

/// A number that is an answer: not a number where it is no safe integer.
pub fn ask(document: &Document, op: u8, mut input: In<'_>) -> Result<f64, Failure> {
    let store = document.store()?.view();
    let name = input.text()?;
    let flag = |flag: bool| f64::from(u8::from(flag));
    Ok(match op {
        ask_for::COUNTER => {
            let value = store.counter(name).value();
            if value.abs() <= SAFE { value as f64 } else { f64::NAN }
        }
        ask_for::FLAG => flag(store.flag(name).is_enabled()),
        ask_for::MULTI_SIZE => store.multi_register(name).len() as f64,
        ask_for::SET_SIZE => store.set(name).len() as f64,
        ask_for::SET_HAS => flag(store.set(name).contains(&input.value()?)),
        ask_for::MAP_SIZE => store.map(name).len() as f64,
        ask_for::MAP_HAS => flag(store.map(name).contains_key(input.text()?)),
        ask_for::RECORD_SIZE => store.record(name).len() as f64,
        ask_for::RECORD_HAS => flag(store.record(name).get(input.text()?).is_some()),
        _ => return Err(Failure::ARGUMENT),
    })
}

/// Bytes that are an answer.
pub fn read(document: &Document, op: u8, mut input: In<'_>) -> Result<Vec<u8>, Failure> {
    let store = document.store()?;
    let mut out = Out::default();
    match op {
        read_for::VERSION => return Ok(store.version().encode()),
        read_for::STATE => return Ok(store.encode()),
        read_for::VIEW => return Ok(store.canonical()),
        read_for::RECORD_OF_WRITER => return Ok(document.holder.writer()?.record().encode()),
        read_for::HASH => out.raw(&store.state_hash().to_be_bytes()),
        read_for::WRITER => out.uuid(document.holder.writer()?.uuid()),
        read_for::LAST => out.option(document.last, |out, dot| out.dot(&dot)),
        read_for::CLOCK => clock(store.version(), &mut out),
        read_for::DECODED_VERSION => clock(&VersionVector::decode(input.bytes()?, &Limits::default())?, &mut out),
        read_for::MEMBERS => {
            let Holder::Member(replica) = &document.holder else { return Err(Failure::NO_REPLICA) };
            replica.members().iter().for_each(|peer| {
                out.uuid(peer.uuid());
                out.flag(replica.targets().contains(peer));
                out.flag(replica.is_in_sync_with(*peer));
            });
        }
        read_for::KNOWN_OF => {
            let Holder::Member(replica) = &document.holder else { return Err(Failure::NO_REPLICA) };
            out.option(replica.known_of(input.peer()?), |out, version| out.raw(&version.encode()));
        }
        read_for::CONFLICTS => conflicts(store.view(), &mut out),
        read_for::NAMES => {
            for named in store.names_with(input.text()?) {
                out.number(kind(named.kind));
                out.text(&named.name);
            }
        }
        _ => read_named(store.view(), op, input, &mut out)?,
    }
    Ok(out.finish())
}

fn read_named(store: View<'_, ByName>, op: u8, mut input: In<'_>, out: &mut Out) -> Result<(), Failure> {
    let name = input.text()?;
    match op {
        read_for::COUNTER => out.raw(&store.counter(name).value().to_le_bytes()),
        read_for::REGISTER => out.option(store.register(name).get(), Out::value),
        read_for::REGISTER_VERSIONS => versions(&store.register(name).versions(), out),
        read_for::MULTI => store.multi_register(name).values().for_each(|value| out.value(value)),
        read_for::MULTI_VERSIONS => versions(&store.multi_register(name).versions(), out),
        read_for::SET => store.set(name).iter().for_each(|value| out.value(value)),
        read_for::MAP_GET => out.option(store.map(name).get(input.text()?), Out::value),
        read_for::MAP => store.map(name).iter().for_each(|(key, value)| {
            out.text(key);
            out.value(value);
        }),
        read_for::MAP_VERSIONS => versions(&store.map(name).versions(input.text()?), out),
        read_for::RECORD_GET => out.option(store.record(name).get(input.text()?), Out::value),
        read_for::RECORD => store.record(name).iter().for_each(|(field, value)| {
            out.text(field);
            out.value(value);
        }),
        read_for::RECORD_VERSIONS => versions(&store.record(name).versions(input.text()?), out),
        _ => return Err(Failure::ARGUMENT),
    }
    Ok(())
}

/// The number of a type: its place in `ts/names.ts`.
pub fn kind(kind: ValueKind) -> u64 {
    match kind {
        ValueKind::Counter => 0,
        ValueKind::Register => 1,
        ValueKind::MultiRegister => 2,
        ValueKind::Flag => 3,
        ValueKind::Set => 4,
        ValueKind::Map => 5,
        ValueKind::Record => 6,
        // A type that this build has no class for.
        _ => 7,
    }
}

fn clock(version: &VersionVector, out: &mut Out) {
    for (replica, counter) in version.iter() {
        out.replica(&replica);
        out.number(counter);
    }
}

fn versions(versions: &[Version<&Value>], out: &mut Out) {
    out.number(versions.len() as u64);
    for version in versions {
        out.option(version.value, Out::value);
        out.flag(version.deleted);
        out.dot(&version.dot);
        out.flag(version.timestamp.is_some());
        if let Some(at) = version.timestamp {
            out.number(at.millis());
            out.number(at.logical().into());
        }
    }
}

fn conflicts(store: View<'_, ByName>, out: &mut Out) {
    for conflict in store.conflicts() {
        out.number(kind(conflict.key.kind()));
        out.text(conflict.key.name());
        out.option(conflict.key.key().as_ref(), Out::value);
        out.number(match conflict.kind {
            ConflictKind::WriteWrite => 0,
            ConflictKind::InsertInsert => 1,
            ConflictKind::UpdateDelete => 2,
        });
        versions(&conflict.versions, out);
    }
}
