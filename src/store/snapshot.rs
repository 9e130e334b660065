use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use uuid::Uuid;

use super::event::ByName;
use super::key::{Named, ValueKind};
use super::value::Value;
use crate::kernel::View;
use crate::types::Balances;

/// What a value showed at some time. It never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Snapshot {
    /// The count.
    Counter(i128),
    /// The last value, if there is one.
    Register(Option<Value>),
    /// All concurrent values, in the order of their dots.
    MultiRegister(Vec<Value>),
    /// Whether it is on.
    Flag(bool),
    /// The elements, in the order of their dots.
    Set(Vec<Value>),
    /// The last value of each key.
    Map(BTreeMap<Arc<str>, Value>),
    /// What each field shows.
    Record(BTreeMap<Arc<str>, Value>),
    /// The count. It is below zero only if an id was forked.
    BoundedCounter(i128),
    /// What the transfers add up to.
    Ledger(Balances),
    /// The claims that stand: what is claimed, by which member, and in which round. In the order of the dots.
    Claims(Vec<(Arc<str>, Uuid, u64)>),
}

impl Snapshot {
    pub(super) fn of(store: View<'_, ByName>, named: &Named) -> Self {
        let name = &*named.name;
        match named.kind {
            ValueKind::Counter => Self::Counter(store.counter(name).value()),
            ValueKind::BoundedCounter => Self::BoundedCounter(store.bounded_counter(name).value()),
            ValueKind::Ledger => Self::Ledger(store.ledger(name).total()),
            ValueKind::Claims => {
                let standing = store.claims(name).standing().into_iter();
                Self::Claims(standing.map(|(resource, member, round)| (resource.clone(), member, round)).collect())
            }
            ValueKind::Register => Self::Register(store.register(name).get().cloned()),
            ValueKind::MultiRegister => Self::MultiRegister(store.multi_register(name).values().cloned().collect()),
            ValueKind::Flag => Self::Flag(store.flag(name).is_enabled()),
            ValueKind::Set => Self::Set(store.set(name).iter().cloned().collect()),
            ValueKind::Map => {
                let entries = store.map(name).iter().map(|(key, value)| (key.clone(), value.clone()));
                Self::Map(entries.collect())
            }
            ValueKind::Record => {
                let fields = store.record(name).iter().map(|(field, value)| (field.into(), value.clone()));
                Self::Record(fields.collect())
            }
        }
    }
}
