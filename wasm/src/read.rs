//! Reads.

use alloc::vec::Vec;
use core::borrow::Borrow;

use dotted::{
    ByName, Conflict, ConflictKind, Limits, Named, StoreConflict, StoreKey, Value, ValueKind, Version, VersionVector,
    View,
};
use xxhash_rust::xxh64::xxh64;

use crate::document::Document;
use crate::facts;
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
        ask_for::RECORD_SIZE => store.record_with(name, input.deletes()?).len() as f64,
        ask_for::RECORD_HAS => flag(store.record_with(name, input.deletes()?).get(input.text()?).is_some()),
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
                out.flag(replica.connected_members().contains(peer));
            });
        }
        read_for::KNOWN_OF => {
            let Holder::Member(replica) = &document.holder else { return Err(Failure::NO_REPLICA) };
            out.option(replica.known_of(input.peer()?), |out, version| out.raw(&version.encode()));
        }
        read_for::CONFLICTS => {
            store.view().conflicts().iter().for_each(|found| listed(found, &mut out));
        }
        read_for::CONFLICT => {
            let named = Named { name: input.text()?.into(), kind: kind_of(input.number()?)? };
            // What is no key of this type has no conflict.
            let key = StoreKey::new(named, input.option(In::value)?);
            key.and_then(|key| store.conflict(&key)).iter().for_each(|found| listed(found, &mut out));
        }
        read_for::DIGEST => {
            let seed = input.number()?;
            out.raw(&xxh64(input.rest(), seed).to_be_bytes());
        }
        read_for::BOUNDED_RIGHTS => {
            let counter = store.view().bounded_counter(input.text()?);
            let branch = store.branch_of(document.holder.writer()?);
            // What would be counted down here: less than its own rights only after a fork.
            let rights = branch.map_or(0, |branch| counter.rights_of(&branch).min(counter.value()).max(0));
            out.raw(&rights.to_le_bytes());
        }
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
    let whole = input;
    let name = input.text()?;
    match op {
        read_for::COUNTER => out.raw(&store.counter(name).value().to_le_bytes()),
        read_for::REGISTER => out.option(store.register(name).get(), Out::value),
        read_for::REGISTER_VERSIONS => versions_of(store, ValueKind::Register, name, None, out)?,
        read_for::MULTI => store.multi_register(name).values().for_each(|value| out.value(value)),
        read_for::MULTI_VERSIONS => versions_of(store, ValueKind::MultiRegister, name, None, out)?,
        read_for::SET => store.set(name).iter().for_each(|value| out.value(value)),
        read_for::MAP_GET => out.option(store.map(name).get(input.text()?), Out::value),
        read_for::MAP => by_key(store.map(name).iter().map(|(key, value)| (&**key, value)).collect(), out),
        read_for::MAP_VERSIONS => versions_of(store, ValueKind::Map, name, Some(input.text()?), out)?,
        read_for::RECORD => {
            by_key(store.record_with(name, input.deletes()?).iter().collect(), out);
        }
        read_for::RECORD_GET => {
            out.option(store.record_with(name, input.deletes()?).get(input.text()?), Out::value);
        }
        read_for::RECORD_MEMBER => {
            let record = store.record_with(name, input.deletes()?);
            out.option(record.get_member(input.text()?, input.text()?), Out::value);
        }
        read_for::RECORD_VERSIONS => {
            input.deletes()?; // whichever policy
            versions_of(store, ValueKind::Record, name, Some(input.text()?), out)?;
        }
        read_for::BOUNDED => out.raw(&store.bounded_counter(name).value().to_le_bytes()),
        read_for::BOUNDED_RIGHTS_OF => {
            out.raw(&store.bounded_counter(name).rights_of(&input.replica()?).to_le_bytes());
        }
        read_for::BOUNDED_HOLDERS => {
            for (replica, rights) in store.bounded_counter(name).holders() {
                out.replica(&replica);
                out.wide(rights);
            }
        }
        _ => return facts::read(store, op, whole, out),
    }
    Ok(())
}

fn versions_of(
    store: View<'_, ByName>,
    kind: ValueKind,
    name: &str,
    key: Option<&str>,
    out: &mut Out,
) -> Result<(), Failure> {
    let named = Named { name: name.into(), kind };
    let key = StoreKey::new(named, key.map(Value::from)).ok_or(Failure::ARGUMENT)?;
    versions(&store.versions(&key), out);
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
        ValueKind::BoundedCounter => 7,
        ValueKind::Ledger => 8,
        ValueKind::Claims => 9,
        // A type that this build has no class for.
        _ => 10,
    }
}

/// The type with this number.
pub fn kind_of(number: u64) -> Result<ValueKind, Failure> {
    Ok(match number {
        0 => ValueKind::Counter,
        1 => ValueKind::Register,
        2 => ValueKind::MultiRegister,
        3 => ValueKind::Flag,
        4 => ValueKind::Set,
        5 => ValueKind::Map,
        6 => ValueKind::Record,
        7 => ValueKind::BoundedCounter,
        8 => ValueKind::Ledger,
        9 => ValueKind::Claims,
        _ => return Err(Failure::ARGUMENT),
    })
}

/// Entries in the order of their keys, as names are.
fn by_key(mut entries: Vec<(&str, &Value)>, out: &mut Out) {
    entries.sort_unstable_by(|one, other| one.0.cmp(other.0));
    for (key, value) in entries {
        out.text(key);
        out.value(value);
    }
}

fn clock(version: &VersionVector, out: &mut Out) {
    for (replica, counter) in version.iter() {
        out.replica(&replica);
        out.number(counter);
    }
}

fn listed(found: &StoreConflict<'_>, out: &mut Out) {
    let Conflict { key, kind: cause, versions } = found;
    conflict(&key.named(), key.key(), *cause, versions, out);
}

fn versions<V: Borrow<Value>>(versions: &[Version<V>], out: &mut Out) {
    out.number(versions.len() as u64);
    versions.iter().for_each(|version| put_version(version, out));
}

/// One of several concurrent versions.
pub fn put_version<V: Borrow<Value>>(version: &Version<V>, out: &mut Out) {
    out.option(version.value.as_ref(), |out, value| out.value(value.borrow()));
    out.flag(version.deleted);
    out.dot(&version.dot);
    out.flag(version.timestamp.is_some());
    if let Some(at) = version.timestamp {
        out.number(at.millis());
        out.number(at.logical().into());
    }
}

/// A key with concurrent versions that differ.
pub fn conflict<V: Borrow<Value>>(
    named: &Named,
    key: Option<Value>,
    cause: ConflictKind,
    of: &[Version<V>],
    out: &mut Out,
) {
    out.number(kind(named.kind));
    out.text(&named.name);
    out.option(key.as_ref(), Out::value);
    out.number(match cause {
        ConflictKind::WriteWrite => 0,
        ConflictKind::InsertInsert => 1,
        ConflictKind::UpdateDelete => 2,
    });
    versions(of, out);
}
