//! What crosses the boundary: one thing after the other, without names and lengths of the whole.
//!
//! Numbers are varints as in the binary format, texts and bytes have their length before them, and a
//! [`Value`] is written as it is in the binary format (postcard). The other side is `ts/wire.ts`.

use alloc::string::String;
use alloc::vec::Vec;

use dotted::replication::PeerId;
use dotted::{Deletes, Dot, ReplicaId, Value};
use uuid::Uuid;

use crate::failure::Failure;

/// Arguments, read from the front.
#[derive(Clone, Copy)]
pub struct In<'a> {
    rest: &'a [u8],
}

impl<'a> In<'a> {
    pub fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// All that is left.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub fn number(&mut self) -> Result<u64, Failure> {
        let mut number = 0;
        for (at, &byte) in self.rest.iter().enumerate() {
            // The tenth byte has the last bit.
            if at > 9 || (at == 9 && byte > 1) {
                break;
            }
            number |= u64::from(byte & 0x7f) << (7 * at);
            if byte < 0x80 {
                self.rest = &self.rest[at + 1..];
                return Ok(number);
            }
        }
        Err(Failure::ARGUMENT)
    }

    pub fn text(&mut self) -> Result<&'a str, Failure> {
        core::str::from_utf8(self.bytes()?).map_err(|_| Failure::ARGUMENT)
    }

    pub fn bytes(&mut self) -> Result<&'a [u8], Failure> {
        let length = usize::try_from(self.number()?).map_err(|_| Failure::ARGUMENT)?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Failure::ARGUMENT)?;
        self.rest = rest;
        Ok(bytes)
    }

    pub fn value(&mut self) -> Result<Value, Failure> {
        // What sets and maps are full of is read here; all the rest as the binary format does.
        match self.rest {
            [2, rest @ ..] => {
                self.rest = rest;
                let number = self.number()?;
                Ok(Value::Integer((number >> 1) as i64 ^ -((number & 1) as i64)))
            }
            [4, rest @ ..] => {
                self.rest = rest;
                self.text().map(Value::from)
            }
            _ => {
                let (value, rest) = postcard::take_from_bytes(self.rest).map_err(|_| Failure::ARGUMENT)?;
                self.rest = rest;
                Ok(value)
            }
        }
    }

    /// A policy for deletions.
    pub fn deletes(&mut self) -> Result<Deletes, Failure> {
        Ok(match self.number()? {
            0 => Deletes::UpdateWins,
            1 => Deletes::DeleteWins,
            _ => Deletes::Ask,
        })
    }

    /// A UUID as text.
    pub fn uuid(&mut self) -> Result<Uuid, Failure> {
        Uuid::try_parse(self.text()?).map_err(|_| Failure::new("invalid-id", "not a UUID"))
    }

    pub fn peer(&mut self) -> Result<PeerId, Failure> {
        self.uuid().map(PeerId::new)
    }

    pub fn replica(&mut self) -> Result<ReplicaId, Failure> {
        Ok(self.text()?.parse()?)
    }

    /// The text form of a dot.
    pub fn dot(&mut self) -> Result<Dot, Failure> {
        let parsed = self
            .text()?
            .rsplit_once(':')
            .and_then(|(replica, counter)| Some(Dot::new(replica.parse().ok()?, counter.parse().ok()?)));
        parsed.ok_or(Failure::new("invalid-id", "not an event: expected REPLICA:COUNTER"))
    }

    /// Several, with their number before them.
    pub fn list<T>(&mut self, mut one: impl FnMut(&mut Self) -> Result<T, Failure>) -> Result<Vec<T>, Failure> {
        let mut list = Vec::new();
        for _ in 0..self.number()? {
            list.push(one(self)?);
        }
        Ok(list)
    }

    /// The same for those that may be missing.
    pub fn option<T>(&mut self, one: impl FnOnce(&mut Self) -> Result<T, Failure>) -> Result<Option<T>, Failure> {
        Ok(if self.number()? == 0 { None } else { Some(one(self)?) })
    }

    /// All that is left, read one by one.
    pub fn all<T>(mut self, mut one: impl FnMut(&mut Self) -> Result<T, Failure>) -> Result<Vec<T>, Failure> {
        let mut all = Vec::new();
        while !self.is_at_end() {
            all.push(one(&mut self)?);
        }
        Ok(all)
    }
}

/// An answer, written to the end.
#[derive(Default)]
pub struct Out {
    bytes: Vec<u8>,
}

impl Out {
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }

    pub fn number(&mut self, mut number: u64) {
        while number > 0x7f {
            self.bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    pub fn flag(&mut self, flag: bool) {
        self.bytes.push(flag.into());
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.raw(bytes);
    }

    /// Bytes without their length: the end of an answer.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    pub fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.bytes.push(0),
            Value::Bool(value) => self.raw(&[1, u8::from(*value)]),
            Value::Integer(value) => {
                self.bytes.push(2);
                self.number(((value << 1) ^ (value >> 63)) as u64);
            }
            Value::Float(value) => {
                self.bytes.push(3);
                self.raw(&value.get().to_le_bytes());
            }
            Value::Text(value) => {
                self.bytes.push(4);
                self.text(value);
            }
            Value::Bytes(value) => {
                self.bytes.push(5);
                self.bytes(value);
            }
            Value::List(list) => {
                self.bytes.push(6);
                self.number(list.len() as u64);
                list.iter().for_each(|value| self.value(value));
            }
            Value::Map(map) => {
                self.bytes.push(7);
                self.number(map.len() as u64);
                for (key, value) in map.iter() {
                    self.text(key);
                    self.value(value);
                }
            }
            // Sorts of values that this build does not know: the other side refuses the tag.
            _ => self.bytes.push(u8::MAX),
        }
    }

    /// The same for those that may be missing.
    pub fn option<T>(&mut self, value: Option<T>, put: impl FnOnce(&mut Self, T)) {
        self.flag(value.is_some());
        if let Some(value) = value {
            put(self, value);
        }
    }

    pub fn uuid(&mut self, uuid: Uuid) {
        self.text(uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    }

    /// A number of up to 128 bits with its sign.
    pub fn wide(&mut self, number: i128) {
        self.bytes(&number.to_le_bytes());
    }

    /// The text form of a dot: the writer's id, a colon, the counter.
    pub fn dot(&mut self, dot: &Dot) {
        let mut text = id(&dot.replica);
        text.push(':');
        digits(&mut text, dot.counter);
        self.text(&text);
    }

    pub fn replica(&mut self, replica: &ReplicaId) {
        self.text(&id(replica));
    }
}

/// As `Display` writes it.
fn id(replica: &ReplicaId) -> String {
    let mut text = String::from(&*replica.uuid().hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    if replica.branch() > 0 {
        text.push('.');
        digits(&mut text, replica.branch().into());
    }
    text
}

fn digits(text: &mut String, number: u64) {
    if number >= 10 {
        digits(text, number / 10);
    }
    text.push(char::from(b'0' + (number % 10) as u8));
}
