//! Keys, names and values of applications: written by serde in the postcard format, and read in their one form.

use alloc::vec::Vec;
use core::hash::Hash;
use core::marker::PhantomData;

use hashbrown::HashMap;
use serde::de::{DeserializeOwned, DeserializeSeed};
use serde::{Deserializer, Serialize, Serializer};

use super::wire::Reader;
use super::{DecodeError, Largest};
use crate::hashing::Keyed;
use crate::kernel::{Key, KeyForm, Kind, OwnedForm};
use crate::serial::{self, Unfit, Unreadable};

/// The value of an event, as its kind writes it.
pub(super) struct Written<'a, S: Kind>(pub(super) &'a S::Value);

impl<S: Kind> Serialize for Written<'_, S> {
    fn serialize<Z: Serializer>(&self, serializer: Z) -> Result<Z::Ok, Z::Error> {
        S::serialize_value(self.0, serializer)
    }
}

/// The key whose event is read.
struct EventOf<'k, S: Kind>(&'k S::Key);

impl<'de, S: Kind> DeserializeSeed<'de> for EventOf<'_, S> {
    type Value = S::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        S::deserialize_value(self.0, deserializer)
    }
}

/// Reads the value of an event of `key`, in its one form.
pub(super) fn take_event<S: Kind>(reader: &mut Reader<'_>, key: &S::Key) -> Result<S::Value, DecodeError> {
    take_with(reader, EventOf::<S>(key), |value, out| serial::write(&Written::<S>(value), out))
}

/// The names that have appeared, numbered in their order.
pub(super) struct Names<N> {
    list: Vec<N>,
    numbers: HashMap<N, u64, Keyed>,
    /// The number of the last one: keys of one name stand beside each other.
    last: u64,
}

impl<N> Default for Names<N> {
    fn default() -> Self {
        Self { list: Vec::new(), numbers: HashMap::default(), last: 0 }
    }
}

impl<N: Clone + Eq + Hash> Names<N> {
    /// The number of a name, and whether it appears for the first time.
    pub(super) fn number(&mut self, name: &N) -> (u64, bool) {
        if self.list.get(self.last as usize) == Some(name) {
            return (self.last, false);
        }
        if let Some(&number) = self.numbers.get(name) {
            self.last = number;
            return (number, false);
        }
        self.last = self.list.len() as u64;
        self.numbers.insert(name.clone(), self.last);
        self.list.push(name.clone());
        (self.last, true)
    }
}

/// Reads which of the names a key belongs to: one that has appeared, or the next one.
pub(super) fn take_name<K: Key>(
    reader: &mut Reader<'_>,
    names: &mut Names<K::Name>,
) -> Result<Option<K::Name>, DecodeError> {
    if !K::NAMED {
        return Ok(None);
    }
    let number = reader.varint()?;
    if number == names.list.len() as u64 && !names.number(&take_value(reader)?).1 {
        return Err(DecodeError::Malformed("a name appears twice"));
    }
    let name = usize::try_from(number).ok().and_then(|number| names.list.get(number));
    name.cloned().map(Some).ok_or(DecodeError::Malformed("a reference to a name that has not appeared"))
}

/// Appends through serde, in the postcard format.
///
/// # Panics
/// If it cannot be written: a mistake in its `Serialize`, or nested too deep.
pub(super) fn put_value<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    if let Err(unfit) = serial::write(value, out) {
        panic!("keys and values must be types that postcard can write: {}: {unfit}", core::any::type_name::<T>());
    }
}

/// Reads through serde, and refuses bytes that the value would not be written as.
pub(super) fn take_value<T: Serialize + DeserializeOwned>(reader: &mut Reader<'_>) -> Result<T, DecodeError> {
    take_with(reader, PhantomData::<T>, |value, out| serial::write(value, out))
}

fn take_with<T, D>(
    reader: &mut Reader<'_>,
    seed: D,
    write: impl FnOnce(&T, &mut Vec<u8>) -> Result<(), Unfit>,
) -> Result<T, DecodeError>
where
    D: for<'de> DeserializeSeed<'de, Value = T>,
{
    let (value, len) = serial::read(seed, reader.rest)?;
    if len > 0 {
        reader.again.clear();
        write(&value, &mut reader.again)?;
        if reader.again != reader.rest[..len] {
            return Err(DecodeError::Malformed("a key or a value is not in its one form"));
        }
    }
    reader.rest = &reader.rest[len..];
    Ok(value)
}

impl From<Unfit> for DecodeError {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::TooDeep => Self::TooDeep,
            Unfit::TooManyItems => Self::TooLarge("items without bytes"),
            Unfit::NotWritten | Unfit::NotRead | Unfit::Changed => Self::Value,
        }
    }
}

/// That keys and values come back from their bytes as what they are. Without a value, only the key is looked at.
pub(super) fn check_event<S: Kind>(key: &S::Key, value: Option<&S::Value>) -> Result<(), Unreadable> {
    let mut bytes = Vec::new();
    if let KeyForm::Content(content) = key.form() {
        // What comes back is compared as a key, since nothing else of it can be.
        let is_same = |content| S::Key::from_form(key.name(), OwnedForm::Content(content)).as_ref() == Some(key);
        let seed = PhantomData::<<S::Key as Key>::Content>;
        let checked =
            serial::write(&*content, &mut bytes).and_then(|()| serial::read_back(&bytes, seed, serial::write, is_same));
        let type_name = core::any::type_name::<<S::Key as Key>::Content>();
        checked.map_err(|reason| Unreadable { type_name, is_key: true, key: bytes.clone(), reason })?;
    }
    let Some(value) = value else { return Ok(()) };
    let put = |value: &S::Value, out: &mut Vec<u8>| serial::write(&Written::<S>(value), out);
    let mut written = Vec::new();
    let checked = put(value, &mut written)
        .and_then(|()| serial::read_back(&written, EventOf::<S>(key), put, |back| back == *value));
    let type_name = core::any::type_name::<S::Value>();
    checked.map_err(|reason| Unreadable { type_name, is_key: false, key: bytes, reason })
}

/// A key as events name it. What cannot be written has no name.
pub(super) fn name_key(key: &impl Key, out: &mut Vec<u8>) {
    if let KeyForm::Content(content) = key.form() {
        _ = serial::write(&*content, out);
    }
}

/// Measures values, in one buffer.
#[derive(Default)]
pub(super) struct Sizes {
    bytes: Vec<u8>,
}

impl Sizes {
    /// Takes a key with its value for the largest one, if it is larger. What cannot be written has no size.
    pub(super) fn compare<S: Kind>(&mut self, key: &S::Key, value: &S::Value, largest: &mut Option<Largest>) {
        self.bytes.clear();
        name_key(key, &mut self.bytes);
        let key_len = self.bytes.len();
        _ = serial::write(&Written::<S>(value), &mut self.bytes);
        if largest.as_ref().is_none_or(|largest| self.bytes.len() > largest.bytes) {
            *largest = Some(Largest::new(key.title(), self.bytes[..key_len].to_vec(), self.bytes.len()));
        }
    }
}
