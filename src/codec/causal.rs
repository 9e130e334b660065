use alloc::vec::Vec;

use xxhash_rust::xxh64::xxh64;

use super::body::{FragmentCodec, Header, Input, Ranks, Which};
use super::envelope::{self, Content};
use super::runs::Runs;
use super::version::{take_counters, take_writers};
use super::wire::{Reader, put_varint};
use super::{DecodeError, Largest, LatestStamp, Limits};
use crate::causality::{MAX_COUNTER, PackedDot, VersionVector};
use crate::kernel::{Causal, Delta, DotSet, Since};
use crate::serial::Unreadable;

/// Which of the optional parts of a header are there.
const HAS_BASE: u8 = 1;
const HAS_FLOOR: u8 = 2;
const HAS_LIVE: u8 = 4;

/// What precedes the body, on its way out.
struct Head<'a> {
    upto: &'a VersionVector,
    base: &'a VersionVector,
    floor: Option<&'a VersionVector>,
    live: Option<&'a DotSet>,
}

impl Head<'_> {
    fn put(&self, out: &mut Vec<u8>) -> Ranks {
        let ranks = self.upto.put(out);
        let base = Some(self.base).filter(|base| !base.is_empty());
        let floor = self.floor.filter(|floor| !floor.is_empty());
        let flag = |there: bool, flag: u8| if there { flag } else { 0 };
        out.push(
            flag(base.is_some(), HAS_BASE) | flag(floor.is_some(), HAS_FLOOR) | flag(self.live.is_some(), HAS_LIVE),
        );
        let by_rank = &ranks.slots;
        if let Some(base) = base {
            let known = base.aligned_to(self.upto);
            // Most writers have nothing new: their difference is one byte.
            by_rank.iter().for_each(|&slot| put_varint(out, self.upto.at(slot) - counter(&known, slot)));
        }
        if let Some(floor) = floor {
            let floor = floor.aligned_to(self.upto);
            by_rank.iter().for_each(|&slot| put_varint(out, counter(&floor, slot)));
        }
        if let Some(live) = self.live {
            put_dot_set(live, by_rank, out);
        }
        ranks
    }
}

fn counter(counters: &[u64], slot: u32) -> u64 {
    counters.get(slot as usize).copied().unwrap_or(0)
}

/// Per writer by rank, the counters of the set.
pub(super) fn put_dot_set(set: &DotSet, by_rank: &[u32], out: &mut Vec<u8>) {
    for &slot in by_rank {
        let mut runs = Runs::default();
        let all = set.runs();
        let first = all.partition_point(|(dot, _)| dot.slot() < slot);
        for (dot, len) in all[first..].iter().take_while(|(dot, _)| dot.slot() == slot) {
            runs.push_run(dot.counter(), *len);
        }
        runs.encode(1, out);
    }
}

pub(super) fn take_dot_set(
    reader: &mut Reader<'_>,
    writers: usize,
    most: impl Fn(u32) -> u64,
    limit: usize,
) -> Result<DotSet, DecodeError> {
    let mut set = DotSet::default();
    for slot in 0..writers as u32 {
        // An empty set is one byte, whatever its bound.
        for &(first, len) in Runs::decode(reader, 1, most(slot).max(1), limit)?.runs() {
            if first + len - 1 > most(slot) {
                return Err(DecodeError::Malformed("a set goes beyond its bound"));
            }
            set.push(PackedDot::new(slot, first), len);
        }
        if set.runs().len() > limit {
            return Err(DecodeError::TooLarge("events"));
        }
    }
    Ok(set)
}

/// Reads head and body.
fn take_delta<F: FragmentCodec>(mut reader: Reader<'_>, limits: &Limits) -> Result<Delta<F>, DecodeError> {
    let reader = &mut reader;
    let table = take_writers(reader, limits)?;
    let writers = table.slots();
    let upto = table.with_counters(take_counters(reader, writers, 1, |_| MAX_COUNTER)?);
    let flags = reader.byte()?;
    if flags & !(HAS_BASE | HAS_FLOOR | HAS_LIVE) != 0 {
        return Err(DecodeError::Malformed("unknown flags"));
    }
    let mut base = VersionVector::new();
    if flags & HAS_BASE != 0 {
        let differences = take_counters(reader, writers, 0, |slot| upto.at(slot))?;
        let known = (0..).zip(differences).map(|(slot, difference)| upto.at(slot) - difference);
        base = upto.with_counters(known.collect());
        not_empty(&base)?;
    }
    let mut floor = VersionVector::new();
    if flags & HAS_FLOOR != 0 {
        floor = upto.with_counters(take_counters(reader, writers, 0, |slot| upto.at(slot))?);
        not_empty(&floor)?;
    }
    let live = match flags & HAS_LIVE {
        0 => None,
        _ => Some(take_dot_set(reader, writers, |slot| base.at(slot), limits.events)?),
    };
    let known = |slot| base.at(slot);
    let header = Header { upto: &upto, known: &known };
    let body = F::decode_delta(&mut Input { reader, limits, events: limits.events }, &header)?;
    reader.end()?;
    check_parts::<F>(&body)?;
    Ok(Delta { upto, base, floor, live, body })
}

/// That no dot stands in two parts. Within a part they are sorted, so none stands there twice.
pub(super) fn check_parts<F: FragmentCodec>(body: &F::Delta) -> Result<(), DecodeError> {
    let mut shape = Vec::new();
    F::shape(&mut shape);
    if shape.first() != Some(&super::TUPLE) {
        return Ok(());
    }
    let mut dots = Vec::new();
    F::listed(body, &mut |dot| dots.push(dot.0));
    dots.sort_unstable();
    if dots.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(DecodeError::Malformed("a dot in two parts"));
    }
    Ok(())
}

fn not_empty(version: &VersionVector) -> Result<(), DecodeError> {
    if version.is_empty() { Err(DecodeError::Malformed("a vector of zeros")) } else { Ok(()) }
}

impl<F: FragmentCodec> Delta<F> {
    /// Writes the delta down.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode_into(0, &mut out);
        out
    }

    /// The write with the latest stamp, if anything in here has one. Costs what the delta holds.
    #[must_use]
    pub fn latest(&self) -> Option<LatestStamp> {
        let mut latest = None;
        F::latest(&self.body, &self.upto, &mut latest);
        latest
    }

    /// Appends the encoded delta, marked with the schema of the application's data.
    pub fn encode_into(&self, schema: u32, out: &mut Vec<u8>) {
        envelope::seal(out, Content::Delta, schema, F::shape, |out| {
            let (floor, live) = (Some(&self.floor), self.live.as_ref());
            let ranks = Head { upto: &self.upto, base: &self.base, floor, live }.put(out);
            F::encode_delta(&self.body, &ranks, out);
        });
    }

    /// Reads a delta back. Whatever is wrong with the bytes is found here.
    ///
    /// # Errors
    /// [`DecodeError`] for whatever is not a delta for this type, within the limits.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, DecodeError> {
        take_delta(envelope::open(bytes, Content::Delta, limits, F::shape)?, limits)
    }
}

impl<F: FragmentCodec> Causal<F> {
    /// The snapshot: everything that is stored, with removals and floor, to be read back by
    /// [`decode`](Causal::decode).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode_into(0, &mut out);
        out
    }

    /// Appends the snapshot, marked with the schema of the application's data.
    pub fn encode_into(&self, schema: u32, out: &mut Vec<u8>) {
        let floor = Some(&self.context.floor);
        self.put(Content::State, Which::Stored, &VersionVector::new(), schema, floor, out);
    }

    /// Reads a snapshot back.
    ///
    /// # Errors
    /// [`DecodeError`] for whatever is not the snapshot of a value of this type, within the limits.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, DecodeError> {
        let delta = take_delta(envelope::open(bytes, Content::State, limits, F::shape)?, limits)?;
        let value = Self::from_snapshot(delta)?;
        value.usage().beyond(limits).map_or(Ok(value), |limit| Err(limit.into()))
    }

    /// The value that has seen exactly this delta.
    pub(super) fn from_snapshot(delta: Delta<F>) -> Result<Self, DecodeError> {
        if !delta.base.is_empty() || delta.live.is_some() {
            return Err(DecodeError::Malformed("a state that builds on another one"));
        }
        let mut value = Self::default();
        // The same slots, so that nothing is translated.
        value.context.version = delta.upto.with_counters(Vec::new());
        value.apply(delta).map_err(|_| DecodeError::TooLarge("writers or keys"))?;
        Ok(value)
    }

    /// Appends `delta_since(known)` as bytes, without cloning a key or a value.
    pub fn encode_delta_since(&self, known: &VersionVector, out: &mut Vec<u8>) {
        self.encode_delta_since_into(known, 0, out);
    }

    /// As [`encode_delta_since`](Causal::encode_delta_since), marked with the schema of the application's data.
    pub fn encode_delta_since_into(&self, known: &VersionVector, schema: u32, out: &mut Vec<u8>) {
        if !known.is_empty() && !self.context.floor.is_within(known) {
            // With the live set this costs O(state) anyhow.
            return self.delta_since(known).encode_into(schema, out);
        }
        self.put(Content::Delta, Which::Stored, known, schema, Some(&self.context.floor), out);
    }

    /// That whatever is new to someone who has seen `known` is read back from its bytes as what it is: each key and
    /// each value is written and read once. Ask before it counts as saved. Costs what is new.
    ///
    /// # Errors
    /// [`Unreadable`], which names type and key. What passes is encoded without a panic.
    pub fn check_since(&self, known: &VersionVector) -> Result<(), Unreadable> {
        self.body.check_since(&Since::new(known, &self.context.version))
    }

    /// The largest of the values that are new to someone who has seen `known`, with its key; `None` if there is none.
    /// Costs what is new.
    #[must_use]
    pub fn largest_since(&self, known: &VersionVector) -> Option<Largest> {
        let mut largest = None;
        self.body.largest_since(&Since::new(known, &self.context.version), &mut largest);
        largest
    }

    /// The view that replicas agree on: version and live events. Equal for equal states, on every
    /// machine, whatever is still stored beside it.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.put(Content::View, Which::Live, &VersionVector::new(), 0, None, &mut out);
        out
    }

    /// A hash (XXH64) of the [`canonical`](Causal::canonical) view. Costs O(state).
    #[must_use]
    pub fn state_hash(&self) -> u64 {
        xxh64(&self.canonical(), 0)
    }

    fn put(
        &self,
        content: Content,
        which: Which,
        known: &VersionVector,
        schema: u32,
        floor: Option<&VersionVector>,
        out: &mut Vec<u8>,
    ) {
        let version = &self.context.version;
        envelope::seal(out, content, schema, F::shape, |out| {
            let base = version.meet(known);
            let ranks = Head { upto: version, base: &base, floor, live: None }.put(out);
            self.body.encode_since(&Since::new(known, version), which, &ranks, out);
        });
    }
}
