//! Sets of integers as runs, close to their entropy: a bit or two per integer where they are dense,
//! a few bytes for any number without gaps.

use alloc::vec::Vec;

use super::DecodeError;
use super::wire::{Reader, put_varint};

/// With fewer runs than this, they are plain varints.
const PACKED_FROM: usize = 8;
/// So many runs share their two Rice parameters.
const BLOCK: usize = 256;
/// A quotient of this and more is an escape: the integer follows as it is.
const ESCAPE: u64 = 24;
const RAW_BITS: u32 = 48;
const PARAMETER_BITS: u32 = 6;

/// Sorted integers, gathered into runs: first integer and length.
#[derive(Default)]
pub(crate) struct Runs(Vec<(u64, u64)>);

impl Runs {
    /// Appends an integer greater than all before.
    pub(crate) fn push(&mut self, value: u64) {
        self.push_run(value, 1);
    }

    pub(crate) fn push_run(&mut self, first: u64, len: u64) {
        match self.0.last_mut() {
            Some((start, run)) if *start + *run == first => *run += len,
            _ => self.0.push((first, len)),
        }
    }

    /// Whether most runs are so short that their lengths cost more than they tell. Then the gaps
    /// before the single integers are written, without lengths.
    fn is_scattered(&self) -> bool {
        self.0.len() >= PACKED_FROM && self.count() < 2 * self.0.len() as u64
    }

    /// Writes the set down. No integer is below `base`.
    pub(crate) fn encode(&self, base: u64, out: &mut Vec<u8>) {
        let scattered = self.is_scattered();
        let mut pairs = Vec::new();
        let mut end = base;
        // Runs do not touch, so that a gap is at least 1, but for the one in front.
        let mut touching = 0;
        for &(start, len) in &self.0 {
            pairs.push((start - end - touching, len - 1));
            if scattered {
                pairs.extend(core::iter::repeat_n((0, 0), len as usize - 1));
            } else {
                touching = 1;
            }
            end = start + len;
        }
        put_varint(out, (pairs.len() as u64) << 1 | u64::from(scattered));
        if self.0.len() < PACKED_FROM {
            for (gap, len) in pairs {
                put_varint(out, gap);
                put_varint(out, len);
            }
            return;
        }
        let mut bits = BitWriter { out, bits: 0, free: 8 };
        for block in pairs.chunks(BLOCK) {
            let gap_parameter = parameter(block.iter().map(|&(gap, _)| gap));
            bits.put(u64::from(gap_parameter), PARAMETER_BITS);
            if scattered {
                block.iter().for_each(|&(gap, _)| bits.rice(gap, gap_parameter));
                continue;
            }
            let len_parameter = parameter(block.iter().map(|&(_, len)| len));
            bits.put(u64::from(len_parameter), PARAMETER_BITS);
            for &(gap, len) in block {
                bits.rice(gap, gap_parameter);
                bits.rice(len, len_parameter);
            }
        }
        bits.finish();
    }

    /// Reads a set back, of at most `limit` runs. All integers are at least `base` and at most `max`,
    /// which is below 2⁴⁸.
    pub(crate) fn decode(reader: &mut Reader<'_>, base: u64, max: u64, limit: usize) -> Result<Self, DecodeError> {
        let head = reader.varint()?;
        let (count, scattered) = (head >> 1, head & 1 == 1);
        if count > limit as u64 {
            return Err(DecodeError::TooLarge("events"));
        }
        let mut runs = Self::default();
        let mut end = base;
        let mut push = |gap: u64, len: u64| {
            let touching = u64::from(!scattered && !runs.0.is_empty());
            let start = end.checked_add(gap)?.checked_add(touching)?;
            end = start.checked_add(len)?.checked_add(1).filter(|&end| end <= max + 1)?;
            runs.push_run(start, len + 1);
            Some(())
        };
        const BEYOND: DecodeError = DecodeError::Malformed("a set goes beyond its bound");
        if count < PACKED_FROM as u64 {
            for _ in 0..count {
                push(reader.varint()?, reader.varint()?).ok_or(BEYOND)?;
            }
        } else {
            let mut bits = BitReader { reader, bits: 0, left: 0 };
            let mut left = count;
            let mut block = Vec::new();
            while left > 0 {
                block.clear();
                let gap_parameter = bits.parameter()?;
                let len_parameter = if scattered { 0 } else { bits.parameter()? };
                for _ in 0..left.min(BLOCK as u64) {
                    let gap = bits.rice(gap_parameter)?;
                    let len = if scattered { 0 } else { bits.rice(len_parameter)? };
                    push(gap, len).ok_or(BEYOND)?;
                    block.push((gap, len));
                }
                left -= block.len() as u64;
                let best_gap = parameter(block.iter().map(|&(gap, _)| gap));
                let best_len = parameter(block.iter().map(|&(_, len)| len));
                if (gap_parameter, len_parameter) != (best_gap, best_len) {
                    return Err(DecodeError::Malformed("a Rice parameter is not the best one"));
                }
            }
            bits.finish()?;
        }
        if runs.is_scattered() != scattered {
            return Err(DecodeError::Malformed("a set is not in its shorter form"));
        }
        Ok(runs)
    }

    /// The first integers and lengths of the runs.
    pub(crate) fn runs(&self) -> &[(u64, u64)] {
        &self.0
    }

    /// How many integers are in the set.
    pub(crate) fn count(&self) -> u64 {
        self.0.iter().map(|&(_, len)| len).sum()
    }

    /// The integers, one by one.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.iter().flat_map(|&(start, len)| start..start + len)
    }

    /// Answers, for ascending integers, whether each is in the set.
    pub(crate) fn cursor(&self) -> impl FnMut(u64) -> bool + '_ {
        let mut runs = self.0.iter().copied().peekable();
        move |value| {
            while runs.next_if(|&(start, len)| start + len <= value).is_some() {}
            runs.peek().is_some_and(|&(start, _)| start <= value)
        }
    }
}

/// The Rice parameter with the least cost, the smallest of several.
///
/// The cost `n·(k + 1) + Σ ⌊x / 2ᵏ⌋` is convex in `k`, so the first one that the next does not beat.
fn parameter(values: impl Iterator<Item = u64> + Clone) -> u32 {
    let count = values.clone().count() as u128;
    let cost =
        |k: u32| -> u128 { u128::from(k) * count + values.clone().map(|value| u128::from(value >> k)).sum::<u128>() };
    let (mut k, mut least) = (0, cost(0));
    while k < RAW_BITS {
        let next = cost(k + 1);
        if next >= least {
            break;
        }
        (k, least) = (k + 1, next);
    }
    k
}

/// Fills bytes from their highest bit.
struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    bits: u8,
    free: u32,
}

impl BitWriter<'_> {
    fn put(&mut self, value: u64, mut count: u32) {
        while count > 0 {
            let step = count.min(self.free);
            let chunk = (value >> (count - step)) & ((1 << step) - 1);
            self.free -= step;
            self.bits |= (chunk as u8) << self.free;
            count -= step;
            if self.free == 0 {
                self.out.push(self.bits);
                (self.bits, self.free) = (0, 8);
            }
        }
    }

    fn rice(&mut self, value: u64, parameter: u32) {
        let quotient = value >> parameter;
        if quotient >= ESCAPE {
            self.put((1 << ESCAPE) - 1, ESCAPE as u32);
            self.put(value, RAW_BITS);
        } else {
            self.put(((1 << quotient) - 1) << 1, quotient as u32 + 1);
            self.put(value & ((1 << parameter) - 1), parameter);
        }
    }

    fn finish(self) {
        if self.free < 8 {
            self.out.push(self.bits);
        }
    }
}

struct BitReader<'a, 'b> {
    reader: &'a mut Reader<'b>,
    bits: u8,
    left: u32,
}

impl BitReader<'_, '_> {
    fn take(&mut self, mut count: u32) -> Result<u64, DecodeError> {
        let mut value = 0;
        while count > 0 {
            if self.left == 0 {
                (self.bits, self.left) = (self.reader.byte()?, 8);
            }
            let step = count.min(self.left);
            self.left -= step;
            let chunk = (u64::from(self.bits) >> self.left) & ((1 << step) - 1);
            value = value << step | chunk;
            count -= step;
        }
        Ok(value)
    }

    fn parameter(&mut self) -> Result<u32, DecodeError> {
        match self.take(PARAMETER_BITS)? as u32 {
            parameter @ 0..=RAW_BITS => Ok(parameter),
            _ => Err(DecodeError::Malformed("a Rice parameter is out of range")),
        }
    }

    fn rice(&mut self, parameter: u32) -> Result<u64, DecodeError> {
        let mut quotient = 0;
        while quotient < ESCAPE && self.take(1)? == 1 {
            quotient += 1;
        }
        if quotient < ESCAPE {
            return Ok(quotient << parameter | self.take(parameter)?);
        }
        let value = self.take(RAW_BITS)?;
        if value >> parameter < ESCAPE {
            return Err(DecodeError::Malformed("an escape where none is needed"));
        }
        Ok(value)
    }

    fn finish(self) -> Result<(), DecodeError> {
        let padding = self.bits & ((1u16 << self.left) - 1) as u8;
        if padding == 0 { Ok(()) } else { Err(DecodeError::Malformed("padding is not zero")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(values: &[u64], base: u64) -> usize {
        let mut runs = Runs::default();
        values.iter().for_each(|&value| runs.push(value));
        let mut out = Vec::new();
        runs.encode(base, &mut out);
        let mut reader = Reader::new(&out);
        let max = values.last().copied().unwrap_or(base);
        let back = Runs::decode(&mut reader, base, max, 1 << 20).unwrap();
        assert_eq!(reader.end(), Ok(()));
        assert!(back.iter().eq(values.iter().copied()));
        assert_eq!(back.count(), values.len() as u64);
        let mut contains = back.cursor();
        for value in base..(max + 2).min(base + 3_000) {
            assert_eq!(contains(value), values.binary_search(&value).is_ok());
        }
        if max > base {
            assert!(Runs::decode(&mut Reader::new(&out), base, max - 1, 1 << 20).is_err());
        }
        for cut in 0..out.len() {
            assert!(Runs::decode(&mut Reader::new(&out[..cut]), base, max, 1 << 20).is_err());
        }
        out.len()
    }

    fn random_subset(of: u64, one_in: u64) -> Vec<u64> {
        let mut state = 9u64;
        let mut random = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        };
        (1..=of).filter(|_| random() % one_in == 0).collect()
    }

    #[test]
    fn sets_round_trip() {
        round_trip(&[], 0);
        round_trip(&[0], 0);
        round_trip(&[1, 2, 3, 9], 1);
        round_trip(&[5, (1 << 42) - 1], 1);
        let mut far: Vec<u64> = (1..40).map(|i| i * 3).collect();
        far.push(1 << 41);
        round_trip(&far, 1);
        for one_in in [2, 3, 10] {
            round_trip(&random_subset(2_000, one_in), 1);
        }
    }

    /// A tenth above the entropy at most, as is asked of the encoded metadata.
    #[test]
    fn random_gaps_cost_little_more_than_their_entropy() {
        for one_in in [2u64, 3, 4, 5, 8, 20, 1000] {
            let (of, mut runs) = (one_in * 20_000, Runs::default());
            let values = random_subset(of, one_in);
            values.iter().for_each(|&value| runs.push(value));
            let mut out = Vec::new();
            runs.encode(1, &mut out);
            let p = values.len() as f64 / of as f64;
            let entropy = of as f64 * -(p * p.log2() + (1.0 - p) * (1.0 - p).log2()) / 8.0;
            let ratio = out.len() as f64 / entropy;
            assert!(ratio < 1.06, "one in {one_in}: {ratio}");
        }
    }

    #[test]
    fn a_run_of_any_length_costs_a_few_bytes() {
        let mut runs = Runs::default();
        runs.push_run(1, 1 << 40);
        let mut out = Vec::new();
        runs.encode(1, &mut out);
        assert!(out.len() < 10);
    }
}
