//! Writes: one group to one value.

use alloc::vec::Vec;

use dotted::{ByName, Deletes, Dot, Edit, Mut, ReplicaId, StoreKey, Value};

use crate::document::Document;
use crate::failure::Failure;
use crate::names::write as op;
use crate::settle;
use crate::wire::In;

/// What a group wrote.
#[derive(Default)]
struct Written {
    count: u32,
    last: Option<Dot>,
}

impl Written {
    fn note(&mut self, dot: Option<Dot>) {
        if dot.is_some() {
            self.count += 1;
            self.last = dot;
        }
    }

    fn one(dot: Option<Dot>) -> Self {
        let mut written = Self::default();
        written.note(dot);
        written
    }

    fn all<T>(items: Vec<T>, mut write: impl FnMut(T) -> Option<Dot>) -> Self {
        let mut written = Self::default();
        items.into_iter().for_each(|item| written.note(write(item)));
        written
    }
}

/// The arguments, all read before anything is written.
enum Arguments<'a> {
    None,
    Amount(u64),
    Transfer(ReplicaId, u64),
    Values(Vec<Value>),
    Keys(Vec<&'a str>),
    Entries(Vec<(&'a str, Value)>),
    Members(&'a str, Vec<(&'a str, Value)>),
    Resolve(StoreKey, Value),
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
        op::BOUNDED_TRANSFER => Arguments::Transfer(input.replica()?, input.number()?),
        op::REGISTER_SET | op::MULTI_SET | op::SET_ADD | op::SET_DELETE => Arguments::Values(input.all(In::value)?),
        op::MAP_DELETE | op::RECORD_DELETE => Arguments::Keys(input.all(In::text)?),
        op::MAP_SET | op::RECORD_SET => Arguments::Entries(input.all(entry)?),
        op::RECORD_MEMBERS => Arguments::Members(input.text()?, input.all(entry)?),
        op::RESOLVE => {
            let key = settle::listed(document.store()?, name, &mut input)?;
            Arguments::Resolve(key, input.value()?)
        }
        _ => Arguments::None,
    };
    let mut arguments = Some(arguments);
    let written = document.holder.update(|live, writer| {
        let arguments = arguments.take().unwrap_or(Arguments::None);
        live.edit(writer, |store, edit| run(store, edit, op, deletes, name, arguments))
    })?;
    if written.last.is_some() {
        document.last = written.last;
    }
    Ok(written.count)
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
) -> Result<Written, Failure> {
    use Arguments::{Amount, Entries, Keys, Members, None, Resolve, Transfer, Values};
    Ok(match (op, arguments) {
        (op::COUNTER_INCREMENT, Amount(by)) => Written::one(Some(store.counter(name).increment(edit, by)?)),
        (op::COUNTER_DECREMENT, Amount(by)) => Written::one(Some(store.counter(name).decrement(edit, by)?)),
        (op::COUNTER_RESET, None) => Written::one(store.counter(name).reset(edit)),
        (op::REGISTER_SET, Values(values)) => {
            let mut register = store.register(name);
            Written::all(values, |value| Some(register.set(edit, value)))
        }
        (op::REGISTER_CLEAR, None) => Written::one(store.register(name).clear(edit)),
        (op::MULTI_SET, Values(values)) => {
            let mut register = store.multi_register(name);
            Written::all(values, |value| Some(register.set(edit, value)))
        }
        (op::MULTI_CLEAR, None) => Written::one(store.multi_register(name).clear(edit)),
        (op::FLAG_ENABLE, None) => Written::one(Some(store.flag(name).enable(edit))),
        (op::FLAG_DISABLE, None) => Written::one(store.flag(name).disable(edit)),
        (op::SET_ADD, Values(values)) => {
            store.reserve(values.len());
            let mut set = store.set(name);
            Written::all(values, |value| Some(set.insert(edit, value)))
        }
        (op::SET_DELETE, Values(values)) => {
            let mut set = store.set(name);
            Written::all(values, |value| set.remove(edit, &value))
        }
        (op::SET_CLEAR, None) => Written::one(store.set(name).clear(edit)),
        (op::MAP_SET, Entries(entries)) => {
            store.reserve(entries.len());
            let mut map = store.map(name);
            Written::all(entries, |(key, value)| Some(map.insert(edit, key.into(), value)))
        }
        (op::MAP_DELETE, Keys(keys)) => {
            let mut map = store.map(name);
            Written::all(keys, |key| map.remove(edit, key))
        }
        (op::MAP_CLEAR, None) => Written::one(store.map(name).clear(edit)),
        (op::RECORD_SET, Entries(entries)) => {
            let mut record = store.record_with(name, deletes);
            Written::all(entries, |(field, value)| Some(record.set(edit, field, value)))
        }
        (op::RECORD_DELETE, Keys(keys)) => {
            let mut record = store.record_with(name, deletes);
            Written::all(keys, |field| record.remove(edit, field))
        }
        (op::RECORD_MEMBERS, Members(field, members)) => {
            Written::one(Some(store.record_with(name, deletes).set_members(edit, field, members)?))
        }
        (op::RESOLVE, Resolve(key, value)) => Written::one(Some(match settle::field(&key) {
            Some(field) => store.record_with(name, deletes).set(edit, &field, value),
            _ => store.resolve(edit, &key, value)?,
        })),
        (op::BOUNDED_INCREMENT, Amount(by)) => Written::one(Some(store.bounded_counter(name).increment(edit, by)?)),
        (op::BOUNDED_DECREMENT, Amount(by)) => Written::one(Some(store.bounded_counter(name).try_decrement(edit, by)?)),
        (op::BOUNDED_TRANSFER, Transfer(to, amount)) => {
            Written::one(Some(store.bounded_counter(name).transfer(edit, &to, amount)?))
        }
        (op::BOUNDED_ANNOUNCE, None) => Written::one(store.bounded_counter(name).announce(edit)),
        // What these write is the same under all policies.
        (op::RECORD_CLEAR, None) => Written::one(store.record(name).delete(edit)),
        (op::RECORD_ERASE, None) => Written::one(store.record(name).erase(edit)),
        (op::RECORD_PURGE, None) => Written::one(store.record(name).purge(edit)),
        (op::REMOVE, None) => Written::one(store.remove(edit, name)),
        _ => return Err(Failure::ARGUMENT),
    })
}
