//! How values are read and written. In formats for people a value looks like what it is, so that JSON
//! is plain JSON; in binary formats it carries a tag.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, Unexpected, VariantAccess,
    Visitor,
};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::value::{DEPTH_MAX, Map, Value};

const TAGS: [&str; 8] = ["Null", "Bool", "Integer", "Float", "Text", "Bytes", "List", "Map"];

/// What JSON has no form for is written as a map with one of these keys.
const BYTES: &str = "$bytes";
const FLOAT: &str = "$float";
/// A map with a key that begins with a dollar is put into another one.
const MAP: &str = "$map";

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { readable(self, serializer) } else { tagged(self, serializer) }
    }
}

fn tagged<S: Serializer>(value: &Value, serializer: S) -> Result<S::Ok, S::Error> {
    fn put<S: Serializer>(serializer: S, tag: u32, content: &(impl Serialize + ?Sized)) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_variant("Value", tag, TAGS[tag as usize], content)
    }
    match value {
        Value::Null => put(serializer, 0, &()),
        Value::Bool(value) => put(serializer, 1, value),
        Value::Integer(value) => put(serializer, 2, value),
        Value::Float(value) => put(serializer, 3, &value.get()),
        Value::Text(value) => put(serializer, 4, &**value),
        Value::Bytes(value) => put(serializer, 5, &RawBytes(value)),
        Value::List(value) => put(serializer, 6, &**value),
        Value::Map(value) => put(serializer, 7, value),
    }
}

impl Serialize for Map {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(key, value)| (key, value)))
    }
}

/// Bytes as such, and not as a list of numbers.
struct RawBytes<'a>(&'a [u8]);

impl Serialize for RawBytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

fn readable<S: Serializer>(value: &Value, serializer: S) -> Result<S::Ok, S::Error> {
    fn wrapped<S: Serializer>(
        serializer: S,
        key: &str,
        content: &(impl Serialize + ?Sized),
    ) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(key, content)?;
        map.end()
    }
    match value {
        Value::Null => serializer.serialize_unit(),
        Value::Bool(value) => serializer.serialize_bool(*value),
        Value::Integer(value) => serializer.serialize_i64(*value),
        Value::Float(value) if value.get().is_nan() => wrapped(serializer, FLOAT, "NaN"),
        Value::Float(value) if value.get() == f64::INFINITY => wrapped(serializer, FLOAT, "Infinity"),
        Value::Float(value) if value.get() == f64::NEG_INFINITY => wrapped(serializer, FLOAT, "-Infinity"),
        Value::Float(value) if is_read_exactly(value.get()) => serializer.serialize_f64(value.get()),
        Value::Float(value) => wrapped(serializer, FLOAT, &format!("{:?}", value.get())),
        Value::Text(value) => serializer.serialize_str(value),
        Value::Bytes(value) => wrapped(serializer, BYTES, &hex(value)),
        Value::List(value) => value.serialize(serializer),
        Value::Map(value) if is_reserved(value) => wrapped(serializer, MAP, value),
        Value::Map(value) => value.serialize(serializer),
    }
}

/// Whether quick readers of numbers find this one again: its digits are an integer that a double holds, times or divided by
/// a power of ten that a double holds. Of others they get the last place wrong.
fn is_read_exactly(value: f64) -> bool {
    let text = format!("{value:e}");
    let Some((places, exponent)) = text.split_once('e') else { return false };
    let exponent: i32 = exponent.parse().unwrap_or(i32::MAX);
    let count = places.bytes().filter(u8::is_ascii_digit).count() as i32;
    let scale = exponent - (count - 1);
    if count > 15 || exponent > 22 || scale < -22 {
        return false;
    }
    // From 10¹⁵ to 10¹⁶ all places are written, and one behind the point: more digits than a double may hold.
    let digits = places.bytes().filter(u8::is_ascii_digit).fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    exponent != 15 || digits * 5u64.pow((scale + 1) as u32) <= 1 << 53
}

/// Reads what stands for a float that is no number in its format.
fn parse_float(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        // Without the names that `core` has for the three above.
        _ if text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) => {
            text.parse().ok().filter(|value: &f64| value.is_finite())
        }
        _ => None,
    }
}

fn is_reserved(entries: &[(Arc<str>, Value)]) -> bool {
    entries.iter().any(|(key, _)| key.starts_with('$'))
}

fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |at: u8| char::from(at).to_digit(16);
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(|&[high, low]| Some((digit(high)? * 16 + digit(low)?) as u8)).collect()
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Within(DEPTH_MAX).deserialize(deserializer)
    }
}

/// A value in which lists and maps are nested at most so deep.
#[derive(Clone, Copy)]
struct Within(u8);

impl Within {
    fn below<E: Error>(self) -> Result<Self, E> {
        self.0.checked_sub(1).map(Self).ok_or_else(|| E::custom("lists and maps are nested too deep"))
    }
}

impl<'de> DeserializeSeed<'de> for Within {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(self)
        } else {
            deserializer.deserialize_enum("Value", &TAGS, self)
        }
    }
}

impl<'de> Visitor<'de> for Within {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("null, a boolean, a number, a text, a list or a map")
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Value, A::Error> {
        let (tag, content) = data.variant::<Tag>()?;
        Ok(match tag.0 {
            0 => content.newtype_variant::<()>()?.into(),
            1 => content.newtype_variant::<bool>()?.into(),
            2 => content.newtype_variant::<i64>()?.into(),
            3 => content.newtype_variant::<f64>()?.into(),
            4 => content.newtype_variant::<String>()?.into(),
            5 => content.newtype_variant::<OwnedBytes>()?.0,
            6 => content.newtype_variant_seed(ListWithin(self))?,
            _ => content.newtype_variant_seed(MapWithin(self))?,
        })
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Value::try_from(value).map_err(|_| E::invalid_value(Unexpected::Unsigned(value), &"an integer of 63 bits"))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_bytes<E: Error>(self, value: &[u8]) -> Result<Value, E> {
        Ok(Value::bytes(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(below)? {
            list.push(item);
        }
        Value::list(list).map_err(A::Error::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut map = Vec::new();
        while let Some(key) = entries.next_key::<Arc<str>>()? {
            let value = if &*key == MAP {
                entries.next_value_seed(MapWithin(self))?
            } else {
                entries.next_value_seed(below)?
            };
            map.push((key, value));
        }
        match &map[..] {
            [(key, value)] if key.starts_with('$') => unwrap(key, value).ok_or_else(|| A::Error::custom(RESERVED)),
            _ if is_reserved(&map) => Err(A::Error::custom(RESERVED)),
            _ => Value::map(map).map_err(A::Error::custom),
        }
    }
}

const RESERVED: &str = "a key that begins with a dollar, which is reserved";

/// What a map with one reserved key stands for.
fn unwrap(key: &str, value: &Value) -> Option<Value> {
    match (key, value) {
        (BYTES, Value::Text(text)) => unhex(text).map(Value::bytes),
        (FLOAT, Value::Text(text)) => parse_float(text).map(Value::from),
        (MAP, Value::Map(map)) => Some(Value::Map(map.clone())),
        _ => None,
    }
}

struct Tag(u32);

impl<'de> Deserialize<'de> for Tag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfTag;
        impl Visitor<'_> for OfTag {
            type Value = Tag;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the tag of a value")
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Tag, E> {
                let known = u32::try_from(value).ok().filter(|&tag| (tag as usize) < TAGS.len());
                known.map(Tag).ok_or_else(|| E::invalid_value(Unexpected::Unsigned(value), &self))
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<Tag, E> {
                let known = (0..).zip(TAGS).find(|(_, tag)| *tag == value);
                known.map(|(tag, _)| Tag(tag)).ok_or_else(|| E::unknown_variant(value, &TAGS))
            }
        }
        deserializer.deserialize_identifier(OfTag)
    }
}

struct OwnedBytes(Value);

impl<'de> Deserialize<'de> for OwnedBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfBytes;
        impl Visitor<'_> for OfBytes {
            type Value = OwnedBytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: Error>(self, value: &[u8]) -> Result<OwnedBytes, E> {
                Ok(OwnedBytes(Value::bytes(value)))
            }
        }
        deserializer.deserialize_bytes(OfBytes)
    }
}

struct ListWithin(Within);

impl<'de> DeserializeSeed<'de> for ListWithin {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_seq(self.0)
    }
}

struct MapWithin(Within);

impl<'de> DeserializeSeed<'de> for MapWithin {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        struct Entries(Within);
        impl<'de> Visitor<'de> for Entries {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
                let below = self.0.below()?;
                let mut map = Vec::new();
                while let Some(key) = entries.next_key::<Arc<str>>()? {
                    map.push((key, entries.next_value_seed(below)?));
                }
                Value::map(map).map_err(A::Error::custom)
            }
        }
        deserializer.deserialize_map(Entries(self.0))
    }
}
