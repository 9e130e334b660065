//! Writes that answer: conflicts are settled, requests recorded.

use alloc::sync::Arc;
use alloc::vec::Vec;

use dotted::{
    ByName, Conflict, Deletes, Dot, Edit, Mut, Named, Resolver, Settled, Store, StoreKey, Value, ValueKind, Version,
};
use uuid::Uuid;

use crate::document::Document;
use crate::facts;
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

/// Settles conflicts, or records requests. What was settled, one after the other: the conflict, and what took the place of its versions.
pub fn settle(document: &mut Document, op: u8, mut input: In<'_>) -> Result<Vec<u8>, Failure> {
    let target = match op {
        op::RECORD => return record(document, input),
        op::ALL => None,
        op::ONE | op::RESTORE => {
            Some((Named { name: input.text()?.into(), kind: kind_of(input.number()?)? }, input.deletes()?))
        }
        _ => return Err(Failure::ARGUMENT),
    };
    let how = if op == op::RESTORE { None } else { Some(How::read(&mut input)?) };
    let mut out = Out::default();
    document.edit(|store, edit| run(store, edit, target.as_ref(), how.as_ref(), &mut out))?;
    Ok(out.finish())
}

/// Records requests in a ledger: see [`facts::record`].
fn record(document: &mut Document, mut input: In<'_>) -> Result<Vec<u8>, Failure> {
    let name = input.text()?;
    let requests = input.all(|input| Ok((facts::request(input)?, facts::transfer(input)?)))?;
    let mut out = Out::default();
    document.edit(|mut store, edit| {
        facts::record(&mut store, edit, name, requests, &mut out);
        Ok(())
    })?;
    Ok(out.finish())
}

/// Without a target, everything; without a way to decide, deletions are undone.
#[inline(never)]
fn run<'e>(
    mut store: Mut<'e, ByName>,
    edit: &mut Edit<'e>,
    target: Option<&(Named, Deletes)>,
    how: Option<&How>,
    out: &mut Out,
) -> Result<(), Failure> {
    let answer = |versions: &[Version<&Value>]| how?.answer(versions);
    let resolver = how.map(|how| match how {
        How::Latest => Resolver::Latest,
        How::Earliest => Resolver::Earliest,
        How::Priority(writers) => Resolver::Priority(writers),
        How::Answers(_) => Resolver::Custom(&answer),
    });
    let Some(by) = resolver else {
        let (named, _) = target.filter(|(named, _)| named.kind == ValueKind::Record).ok_or(Failure::ARGUMENT)?;
        // What this writes is the same under all policies.
        let settled = store.record(&named.name).restore(edit);
        for Settled { conflict, by } in &settled {
            put(named, Some(conflict.key.field().map_or(Value::Null, Value::from)), conflict, by, out);
        }
        return Ok(());
    };
    let settled = match target {
        None => store.resolve_all(edit, by)?,
        Some((named, deletes)) if has_conflicts(named.kind) => store.resolve_all_of(edit, named, *deletes, by)?,
        Some(_) => return Err(Failure::ARGUMENT),
    };
    for Settled { conflict, by } in &settled {
        put(&conflict.key.named(), conflict.key.key(), conflict, by, out);
    }
    Ok(())
}

/// Whether concurrent writes to values of this type can differ.
fn has_conflicts(kind: ValueKind) -> bool {
    matches!(kind, ValueKind::Register | ValueKind::MultiRegister | ValueKind::Map | ValueKind::Record)
}

fn put<K>(named: &Named, key: Option<Value>, was: &Conflict<K, Value>, by: &Version<Value>, out: &mut Out) {
    conflict(named, key, was.kind, &was.versions, out);
    put_version(by, out);
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
