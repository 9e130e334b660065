//! The columns of a dot store: dots, flags, keys, values.

use alloc::vec::Vec;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::runs::Runs;
use super::value::{Names, Sizes, Written, check_event, name_key, put_value, take_event, take_name, take_value};
use super::wire::{Reader, put_varint};
use super::{DecodeError, Largest, LatestStamp, Limits};
use crate::causality::{MAX_COUNTER, PackedDot, ReplicaId, VersionVector};
use crate::kernel::{DotStore, Effect, Fragment, Key, KeyForm, KeySort, Kind, Numbers, OwnedForm, Since, StoreDelta};
use crate::serial::Unreadable;

/// A fragment that can be written down: every one. Generic code names it to encode values, deltas and
/// operations. Implemented by this crate only.
pub trait FragmentCodec: Fragment {
    /// The rows of readable formats.
    #[doc(hidden)]
    type Rows: Serialize + DeserializeOwned;

    /// Appends the tags of the types inside.
    #[doc(hidden)]
    fn shape(out: &mut Vec<u8>);

    /// Writes what is stored and not known.
    #[doc(hidden)]
    fn encode_since(&self, since: &Since<'_>, which: Which, ranks: &Ranks, out: &mut Vec<u8>);

    /// Reads back what is stored and not known, in its bytes.
    #[doc(hidden)]
    fn check_since(&self, since: &Since<'_>) -> Result<(), Unreadable>;

    /// Finds the largest value that is stored and not known.
    #[doc(hidden)]
    fn largest_since(&self, since: &Since<'_>, largest: &mut Option<Largest>);

    /// Finds the latest stamp in a delta that has seen `upto`.
    #[doc(hidden)]
    fn latest(delta: &Self::Delta, upto: &VersionVector, latest: &mut Option<LatestStamp>);

    /// Writes a delta down.
    #[doc(hidden)]
    fn encode_delta(delta: &Self::Delta, ranks: &Ranks, out: &mut Vec<u8>);

    /// Reads a delta back, checked in every respect. Its slots are the ranks of `header`.
    #[doc(hidden)]
    fn decode_delta(input: &mut Input<'_, '_>, header: &Header<'_>) -> Result<Self::Delta, DecodeError>;

    /// The stored events as rows.
    #[doc(hidden)]
    fn rows(&self, version: &VersionVector, ranks: &Ranks) -> Self::Rows;

    /// Reads rows back, checked in every respect.
    #[doc(hidden)]
    fn from_rows(rows: Self::Rows, header: &Header<'_>) -> Result<Self::Delta, DecodeError>;
}

/// Which events are written.
#[doc(hidden)]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// All that are stored.
    Stored,
    /// Only what replicas agree on.
    Live,
}

/// The writers that are written, in the order of their ids.
#[doc(hidden)]
pub struct Ranks {
    /// The slots in this order.
    pub(crate) slots: Vec<u32>,
    /// By slot, the place in this order.
    pub(crate) of: Vec<u32>,
}

impl Ranks {
    /// Ranks the slots for which `written` holds.
    pub(crate) fn new(version: &VersionVector, written: impl Fn(u32) -> bool) -> Self {
        let slots: Vec<u32> = version.slots_by_id().iter().copied().filter(|&slot| written(slot)).collect();
        let mut of = alloc::vec![u32::MAX; version.slots()];
        for (rank, &slot) in (0..).zip(&slots) {
            of[slot as usize] = rank;
        }
        Self { slots, of }
    }

    fn translate(&self, dot: PackedDot) -> PackedDot {
        PackedDot::new(self.of[dot.slot() as usize], dot.counter())
    }
}

/// Bytes to read, within limits.
#[doc(hidden)]
pub struct Input<'r, 'b> {
    pub(crate) reader: &'r mut Reader<'b>,
    pub(crate) limits: &'r Limits,
    /// How many events may still come, over all parts.
    pub(crate) events: usize,
}

/// What the rest of a delta refers to: writers by rank, and what each may be seen up to.
#[doc(hidden)]
pub struct Header<'a> {
    pub(crate) upto: &'a VersionVector,
    /// What is known of each writer, by rank.
    pub(crate) known: &'a dyn Fn(u32) -> u64,
}

/// One event on its way out.
struct Item<'a, V> {
    dot: PackedDot,
    key: u32,
    effect: Effect<&'a V>,
}

/// Events by key, borrowed from wherever they are.
struct Table<'a, S: Kind> {
    keys: Vec<&'a S::Key>,
    items: Vec<Item<'a, S::Value>>,
}

impl<'a, S: Kind> Table<'a, S> {
    fn of_delta(delta: &'a StoreDelta<S>, ranks: &Ranks) -> Self {
        let keys = delta.keys.iter().map(|(key, _)| key).collect();
        let owners = delta.keys.iter().enumerate();
        let owners = owners.flat_map(|(key, &(_, count))| core::iter::repeat_n(key as u32, count as usize));
        let items = delta.events.iter().zip(owners).map(|((dot, effect), key)| Item {
            dot: ranks.translate(*dot),
            key,
            effect: match effect {
                Effect::Live(value) => Effect::Live(value),
                Effect::Removed => Effect::Removed,
                Effect::Known => Effect::Known,
            },
        });
        Self { keys, items: items.collect() }.sorted()
    }

    fn of_store(store: &'a DotStore<S>, since: &Since<'_>, which: Which, ranks: &Ranks) -> Self {
        let mut table = Self { keys: Vec::new(), items: Vec::new() };
        store.visit_new(since, &mut |slot| {
            let key = table.keys.len() as u32;
            for (dot, value) in store.events_at(slot).iter() {
                let effect = match value {
                    None if which == Which::Live => continue,
                    _ if since.knows(dot) => Effect::Known,
                    Some(value) => Effect::Live(value),
                    None => Effect::Removed,
                };
                table.items.push(Item { dot: ranks.translate(dot), key, effect });
            }
            table.keys.push(store.key_at(slot));
        });
        table.sorted()
    }

    fn sorted(mut self) -> Self {
        // Mostly in order already.
        if !self.items.is_sorted_by_key(|item| item.dot) {
            self.items.sort_unstable_by_key(|item| item.dot);
        }
        self
    }

    /// By item, whether its key appears for the first time, or else its number among the keys.
    fn references(&self) -> impl Iterator<Item = (&Item<'a, S::Value>, Option<u32>)> {
        let mut numbers = alloc::vec![u32::MAX; self.keys.len()];
        let mut next = 0;
        self.items.iter().map(move |item| {
            let number = &mut numbers[item.key as usize];
            if *number == u32::MAX {
                *number = next;
                next += 1;
                (item, None)
            } else {
                (item, Some(*number))
            }
        })
    }

    fn encode(&self, ranks: &Ranks, out: &mut Vec<u8>) {
        let mut writers = Runs::default();
        let mut counters: Vec<Runs> = Vec::new();
        let (mut removed, mut known, mut siblings) = (Runs::default(), Runs::default(), Runs::default());
        let mut last = None;
        for (at, (item, earlier)) in (0..).zip(self.references()) {
            if last != Some(item.dot.slot()) {
                last = Some(item.dot.slot());
                writers.push(u64::from(item.dot.slot()));
                counters.push(Runs::default());
            }
            if let Some(counters) = counters.last_mut() {
                counters.push(item.dot.counter());
            }
            match item.effect {
                Effect::Live(_) => {}
                Effect::Removed => removed.push(at),
                Effect::Known => known.push(at),
            }
            if earlier.is_some() {
                siblings.push(at);
            }
        }
        writers.encode(0, out);
        counters.iter().for_each(|counters| counters.encode(1, out));
        removed.encode(0, out);
        known.encode(0, out);
        siblings.encode(0, out);
        let mut names = Names::default();
        for (item, earlier) in self.references() {
            let key = self.keys[item.key as usize];
            if let (None, Some(name)) = (earlier, key.name()) {
                let (number, first) = names.number(&name);
                put_varint(out, number);
                if first {
                    put_value(out, &name);
                }
            }
            match (earlier, key.form()) {
                (Some(earlier), _) => put_varint(out, u64::from(earlier)),
                (None, KeyForm::Nothing) => {}
                (None, KeyForm::Writer(slot)) => put_varint(out, u64::from(ranks.of[slot as usize])),
                (None, KeyForm::Writers(from, to)) => {
                    [from, to].iter().for_each(|&slot| put_varint(out, u64::from(ranks.of[slot as usize])));
                }
                (None, KeyForm::Content(content)) => put_value(out, &*content),
            }
        }
        for item in &self.items {
            if let Effect::Live(value) = item.effect {
                put_value(out, &Written::<S>(value));
            }
        }
    }
}

/// Collects checked events into a delta by key.
struct Builder<'h, S: Kind> {
    header: &'h Header<'h>,
    keys: Numbers<S::Key>,
    /// Key number and event.
    events: Vec<(u32, PackedDot, Effect<S::Value>)>,
    /// By key, whether one of its events is new.
    new: Vec<bool>,
    /// By key, the writer of its last event.
    last: Vec<u32>,
}

const UNSORTED: DecodeError = DecodeError::Malformed("dots are not in order");

impl<'h, S: Kind> Builder<'h, S> {
    fn new(header: &'h Header<'h>) -> Self {
        Self { header, keys: Numbers::new(), events: Vec::new(), new: Vec::new(), last: Vec::new() }
    }

    /// The number of a key, and whether it appears for the first time.
    fn key(&mut self, key: S::Key) -> (u32, bool) {
        let (number, first) = self.keys.number(key);
        if first {
            self.new.push(false);
            self.last.push(u32::MAX);
        }
        (number, first)
    }

    /// Adds an event. Dots come in order.
    fn event(&mut self, key: u32, dot: PackedDot, effect: Effect<S::Value>) -> Result<(), DecodeError> {
        if self.events.last().is_some_and(|&(_, last, _)| last >= dot) {
            return Err(UNSORTED);
        }
        if dot.counter() == 0 || dot.counter() > self.header.upto.at(dot.slot()) {
            return Err(DecodeError::Malformed("an event is beyond its version"));
        }
        if core::mem::replace(&mut self.last[key as usize], dot.slot()) == dot.slot() {
            return Err(DecodeError::Malformed("two events of one writer on a key"));
        }
        let known = dot.counter() <= (self.header.known)(dot.slot());
        if known != (effect == Effect::Known) {
            return Err(DecodeError::Malformed("an event within the base has a value, or one beyond it has none"));
        }
        let key_of = &self.keys.keys()[key as usize];
        let admitted = match &effect {
            Effect::Live(value) => S::admits(dot.slot(), key_of, Some(value)),
            Effect::Removed => S::admits(dot.slot(), key_of, None),
            Effect::Known => true,
        };
        if !admitted {
            return Err(DecodeError::Malformed("an event that its writer cannot have issued"));
        }
        self.new[key as usize] |= !known;
        self.events.push((key, dot, effect));
        Ok(())
    }

    fn finish(self) -> Result<StoreDelta<S>, DecodeError> {
        if self.new.contains(&false) {
            return Err(DecodeError::Malformed("a key without news"));
        }
        let mut counts = alloc::vec![0; self.new.len()];
        let mut ordered = true;
        let mut last = 0;
        for &(key, ..) in &self.events {
            counts[key as usize] += 1;
            ordered &= key >= last;
            last = key;
        }
        let mut events = self.events;
        if !ordered {
            events.sort_unstable_by_key(|&(key, dot, _)| (key, dot));
        }
        Ok(StoreDelta {
            keys: self.keys.into_keys().into_iter().zip(counts).collect(),
            events: events.into_iter().map(|(_, dot, effect)| (dot, effect)).collect(),
        })
    }
}

/// One event in a readable format.
#[doc(hidden)]
#[derive(Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[serde(bound(
    serialize = "N: Serialize, C: Serialize, V: Serialize",
    deserialize = "N: DeserializeOwned, C: DeserializeOwned, V: DeserializeOwned"
))]
pub struct Row<N, C, V> {
    replica: ReplicaId,
    counter: u64,
    /// What several keys have in common.
    #[serde(rename = "in", default = "Option::default", skip_serializing_if = "Option::is_none")]
    name: Option<N>,
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none", with = "some")]
    key: Option<C>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    writer: Option<ReplicaId>,
    /// Of a key that names two writers, the second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<ReplicaId>,
    /// None for a removal.
    #[serde(default = "Option::default", skip_serializing_if = "Option::is_none", with = "some")]
    value: Option<V>,
}

/// A value that is there is never read as one that is not, even if it is `null`.
mod some {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<V: Serialize, S: Serializer>(value: &Option<V>, serializer: S) -> Result<S::Ok, S::Error> {
        value.serialize(serializer)
    }

    pub(super) fn deserialize<'de, V: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<V>, D::Error> {
        V::deserialize(deserializer).map(Some)
    }
}

impl<S: Kind> FragmentCodec for DotStore<S> {
    type Rows = Vec<Row<<S::Key as Key>::Name, <S::Key as Key>::Content, S::Value>>;

    fn shape(out: &mut Vec<u8>) {
        out.push(S::TAG);
    }

    fn encode_since(&self, since: &Since<'_>, which: Which, ranks: &Ranks, out: &mut Vec<u8>) {
        Table::of_store(self, since, which, ranks).encode(ranks, out);
    }

    fn check_since(&self, since: &Since<'_>) -> Result<(), Unreadable> {
        let mut checked = Ok(());
        self.visit_new(since, &mut |slot| {
            for (dot, value) in self.events_at(slot).iter() {
                if checked.is_ok() && !since.knows(dot) {
                    checked = check_event::<S>(self.key_at(slot), value);
                }
            }
        });
        checked
    }

    fn largest_since(&self, since: &Since<'_>, largest: &mut Option<Largest>) {
        let mut sizes = Sizes::default();
        self.visit_new(since, &mut |slot| {
            for (dot, value) in self.events_at(slot).iter() {
                if let Some(value) = value.filter(|_| !since.knows(dot)) {
                    sizes.compare::<S>(self.key_at(slot), value, largest);
                }
            }
        });
    }

    fn latest(delta: &StoreDelta<S>, upto: &VersionVector, latest: &mut Option<LatestStamp>) {
        let mut events = delta.events.iter();
        let mut found = None;
        for (key, count) in &delta.keys {
            for (dot, effect) in events.by_ref().take(*count as usize) {
                if let Effect::Live(value) = effect
                    && let Some(at) = S::stamp_of(value)
                    && found.is_none_or(|(_, _, last)| at > last)
                {
                    found = Some((key, *dot, at));
                }
            }
        }
        if let Some((key, dot, at)) = found.filter(|&(.., at)| latest.as_ref().is_none_or(|latest| at > latest.at)) {
            let mut bytes = Vec::new();
            name_key(key, &mut bytes);
            let dot = upto.dot(dot.slot(), dot.counter());
            *latest = Some(LatestStamp { dot, at, name: key.title(), key: bytes });
        }
    }

    fn encode_delta(delta: &StoreDelta<S>, ranks: &Ranks, out: &mut Vec<u8>) {
        Table::of_delta(delta, ranks).encode(ranks, out);
    }

    fn decode_delta(input: &mut Input<'_, '_>, header: &Header<'_>) -> Result<StoreDelta<S>, DecodeError> {
        let Input { reader, limits, events } = input;
        let writers = header.upto.slots() as u64;
        let limit = *events;
        let named = match writers.checked_sub(1) {
            Some(last) => Runs::decode(reader, 0, last, limits.writers)?,
            None if reader.byte()? == 0 => Runs::default(),
            None => return Err(DecodeError::Malformed("events without writers")),
        };
        let mut dots = Vec::new();
        let mut count = 0u64;
        for rank in named.iter() {
            let counters = Runs::decode(reader, 1, header.upto.at(rank as u32), limit)?;
            if counters.count() == 0 {
                return Err(DecodeError::Malformed("a writer without events"));
            }
            count = count.saturating_add(counters.count());
            if count > limit as u64 {
                return Err(DecodeError::TooLarge("events"));
            }
            dots.push((rank as u32, counters));
        }
        *events -= count as usize;
        let mut flags = || match count.checked_sub(1) {
            Some(last) => Runs::decode(reader, 0, last, limit),
            None if reader.byte()? == 0 => Ok(Runs::default()),
            None => Err(DecodeError::Malformed("flags without events")),
        };
        let (removed, known, siblings) = (flags()?, flags()?, flags()?);
        let (mut removed, mut known, mut siblings) = (removed.cursor(), known.cursor(), siblings.cursor());
        let mut builder = Builder::<S>::new(header);
        // A key is a byte at least, or there is one only.
        builder.keys.reserve(reader.rest.len().min(count as usize));
        // Keys first. The loop ends with the bytes: a second key without a byte is refused.
        let mut names = Names::default();
        let mut owners = Vec::new();
        for at in 0..count {
            if siblings(at) {
                let earlier = reader.varint()?;
                if earlier >= builder.new.len() as u64 {
                    return Err(DecodeError::Malformed("a reference to a key that has not appeared"));
                }
                owners.push(earlier as u32);
                continue;
            }
            let name = take_name::<S::Key>(reader, &mut names)?;
            let mut rank = || match u32::try_from(reader.varint()?) {
                Ok(rank) if u64::from(rank) < writers => Ok(rank),
                _ => Err(DecodeError::Malformed("a key names no writer")),
            };
            let form = match S::Key::sort(name.as_ref()) {
                KeySort::Nothing => OwnedForm::Nothing,
                KeySort::Writer => OwnedForm::Writer(rank()?),
                KeySort::Writers => OwnedForm::Writers(rank()?, rank()?),
                KeySort::Content => OwnedForm::Content(take_value(reader)?),
            };
            let (number, first) = builder.key(S::Key::from_form(name, form).ok_or(DecodeError::Value)?);
            if !first {
                return Err(DecodeError::Malformed("a key appears twice"));
            }
            owners.push(number);
        }
        let mut at = 0;
        for (rank, counters) in &dots {
            for counter in counters.iter() {
                let effect = match (known(at), removed(at)) {
                    (true, false) => Effect::Known,
                    (false, true) => Effect::Removed,
                    (false, false) => {
                        Effect::Live(take_event::<S>(reader, &builder.keys.keys()[owners[at as usize] as usize])?)
                    }
                    (true, true) => return Err(DecodeError::Malformed("an event has two flags")),
                };
                builder.event(owners[at as usize], PackedDot::new(*rank, counter), effect)?;
                at += 1;
            }
        }
        builder.finish()
    }

    fn rows(&self, version: &VersionVector, ranks: &Ranks) -> Self::Rows {
        let nothing = VersionVector::new();
        let table = Table::<S>::of_store(self, &Since::new(&nothing, version), Which::Stored, ranks);
        let rows = table.items.iter().map(|item| {
            let key = table.keys[item.key as usize];
            let name = key.name();
            let (key, writer, to) = match key.form() {
                KeyForm::Nothing => (None, None, None),
                KeyForm::Writer(slot) => (None, Some(version.id(slot)), None),
                KeyForm::Writers(from, to) => (None, Some(version.id(from)), Some(version.id(to))),
                KeyForm::Content(content) => (Some(content.into_owned()), None, None),
            };
            let value = match item.effect {
                Effect::Live(value) => Some(value.clone()),
                Effect::Removed | Effect::Known => None,
            };
            Row {
                replica: version.id(ranks.slots[item.dot.slot() as usize]),
                counter: item.dot.counter(),
                name,
                key,
                writer,
                to,
                value,
            }
        });
        rows.collect()
    }

    fn from_rows(rows: Self::Rows, header: &Header<'_>) -> Result<StoreDelta<S>, DecodeError> {
        let rank = |id: &ReplicaId| header.upto.slot(id).ok_or(DecodeError::Malformed("an unknown writer"));
        let mut builder = Builder::<S>::new(header);
        for row in rows {
            let form = match (S::Key::sort(row.name.as_ref()), row.key, &row.writer, &row.to) {
                (KeySort::Nothing, None, None, None) => OwnedForm::Nothing,
                (KeySort::Writer, None, Some(id), None) => OwnedForm::Writer(rank(id)?),
                (KeySort::Writers, None, Some(from), Some(to)) => OwnedForm::Writers(rank(from)?, rank(to)?),
                (KeySort::Content, Some(content), None, None) => OwnedForm::Content(content),
                _ => return Err(DecodeError::Value),
            };
            let key = S::Key::from_form(row.name, form).ok_or(DecodeError::Value)?;
            let (number, _) = builder.key(key);
            if row.counter > MAX_COUNTER {
                return Err(DecodeError::Malformed("a counter is out of range"));
            }
            let dot = PackedDot::new(rank(&row.replica)?, row.counter);
            builder.event(number, dot, row.value.map_or(Effect::Removed, Effect::Live))?;
        }
        builder.finish()
    }
}

macro_rules! tuple {
    ($(($name:ident, $part:tt)),+) => {
        impl<$($name: FragmentCodec),+> FragmentCodec for ($($name,)+) {
            type Rows = ($($name::Rows,)+);

            fn shape(out: &mut Vec<u8>) {
                out.push(super::TUPLE);
                out.push(0 $(+ { let _: [(); $part]; 1 })+);
                $($name::shape(out);)+
            }

            fn encode_since(&self, since: &Since<'_>, which: Which, ranks: &Ranks, out: &mut Vec<u8>) {
                $(self.$part.encode_since(since, which, ranks, out);)+
            }

            fn check_since(&self, since: &Since<'_>) -> Result<(), Unreadable> {
                $(self.$part.check_since(since)?;)+
                Ok(())
            }

            fn largest_since(&self, since: &Since<'_>, largest: &mut Option<Largest>) {
                $(self.$part.largest_since(since, largest);)+
            }

            fn latest(delta: &Self::Delta, upto: &VersionVector, latest: &mut Option<LatestStamp>) {
                $($name::latest(&delta.$part, upto, latest);)+
            }

            fn encode_delta(delta: &Self::Delta, ranks: &Ranks, out: &mut Vec<u8>) {
                $($name::encode_delta(&delta.$part, ranks, out);)+
            }

            fn decode_delta(input: &mut Input<'_, '_>, header: &Header<'_>) -> Result<Self::Delta, DecodeError> {
                Ok(($($name::decode_delta(input, header)?,)+))
            }

            fn rows(&self, version: &VersionVector, ranks: &Ranks) -> Self::Rows {
                ($(self.$part.rows(version, ranks),)+)
            }

            fn from_rows(rows: Self::Rows, header: &Header<'_>) -> Result<Self::Delta, DecodeError> {
                Ok(($($name::from_rows(rows.$part, header)?,)+))
            }
        }
    };
}

tuple!((A, 0), (B, 1));
tuple!((A, 0), (B, 1), (C, 2));
tuple!((A, 0), (B, 1), (C, 2), (D, 3));
