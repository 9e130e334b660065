use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::hash::{BuildHasher, Hash};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::index::NameIndex;
use super::value::Value;
use crate::kernel::{Hashed, Key, KeyForm, KeySort, OwnedForm, Slots, WriterKey, WriterPair};
use crate::types::{ClaimKey, LedgerKey, RecordKey, RequestId};

/// The types of the values in a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ValueKind {
    /// A [`PnCounter`](crate::PnCounter).
    Counter,
    /// An [`LwwRegister`](crate::LwwRegister).
    Register,
    /// An [`MvRegister`](crate::MvRegister).
    MultiRegister,
    /// An [`EwFlag`](crate::EwFlag).
    Flag,
    /// An [`OrSet`](crate::OrSet).
    Set,
    /// An [`LwwMap`](crate::LwwMap) from texts.
    Map,
    /// A [`VersionedRecord`](crate::VersionedRecord).
    Record,
    /// A [`BoundedCounter`](crate::BoundedCounter).
    BoundedCounter,
    /// A [`Ledger`](crate::Ledger) of transfers.
    Ledger,
    /// [`Claims`](crate::Claims) on what has a text for a name.
    Claims,
}

impl fmt::Display for ValueKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counter => "counter",
            Self::Register => "register",
            Self::MultiRegister => "multi-value register",
            Self::Flag => "flag",
            Self::Set => "set",
            Self::Map => "map",
            Self::Record => "record",
            Self::BoundedCounter => "bounded counter",
            Self::Ledger => "ledger",
            Self::Claims => "claims",
        })
    }
}

/// The name of a value in a store. One name with two types is two values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Named {
    /// The name.
    pub name: Arc<str>,
    /// The type.
    pub kind: ValueKind,
}

/// What an event of a store is about: a name, its type, and a key within the value.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreKey {
    pub(super) name: Arc<str>,
    pub(super) inner: InnerKey,
}

/// A key within a value. Which type the value has follows from it.
#[derive(Clone, PartialEq, Eq)]
#[doc(hidden)]
pub enum InnerKey {
    Counter(WriterKey),
    Register(()),
    MultiRegister(()),
    Flag(()),
    Set(Hashed<Value>),
    Map(Hashed<Arc<str>>),
    Record(Hashed<RecordKey>),
    BoundedCounter(WriterPair),
    // Boxed, so that the others stay small.
    Ledger(Box<Hashed<LedgerKey>>),
    Claims(Box<Hashed<ClaimKey<Arc<str>>>>),
}

impl InnerKey {
    pub(super) fn kind(&self) -> ValueKind {
        match self {
            Self::Counter(_) => ValueKind::Counter,
            Self::Register(()) => ValueKind::Register,
            Self::MultiRegister(()) => ValueKind::MultiRegister,
            Self::Flag(()) => ValueKind::Flag,
            Self::Set(_) => ValueKind::Set,
            Self::Map(_) => ValueKind::Map,
            Self::Record(_) => ValueKind::Record,
            Self::BoundedCounter(_) => ValueKind::BoundedCounter,
            Self::Ledger(_) => ValueKind::Ledger,
            Self::Claims(_) => ValueKind::Claims,
        }
    }

    /// As the key within the value hashes.
    #[inline]
    pub(super) fn hash_with(&self, hasher: &impl BuildHasher) -> u64 {
        match self {
            Self::Counter(key) => hasher.hash_one(key),
            Self::Register(()) | Self::MultiRegister(()) | Self::Flag(()) => hasher.hash_one(()),
            Self::Set(key) => hasher.hash_one(key),
            Self::Map(key) => hasher.hash_one(key),
            Self::Record(key) => hasher.hash_one(key),
            Self::BoundedCounter(key) => hasher.hash_one(key),
            Self::Ledger(key) => hasher.hash_one(key),
            Self::Claims(key) => hasher.hash_one(key),
        }
    }
}

impl StoreKey {
    /// The name of the value.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type of the value.
    #[must_use]
    pub fn kind(&self) -> ValueKind {
        self.inner.kind()
    }

    /// Name and type.
    #[must_use]
    pub fn named(&self) -> Named {
        Named { name: self.name.clone(), kind: self.kind() }
    }

    /// The element of a set, the key of a map, or the field of a record, which is null for the record
    /// as a whole; bytes for what a ledger and claims keep ([`request`](StoreKey::request),
    /// [`claim`](StoreKey::claim)). Other types have none.
    #[must_use]
    pub fn key(&self) -> Option<Value> {
        match &self.inner {
            InnerKey::Set(Hashed(value)) => Some(value.clone()),
            InnerKey::Map(Hashed(key)) => Some(Value::Text(key.clone())),
            InnerKey::Record(Hashed(RecordKey::Record)) => Some(Value::Null),
            InnerKey::Record(Hashed(RecordKey::Field(field))) => Some(Value::Text(field.clone())),
            InnerKey::Ledger(key) => Some(Value::bytes(key.0.to_bytes())),
            InnerKey::Claims(key) => Some(Value::bytes(key.0.to_bytes())),
            InnerKey::Counter(_) | InnerKey::BoundedCounter(_) => None,
            InnerKey::Register(()) | InnerKey::MultiRegister(()) | InnerKey::Flag(()) => None,
        }
    }
}

impl StoreKey {
    /// The request, if this is one of a ledger. What many old ones were folded to has no id of its own.
    #[must_use]
    pub fn request(&self) -> Option<RequestId> {
        match &self.inner {
            InnerKey::Ledger(key) => match key.0 {
                LedgerKey::Request(id) => Some(id),
                LedgerKey::Block(..) => None,
            },
            _ => None,
        }
    }

    /// What is claimed, and the member that says something of it, if this is about a claim.
    #[must_use]
    pub fn claim(&self) -> Option<(&str, Uuid)> {
        if let InnerKey::Claims(key) = &self.inner { Some((key.0.resource(), key.0.member())) } else { None }
    }
}

impl fmt::Debug for StoreKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.kind(), self.name())?;
        match self.key() {
            Some(key) => write!(f, " at {key:?}"),
            None => Ok(()),
        }
    }
}

impl Key for StoreKey {
    type Lookup = NameIndex;
    type Shown = Self;
    type Content = Value;
    type Name = Named;
    const NAMED: bool = true;
    const NAMES_WRITERS: bool = true;

    fn shown(&self) -> &Self {
        self
    }

    fn translate(&mut self, slots: &Slots<'_>) {
        match &mut self.inner {
            InnerKey::Counter(writer) => writer.translate(slots),
            InnerKey::BoundedCounter(pair) => pair.translate(slots),
            _ => {}
        }
    }

    fn writer(&self) -> Option<u32> {
        match &self.inner {
            InnerKey::Counter(writer) => writer.writer(),
            InnerKey::BoundedCounter(pair) => pair.writer(),
            _ => None,
        }
    }

    fn partner(&self) -> Option<u32> {
        match &self.inner {
            InnerKey::BoundedCounter(pair) => pair.partner(),
            _ => None,
        }
    }

    fn name(&self) -> Option<Named> {
        Some(self.named())
    }

    fn title(&self) -> Option<Arc<str>> {
        Some(self.name.clone())
    }

    fn sort(name: Option<&Named>) -> KeySort {
        match name.map(|name| name.kind) {
            Some(ValueKind::Counter) => KeySort::Writer,
            Some(ValueKind::BoundedCounter) => KeySort::Writers,
            Some(ValueKind::Set | ValueKind::Map | ValueKind::Record | ValueKind::Ledger | ValueKind::Claims) => {
                KeySort::Content
            }
            Some(ValueKind::Register | ValueKind::MultiRegister | ValueKind::Flag) | None => KeySort::Nothing,
        }
    }

    fn form(&self) -> KeyForm<'_, Self> {
        match &self.inner {
            InnerKey::Counter(writer) => KeyForm::Writer(writer.0),
            InnerKey::BoundedCounter(pair) => KeyForm::Writers(pair.from, pair.to),
            InnerKey::Set(Hashed(value)) => KeyForm::Content(Cow::Borrowed(value)),
            _ => self.key().map_or(KeyForm::Nothing, |key| KeyForm::Content(Cow::Owned(key))),
        }
    }

    fn from_form(name: Option<Named>, form: OwnedForm<Self>) -> Option<Self> {
        let Named { name, kind } = name?;
        let inner = match (kind, form) {
            (ValueKind::Counter, OwnedForm::Writer(slot)) => InnerKey::Counter(WriterKey(slot)),
            (ValueKind::BoundedCounter, OwnedForm::Writers(from, to)) => {
                InnerKey::BoundedCounter(WriterPair { from, to })
            }
            (ValueKind::Register, OwnedForm::Nothing) => InnerKey::Register(()),
            (ValueKind::MultiRegister, OwnedForm::Nothing) => InnerKey::MultiRegister(()),
            (ValueKind::Flag, OwnedForm::Nothing) => InnerKey::Flag(()),
            (ValueKind::Set, OwnedForm::Content(value)) => InnerKey::Set(Hashed(value)),
            (ValueKind::Map, OwnedForm::Content(Value::Text(key))) => InnerKey::Map(Hashed(key)),
            (ValueKind::Record, OwnedForm::Content(Value::Null)) => InnerKey::Record(Hashed(RecordKey::Record)),
            (ValueKind::Record, OwnedForm::Content(Value::Text(field))) => {
                InnerKey::Record(Hashed(RecordKey::Field(field)))
            }
            (ValueKind::Ledger, OwnedForm::Content(Value::Bytes(key))) => {
                InnerKey::Ledger(Box::new(Hashed(LedgerKey::from_bytes(&key)?)))
            }
            (ValueKind::Claims, OwnedForm::Content(Value::Bytes(key))) => {
                InnerKey::Claims(Box::new(Hashed(ClaimKey::from_bytes(&key)?)))
            }
            _ => return None,
        };
        Some(Self { name, inner })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// There is one for every element of every value.
    #[test]
    fn a_key_is_a_name_and_a_value() {
        assert_eq!(size_of::<StoreKey>(), size_of::<Arc<str>>() + size_of::<Value>());
    }
}
