//! Keys and values of applications as bytes: serde in the postcard format, within limits that hold for every type.
//!
//! A type that refers to itself can be nested as deep as its bytes say, and items that take no bytes can be as many as a
//! length claims. Both are bounded here, in the same way for what is written and for what is read, so that nothing can be
//! written that is refused afterwards.

mod budget;
mod check;
mod reader;
mod visitor;
mod writer;

use alloc::vec::Vec;
use core::cell::Cell;

use postcard::{de_flavors, ser_flavors};
use serde::Serialize;
use serde::de::DeserializeSeed;

pub(crate) use budget::Budget;
pub use budget::Unfit;
pub use check::Unreadable;
pub(crate) use check::read_back;
pub(crate) use reader::LimitedReader;
pub(crate) use writer::LimitedValue;

/// How deep values may be nested in keys and values of applications: options, lists, maps, tuples, structs and enums count
/// one each. A [`Value`](crate::Value) of a store, whose own limit is 64 lists and maps, takes two of them for each.
pub(crate) const DEPTH_MAX: u16 = 192;

/// How many items without bytes one key or value may hold beyond one for each of its bytes.
pub(crate) const EMPTY_ITEMS: usize = 256;

/// Appends a value. Nothing is appended if it cannot be written.
pub(crate) fn write<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), Unfit> {
    let (start, budget) = (out.len(), Budget::new());
    let content = LimitedValue { value, budget: &budget, depth: 0 };
    let written = postcard::serialize_with_flavor(&content, Out { bytes: out, written: budget.bytes() });
    let written = budget.judge(written.map_err(|_| Unfit::NotWritten), |fault| fault);
    if written.is_err() {
        out.truncate(start);
    }
    written
}

/// Reads a value from the beginning of `bytes`. Returns it with its length.
pub(crate) fn read<T, D>(seed: D, bytes: &[u8]) -> Result<(T, usize), Unfit>
where
    D: for<'de> DeserializeSeed<'de, Value = T>,
{
    let budget = Budget::new();
    let value = {
        let mut input = postcard::Deserializer::from_flavor(In { rest: bytes, read: budget.bytes() });
        seed.deserialize(LimitedReader { inner: &mut input, budget: &budget, depth: 0 })
    };
    let value = budget.judge(value.map_err(|_| Unfit::NotRead), |fault| fault)?;
    Ok((value, budget.bytes().get()))
}

/// Bytes on their way out, counted.
struct Out<'a> {
    bytes: &'a mut Vec<u8>,
    written: &'a Cell<usize>,
}

impl ser_flavors::Flavor for Out<'_> {
    type Output = ();

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.bytes.push(byte);
        self.written.set(self.written.get() + 1);
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.bytes.extend_from_slice(bytes);
        self.written.set(self.written.get() + bytes.len());
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// Bytes on their way in, counted.
struct In<'a> {
    rest: &'a [u8],
    read: &'a Cell<usize>,
}

impl<'a> de_flavors::Flavor<'a> for In<'a> {
    type Remainder = ();
    type Source = &'a [u8];

    #[inline]
    fn pop(&mut self) -> postcard::Result<u8> {
        self.try_take_n(1).map(|taken| taken[0])
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }

    #[inline]
    fn try_take_n(&mut self, count: usize) -> postcard::Result<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(postcard::Error::DeserializeUnexpectedEnd)?;
        self.rest = rest;
        self.read.set(self.read.get() + count);
        Ok(taken)
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}
