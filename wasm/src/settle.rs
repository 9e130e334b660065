//! Conflicts are settled.

use alloc::sync::Arc;
use alloc::vec::Vec;

use dotted::{
    Ask, ByName, Conflict, DeleteWins, Dot, Edit, Mut, Named, RecordKey, Resolver, Settled, Store, StoreKey,
    UpdateWins, Value, ValueKind, Version,
};
use uuid::Uuid;

use crate::document::Document;
use crate::failure::Failure;
use crate::names::settle as op;
use crate::read::{conflict, kind_of, put_version};
use crate::wire::{In, Out};

/// Who decides.
enum How {
    Latest,
    Earliest,
    Priority(Vec<Uuid>),
    /// Somebody on the other side, who was asked before: by the versions that were in question, in the order of their
    /// dots. Where there are others by now it stays open.
    Answers(Vec<(Vec<Dot>, Value)>),
}

impl How {
    fn read(input: &mut In<'_>) -> Result<Self, Failure> {
        Ok(match input.number()? {
            0 => Self::Latest,
            1 => Self::Earliest,
            2 => Self::Priority(input.list(In::uuid)?),
            _ => {
                let mut answers = input.list(|input| Ok((input.list(In::dot)?, input.value()?)))?;
                answers.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
                Self::Answers(answers)
            }
        })
    }

    fn answer(&self, versions: &[Version<&Value>]) -> Option<Value> {
        let Self::Answers(answers) = self else { return None };
        let dots = || versions.iter().map(|version| &version.dot);
        let found = answers.binary_search_by(|(listed, _)| listed.iter().cmp(dots()));
        found.ok().map(|at| answers[at].1.clone())
    }
}

/// Settles conflicts. What was settled, one after the other: the conflict, and what took the place of its versions.
pub fn settle(document: &mut Document, op: u8, mut input: In<'_>) -> Result<Vec<u8>, Failure> {
    let target = match op {
        op::ALL => None,
        op::ONE | op::RESTORE => {
            Some((Named { name: input.text()?.into(), kind: kind_of(input.number()?)? }, input.number()?))
        }
        _ => return Err(Failure::ARGUMENT),
    };
    let how = if op == op::RESTORE { None } else { Some(How::read(&mut input)?) };
    let mut out = Out::default();
    let last = document.holder.update(|live, writer| {
        live.edit(writer, |store, edit| run(store, edit, target.as_ref(), how.as_ref(), &mut out))
    })?;
    document.last = last.or(document.last);
    Ok(out.finish())
}

/// Without a target, everything; without a way to decide, deletions are undone. Returns the last event.
#[inline(never)]
fn run<'e>(
    mut store: Mut<'e, ByName>,
    edit: &mut Edit<'e>,
    target: Option<&(Named, u64)>,
    how: Option<&How>,
    out: &mut Out,
) -> Result<Option<Dot>, Failure> {
    let answer = |versions: &[Version<&Value>]| how?.answer(versions);
    let resolver = how.map(|how| match how {
        How::Latest => Resolver::Latest,
        How::Earliest => Resolver::Earliest,
        How::Priority(writers) => Resolver::Priority(writers),
        How::Answers(_) => Resolver::Custom(&answer),
    });
    let Some((named, policy)) = target else {
        let resolver = resolver.ok_or(Failure::ARGUMENT)?;
        return Ok(put(out, store.resolve_all(edit, resolver)?, |key| (key.named(), key.key())));
    };
    let name = &*named.name;
    let nothing = |(): &()| (named.clone(), None);
    let text = |key: &Arc<str>| (named.clone(), Some(Value::Text(key.clone())));
    let field = |key: &RecordKey| (named.clone(), Some(key.field().map_or(Value::Null, Value::from)));
    Ok(match (named.kind, resolver) {
        (ValueKind::Register, Some(by)) => put(out, store.register(name).resolve_by(edit, by)?, nothing),
        (ValueKind::MultiRegister, Some(by)) => put(out, store.multi_register(name).resolve_by(edit, by)?, nothing),
        (ValueKind::Map, Some(by)) => put(out, store.map(name).resolve_all(edit, by)?, text),
        (ValueKind::Record, Some(by)) => {
            let settled = match policy {
                0 => store.record_with::<UpdateWins>(name).resolve_all(edit, by)?,
                1 => store.record_with::<DeleteWins>(name).resolve_all(edit, by)?,
                _ => store.record_with::<Ask>(name).resolve_all(edit, by)?,
            };
            put(out, settled, field)
        }
        // What this writes is the same under all policies.
        (ValueKind::Record, None) => put(out, store.record(name).restore(edit), field),
        _ => return Err(Failure::ARGUMENT),
    })
}

fn put<K>(
    out: &mut Out,
    settled: impl IntoIterator<Item = Settled<K, Value>>,
    key: impl Fn(&K) -> (Named, Option<Value>),
) -> Option<Dot> {
    let mut last = None;
    for Settled { conflict: Conflict { key: of, kind, versions }, by } in settled {
        let (named, key) = key(&of);
        conflict(&named, key, kind, &versions, out);
        put_version(&by, out);
        last = Some(by.dot);
    }
    last
}

/// The key of a conflict, as long as it is the one that was listed.
pub fn listed(store: &Store, name: &str, input: &mut In<'_>) -> Result<StoreKey, Failure> {
    let kind = kind_of(input.number()?)?;
    let key = StoreKey::new(Named { name: name.into(), kind }, input.option(In::value)?).ok_or(Failure::ARGUMENT)?;
    let dots = input.list(In::dot)?;
    let conflict = store.conflict(&key);
    let is_same = conflict.is_some_and(|now| now.versions.iter().map(|version| version.dot).eq(dots));
    if is_same { Ok(key) } else { Err(Failure::new("outdated", "the conflict is not as it was listed: list it again")) }
}

/// The field of a record.
pub fn field(key: &StoreKey) -> Option<Arc<str>> {
    match (key.kind(), key.key()) {
        (ValueKind::Record, Some(Value::Text(field))) => Some(field),
        _ => None,
    }
}
