use alloc::vec::Vec;

use super::body::{FragmentCodec, Header, Input};
use super::causal::{check_parts, put_dot_set, take_dot_set};
use super::envelope::{self, Content};
use super::version::{put_writers, take_counters, take_writers};
use super::wire::put_varint;
use super::{DecodeError, Limits};
use crate::causality::MAX_COUNTER;
use crate::kernel::Operation;

impl<F: FragmentCodec> Operation<F> {
    /// Writes the operation down.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode_into(0, &mut out);
        out
    }

    /// Appends the encoded operation, marked with the schema of the application's data.
    pub fn encode_into(&self, schema: u32, out: &mut Vec<u8>) {
        let named = self.named();
        self.put(schema, |slot| named.binary_search(&slot).is_ok(), out);
    }

    /// The writers that it names, in the order of their slots.
    fn named(&self) -> Vec<u32> {
        let mut named: Vec<u32> = self.superseded.runs().iter().map(|(dot, _)| dot.slot()).collect();
        named.push(self.writer);
        named.extend((0..self.writers.slots() as u32).filter(|&slot| self.writers.at(slot) > 0));
        F::listed(&self.body, &mut |dot| named.push(dot.0.slot()));
        F::named(&self.body, &mut |slot| named.push(slot));
        named.sort_unstable();
        named.dedup();
        named
    }

    fn put(&self, schema: u32, is_named: impl Fn(u32) -> bool, out: &mut Vec<u8>) {
        envelope::seal(out, Content::Operation, schema, F::shape, |out| {
            let writers = &self.writers;
            let ranks = put_writers(writers, is_named, out);
            put_varint(out, u64::from(ranks.of[self.writer as usize]));
            put_varint(out, self.first);
            put_varint(out, self.count - 1);
            ranks.slots.iter().for_each(|&slot| put_varint(out, writers.at(slot)));
            put_dot_set(&self.superseded, &ranks.slots, out);
            F::encode_delta(&self.body, &ranks, out);
        });
    }

    /// Reads an operation back. Whatever is wrong with the bytes is found here.
    ///
    /// # Errors
    /// [`DecodeError`] for whatever is not an operation on this type, within the limits.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, DecodeError> {
        let reader = &mut envelope::open(bytes, Content::Operation, limits, F::shape)?;
        let table = take_writers(reader, limits)?;
        let count = table.slots();
        let writer = u32::try_from(reader.varint()?).ok().filter(|&writer| (writer as usize) < count);
        let writer = writer.ok_or(DecodeError::Malformed("an operation without a writer"))?;
        let (first, events) = (reader.varint()?, reader.varint()?);
        let last = first.checked_add(events).filter(|&last| first > 0 && last <= MAX_COUNTER);
        let last = last.ok_or(DecodeError::Malformed("a counter is out of range"))?;
        let others = |slot: u32| if slot == writer { 0 } else { MAX_COUNTER };
        let writers = table.with_counters(take_counters(reader, count, 0, others)?);
        let past = |slot: u32| if slot == writer { first - 1 } else { MAX_COUNTER };
        let superseded = take_dot_set(reader, count, past, limits.events)?;
        // Its body holds nothing but events of this group.
        let mut upto = alloc::vec![0; count];
        upto[writer as usize] = last;
        let (upto, known) = (table.with_counters(upto), |slot| if slot == writer { first - 1 } else { 0 });
        let header = Header { upto: &upto, known: &known };
        let body = F::decode_delta(&mut Input { reader, limits, events: limits.events }, &header)?;
        reader.end()?;
        check_parts::<F>(&body)?;
        let operation = Self { writers, writer, first, count: last - first + 1, superseded, body };
        // A writer that nothing names would take a place for good in every value to which the operation is applied.
        if operation.named().len() < count {
            return Err(DecodeError::Malformed("a writer that nothing names"));
        }
        Ok(operation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{OrSet, ReplicaId, SetBody, Writer};

    #[test]
    fn writers_that_nothing_names_are_refused() {
        let (mut set, mut writer) = (OrSet::<u8>::new(), Writer::from_seed(1));
        let (_, operation) = set.edit_as_operation(&mut writer, |mut set, edit| set.insert(edit, 1));
        let mut operation = operation.expect("something was written");
        let sound = operation.encode();
        for seed in 10..110 {
            operation.writers.intern(&ReplicaId::from_seed(seed));
        }
        assert_eq!(operation.encode(), sound, "they are not written");
        let mut forged = Vec::new();
        operation.put(0, |_| true, &mut forged);
        assert!(forged.len() > sound.len() + 1_600);
        assert_eq!(decode(&sound), Ok(sound.clone()));
        assert_eq!(decode(&forged), Err(DecodeError::Malformed("a writer that nothing names")));
    }

    fn decode(bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
        Operation::<SetBody<u8>>::decode(bytes, &Limits::default()).map(|operation| operation.encode())
    }
}
