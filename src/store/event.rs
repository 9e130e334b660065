use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::key::{InnerKey, StoreKey, ValueKind};
use super::store::Fields;
use super::value::Value;
use crate::causality::{Dot, Timestamp};
use crate::kernel::{DotStore, Kind, payload};
use crate::types::{
    AddWins, Claiming, Count, Counting, EnableWins, Entry, Escrow, FieldEvent, LastWriteWins, Latest, LedgerEvent,
    MultiValue, Plain, Recording, Stamped, Statement, Transfer, tag,
};

/// The body of a [`Store`](crate::Store), for values made of values.
pub type StoreBody = DotStore<ByName>;

/// The kind of a [`Store`](crate::Store): values of several types under their names.
#[derive(Debug)]
pub enum ByName {}

/// What an event of a store says: what an event of the type of the value would.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[doc(hidden)]
#[serde(rename_all = "lowercase")]
pub enum StoreEvent {
    /// Of a set or a flag: it is there.
    There,
    /// Of a counter.
    Count(Count),
    /// Of a register or a map.
    Stamped(Stamped<Value>),
    /// Of a multi-value register.
    Plain(Plain<Value>),
    /// Of a record.
    Field(Box<FieldEvent<Value>>),
    /// Of a bounded counter.
    Entry(Entry),
    /// Of a ledger.
    Recorded(Box<LedgerEvent<Transfer>>),
    /// Of claims.
    Said(Statement),
}
payload!(StoreEvent);

impl Kind for ByName {
    type Key = StoreKey;
    type Value = StoreEvent;
    type Policy = ();
    const TAG: u8 = tag::STORE;
    const NAME: &'static str = "Store";

    fn admits(writer: u32, key: &StoreKey, event: Option<&StoreEvent>) -> bool {
        fn admits<S: NamedKind>(writer: u32, key: &InnerKey, event: Option<&StoreEvent>) -> bool {
            let value = event.and_then(S::value);
            value.is_some() == event.is_some() && S::key(key).is_some_and(|key| S::admits(writer, key, value))
        }
        match key.kind() {
            ValueKind::Counter => admits::<Counting>(writer, &key.inner, event),
            ValueKind::Register => admits::<Latest<Value>>(writer, &key.inner, event),
            ValueKind::MultiRegister => admits::<MultiValue<Value>>(writer, &key.inner, event),
            ValueKind::Flag => admits::<EnableWins>(writer, &key.inner, event),
            ValueKind::Set => admits::<AddWins<Value>>(writer, &key.inner, event),
            ValueKind::Map => admits::<TextMap>(writer, &key.inner, event),
            ValueKind::Record => admits::<Fields>(writer, &key.inner, event),
            ValueKind::BoundedCounter => admits::<Escrow>(writer, &key.inner, event),
            ValueKind::Ledger => admits::<Transfers>(writer, &key.inner, event),
            ValueKind::Claims => admits::<TextClaims>(writer, &key.inner, event),
        }
    }

    const RESTAMP: Option<fn(&mut StoreEvent, Timestamp)> = Some(|event, at| match event {
        StoreEvent::Stamped(stamped) => stamped.restamp(at),
        StoreEvent::Field(field) => field.restamp(at),
        _ => {}
    });

    fn stamp_of(event: &StoreEvent) -> Option<Timestamp> {
        match event {
            StoreEvent::Stamped(stamped) => Some(stamped.at),
            StoreEvent::Field(field) => Fields::stamp_of(field),
            _ => None,
        }
    }

    fn rename(event: &mut StoreEvent, name: &dyn Fn(Dot) -> Dot) {
        if let StoreEvent::Field(field) = event {
            Fields::rename(field, name);
        }
    }

    fn divide(all: &[&StoreEvent], shared: &[&StoreEvent]) -> Option<(StoreEvent, StoreEvent)> {
        fn divide<S: NamedKind>(all: &[&StoreEvent], shared: &[&StoreEvent]) -> Option<(StoreEvent, StoreEvent)> {
            let [all, shared] = [all, shared].map(|events| events.iter().filter_map(|event| S::value(event)));
            let (first, rest) = S::divide(&all.collect::<Vec<_>>(), &shared.collect::<Vec<_>>())?;
            Some((S::stored(first), S::stored(rest)))
        }
        match all.first()? {
            StoreEvent::Entry(_) => divide::<Escrow>(all, shared),
            _ => divide::<Counting>(all, shared),
        }
    }

    fn serialize_value<Z: Serializer>(event: &StoreEvent, serializer: Z) -> Result<Z::Ok, Z::Error> {
        match event {
            StoreEvent::There => ().serialize(serializer),
            StoreEvent::Count(count) => count.serialize(serializer),
            StoreEvent::Stamped(stamped) => stamped.serialize(serializer),
            StoreEvent::Plain(plain) => plain.serialize(serializer),
            StoreEvent::Field(field) => field.serialize(serializer),
            StoreEvent::Entry(entry) => entry.serialize(serializer),
            StoreEvent::Recorded(event) => event.serialize(serializer),
            StoreEvent::Said(statement) => statement.serialize(serializer),
        }
    }

    fn deserialize_value<'de, D: Deserializer<'de>>(key: &StoreKey, deserializer: D) -> Result<StoreEvent, D::Error> {
        Ok(match key.kind() {
            ValueKind::Set | ValueKind::Flag => {
                <()>::deserialize(deserializer)?;
                StoreEvent::There
            }
            ValueKind::Counter => StoreEvent::Count(Deserialize::deserialize(deserializer)?),
            ValueKind::Register | ValueKind::Map => StoreEvent::Stamped(Deserialize::deserialize(deserializer)?),
            ValueKind::MultiRegister => StoreEvent::Plain(Deserialize::deserialize(deserializer)?),
            ValueKind::Record => StoreEvent::Field(Deserialize::deserialize(deserializer)?),
            ValueKind::BoundedCounter => StoreEvent::Entry(Deserialize::deserialize(deserializer)?),
            ValueKind::Ledger => StoreEvent::Recorded(Deserialize::deserialize(deserializer)?),
            ValueKind::Claims => StoreEvent::Said(Deserialize::deserialize(deserializer)?),
        })
    }
}

/// The kind of a map in a store.
pub(super) type TextMap = LastWriteWins<Arc<str>, Value>;
/// The kind of a ledger in a store.
pub(super) type Transfers = Recording<Transfer>;
/// The kind of claims in a store.
pub(super) type TextClaims = Claiming<Arc<str>>;

/// A type that a name of a store can have, and how its keys and values are kept there.
#[doc(hidden)]
pub trait NamedKind: Kind<Key: core::hash::Hash> {
    /// Which type.
    const KIND: ValueKind;

    /// Puts a key beside the name.
    #[doc(hidden)]
    fn stored_key(key: Self::Key) -> InnerKey;

    /// The key beside the name.
    #[doc(hidden)]
    fn key(key: &InnerKey) -> Option<&Self::Key>;

    /// What is stored.
    #[doc(hidden)]
    fn stored(value: Self::Value) -> StoreEvent;

    /// What was stored.
    #[doc(hidden)]
    fn value(event: &StoreEvent) -> Option<&Self::Value>;
}

macro_rules! named {
    ($(impl[$($generics:tt)*] $kind:ty: $name:ident, $event:ident $(($value:tt))?;)+) => { $(
        impl<$($generics)*> NamedKind for $kind {
            const KIND: ValueKind = ValueKind::$name;

            fn stored_key(key: Self::Key) -> InnerKey {
                InnerKey::$name(key.into())
            }

            #[inline]
            fn key(key: &InnerKey) -> Option<&Self::Key> {
                if let InnerKey::$name(key) = key { Some(key) } else { None }
            }

            named!(@ $event $(($value))?);
        }
    )+ };
    (@ There) => {
        fn stored((): ()) -> StoreEvent {
            StoreEvent::There
        }

        #[inline]
        fn value(event: &StoreEvent) -> Option<&()> {
            matches!(event, StoreEvent::There).then_some(&())
        }
    };
    (@ $event:ident (_)) => {
        fn stored(value: Self::Value) -> StoreEvent {
            StoreEvent::$event(value.into())
        }

        #[inline]
        fn value(event: &StoreEvent) -> Option<&Self::Value> {
            if let StoreEvent::$event(value) = event { Some(value) } else { None }
        }
    };
}

named! {
    impl[] Counting: Counter, Count(_);
    impl[] Latest<Value>: Register, Stamped(_);
    impl[] MultiValue<Value>: MultiRegister, Plain(_);
    impl[] EnableWins: Flag, There;
    impl[] AddWins<Value>: Set, There;
    impl[] TextMap: Map, Stamped(_);
    impl[] Fields: Record, Field(_);
    impl[] Escrow: BoundedCounter, Entry(_);
    impl[] Transfers: Ledger, Recorded(_);
    impl[] TextClaims: Claims, Said(_);
}
