//! Writes: one group to one value.

use alloc::sync::Arc;
use alloc::vec::Vec;

use dotted::{ByName, Deletes, Dot, Edit, Mut, ReplicaId, RequestId, StoreKey, Transfer, Value};
use uuid::Uuid;

use crate::document::Document;
use crate::facts;
use crate::failure::Failure;
use crate::member;
use crate::names::write as op;
use crate::settle;
use crate::wire::In;

/// Whether something was written, as a number.
fn one(dot: Option<Dot>) -> u32 {
    dot.is_some().into()
}

/// How many of these had an effect.
fn all<T>(items: Vec<T>, mut write: impl FnMut(T) -> Option<Dot>) -> u32 {
    items.into_iter().fold(0, |count, item| count + one(write(item)))
}

/// The arguments, all read before anything is written.
enum Arguments<'a> {
    None,
    Amount(u64),
    Rights(ReplicaId, u64),
    Values(Vec<Value>),
    Keys(Vec<&'a str>),
    Entries(Vec<(&'a str, Value)>),
    Members(&'a str, Vec<(&'a str, Value)>),
    Resolve(StoreKey, Value),
    Request(RequestId),
    Recorded(RequestId, Transfer),
    Client(Uuid),
    Claim(Uuid, Vec<Uuid>, Option<Arc<str>>),
}

/// Writes to the value whose name comes first. Returns how many parts had an effect.
pub fn write(document: &mut Document, op: u8, mut input: In<'_>) -> Result<u32, Failure> {
    let name = input.text()?;
    let deletes = match op {
        op::RECORD_SET | op::RECORD_DELETE | op::RECORD_MEMBERS | op::RESOLVE => input.deletes()?,
        _ => Deletes::default(),
    };
    let arguments = match op {
        op::COUNTER_INCREMENT | op::COUNTER_DECREMENT | op::BOUNDED_INCREMENT | op::BOUNDED_DECREMENT => {
            Arguments::Amount(input.number()?)
        }
        op::BOUNDED_TRANSFER => Arguments::Rights(input.replica()?, input.number()?),
        op::REGISTER_SET | op::MULTI_SET | op::SET_ADD | op::SET_DELETE => Arguments::Values(input.all(In::value)?),
        op::MAP_DELETE | op::RECORD_DELETE => Arguments::Keys(input.all(In::text)?),
        op::MAP_SET | op::RECORD_SET => Arguments::Entries(input.all(entry)?),
        op::RECORD_MEMBERS => Arguments::Members(input.text()?, input.all(entry)?),
        op::RESOLVE => {
            let key = settle::listed(document.store()?, name, &mut input)?;
            Arguments::Resolve(key, input.value()?)
        }
        op::LEDGER_RESOLVE => Arguments::Recorded(facts::request(&mut input)?, facts::transfer(&mut input)?),
        op::LEDGER_DISMISS => Arguments::Request(facts::request(&mut input)?),
        op::LEDGER_FOLD => Arguments::Client(input.uuid()?),
        op::CLAIMS_CLAIM | op::CLAIMS_RELEASE | op::CLAIMS_ACKNOWLEDGE => {
            let (me, members) = facts::members(&mut input)?;
            let resource = if op == op::CLAIMS_ACKNOWLEDGE { None } else { Some(input.text()?.into()) };
            Arguments::Claim(me, members, resource)
        }
        _ => Arguments::None,
    };
    if let (op::BOUNDED_DECREMENT, Arguments::Amount(by)) = (op, &arguments)
        && let Some(spent) = member::spend(document, name, *by)
    {
        return spent;
    }
    // What is written alone is written if it changes something; several are a group, of which nothing is left out.
    let alone = match &arguments {
        Arguments::Values(values) => values.len() == 1,
        Arguments::Entries(entries) => entries.len() == 1,
        Arguments::Members(..) => true,
        _ => false,
    };
    document.edit(|store, edit| {
        let edit = if alone { edit.only_changes() } else { edit };
        run(store, edit, op, deletes, name, arguments)
    })
}

fn entry<'a>(input: &mut In<'a>) -> Result<(&'a str, Value), Failure> {
    Ok((input.text()?, input.value()?))
}

#[inline(never)]
fn run<'e>(
    mut store: Mut<'e, ByName>,
    edit: &mut Edit<'e>,
    op: u8,
    deletes: Deletes,
    name: &str,
    arguments: Arguments<'_>,
) -> Result<u32, Failure> {
    use Arguments::{Amount, Claim, Client, Entries, Keys, Members, None, Recorded, Request, Resolve, Rights, Values};
    Ok(match (op, arguments) {
        (op::COUNTER_INCREMENT, Amount(by)) => one(Some(store.counter(name).increment(edit, by)?)),
        (op::COUNTER_DECREMENT, Amount(by)) => one(Some(store.counter(name).decrement(edit, by)?)),
        (op::COUNTER_RESET, None) => one(store.counter(name).reset(edit)),
        (op::REGISTER_SET, Values(values)) => {
            let mut register = store.register(name);
            all(values, |value| Some(register.set(edit, value)))
        }
        (op::REGISTER_CLEAR, None) => one(store.register(name).clear(edit)),
        (op::MULTI_SET, Values(values)) => {
            let mut register = store.multi_register(name);
            all(values, |value| Some(register.set(edit, value)))
        }
        (op::MULTI_CLEAR, None) => one(store.multi_register(name).clear(edit)),
        (op::FLAG_ENABLE, None) => one(Some(store.flag(name).enable(edit))),
        (op::FLAG_DISABLE, None) => one(store.flag(name).disable(edit)),
        (op::SET_ADD, Values(values)) => {
            store.reserve(values.len());
            let mut set = store.set(name);
            all(values, |value| Some(set.insert(edit, value)))
        }
        (op::SET_DELETE, Values(values)) => {
            let mut set = store.set(name);
            all(values, |value| set.remove(edit, &value))
        }
        (op::SET_CLEAR, None) => one(store.set(name).clear(edit)),
        (op::MAP_SET, Entries(entries)) => {
            store.reserve(entries.len());
            let mut map = store.map(name);
            all(entries, |(key, value)| Some(map.insert(edit, key.into(), value)))
        }
        (op::MAP_DELETE, Keys(keys)) => {
            let mut map = store.map(name);
            all(keys, |key| map.remove(edit, key))
        }
        (op::MAP_CLEAR, None) => one(store.map(name).clear(edit)),
        (op::RECORD_SET, Entries(entries)) => {
            let mut record = store.record_with(name, deletes);
            all(entries, |(field, value)| Some(record.set(edit, field, value)))
        }
        (op::RECORD_DELETE, Keys(keys)) => {
            let mut record = store.record_with(name, deletes);
            all(keys, |field| record.remove(edit, field))
        }
        (op::RECORD_MEMBERS, Members(field, members)) => {
            one(Some(store.record_with(name, deletes).set_members(edit, field, members)?))
        }
        (op::RESOLVE, Resolve(key, value)) => one(Some(match settle::field(&key) {
            Some(field) => store.record_with(name, deletes).set(edit, &field, value),
            _ => store.resolve(edit, &key, value)?,
        })),
        (op::BOUNDED_INCREMENT, Amount(by)) => one(Some(store.bounded_counter(name).increment(edit, by)?)),
        (op::BOUNDED_DECREMENT, Amount(by)) => one(Some(store.bounded_counter(name).try_decrement(edit, by)?)),
        (op::BOUNDED_TRANSFER, Rights(to, amount)) => {
            one(Some(store.bounded_counter(name).transfer(edit, &to, amount)?))
        }
        (op::BOUNDED_ANNOUNCE, None) => one(store.bounded_counter(name).announce(edit)),
        // What these write is the same under all policies.
        (op::RECORD_CLEAR, None) => one(store.record(name).delete(edit)),
        (op::RECORD_ERASE, None) => one(store.record(name).erase(edit)),
        (op::RECORD_PURGE, None) => one(store.record(name).purge(edit)),
        (op::LEDGER_RESOLVE, Recorded(id, entry)) => one(store.ledger(name).resolve(edit, id, entry).ok().flatten()),
        (op::LEDGER_DISMISS, Request(id)) => one(store.ledger(name).dismiss(edit, id)),
        (op::LEDGER_FOLD, Client(client)) => u32::try_from(store.ledger(name).fold(edit, client)).unwrap_or(u32::MAX),
        (op::CLAIMS_CLAIM, Claim(me, members, Some(resource))) => {
            one(Some(store.claims(name).claim(edit, resource, me, &members)?))
        }
        (op::CLAIMS_RELEASE, Claim(me, _, Some(resource))) => one(store.claims(name).release(edit, &resource, me)),
        (op::CLAIMS_ACKNOWLEDGE, Claim(me, members, _)) => one(store.claims(name).acknowledge(edit, me, &members)),
        (op::REMOVE, None) => one(store.remove(edit, name)),
        _ => return Err(Failure::ARGUMENT),
    })
}
