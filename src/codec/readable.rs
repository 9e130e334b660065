//! serde for whole values: the snapshot as bytes, or as readable rows through the same checks.

use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::body::{FragmentCodec, Header, Ranks};
use super::causal::check_parts;
use super::{DecodeError, Limits};
use crate::causality::VersionVector;
use crate::kernel::{Causal, Delta};
use crate::serial::{Budget, LimitedReader, LimitedValue};

/// A value as a record that people can read.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[serde(bound(serialize = "R: Serialize", deserialize = "R: serde::de::DeserializeOwned"))]
struct Readable<R> {
    version: VersionVector,
    #[serde(default, skip_serializing_if = "VersionVector::is_empty")]
    floor: VersionVector,
    events: R,
}

impl<F: FragmentCodec> Serialize for Causal<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return serializer.serialize_bytes(&self.encode());
        }
        let version = self.version();
        let events = self.body.rows(version, &Ranks::new(version, |slot| version.at(slot) > 0));
        let readable = Readable { version: version.clone(), floor: self.floor().clone(), events };
        LimitedValue { value: &readable, budget: &Budget::readable(), depth: 0 }.serialize(serializer)
    }
}

fn from_readable<F: FragmentCodec>(readable: Readable<F::Rows>) -> Result<Causal<F>, DecodeError> {
    // Slots in the order of ids, as the checks expect.
    let upto: VersionVector = readable.version.iter().collect();
    if !readable.floor.is_within(&upto) {
        return Err(DecodeError::Malformed("the floor is above the version"));
    }
    let header = Header { upto: &upto, known: &|_| 0 };
    let body = F::from_rows(readable.events, &header)?;
    check_parts::<F>(&body)?;
    let floor = upto.with_counters(readable.floor.aligned_to(&upto).into_owned());
    Causal::from_snapshot(Delta { upto, base: VersionVector::new(), floor, live: None, body })
}

impl<'de, F: FragmentCodec> Deserialize<'de> for Causal<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let budget = Budget::readable();
            let limited = LimitedReader { inner: deserializer, budget: &budget, depth: 0 };
            let readable = budget.judge(Readable::<F::Rows>::deserialize(limited), D::Error::custom)?;
            return from_readable(readable).map_err(D::Error::custom);
        }
        deserializer.deserialize_bytes(Snapshot(core::marker::PhantomData))
    }
}

struct Snapshot<F>(core::marker::PhantomData<F>);

impl<'de, F: FragmentCodec> Visitor<'de> for Snapshot<F> {
    type Value = Causal<F>;

    fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("an encoded snapshot")
    }

    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Causal<F>, E> {
        Causal::decode(bytes, &Limits::default()).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut bytes: A) -> Result<Causal<F>, A::Error> {
        let mut all = alloc::vec::Vec::new();
        while let Some(byte) = bytes.next_element()? {
            all.push(byte);
        }
        self.visit_bytes(&all)
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Causal<F>, A::Error> {
        Err(A::Error::custom("an encoded snapshot is bytes"))
    }
}
