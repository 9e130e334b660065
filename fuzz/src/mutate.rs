//! Mutations: of bits, bytes, pieces, lengths, and of two inputs together. Checksums are made right again most of the time,
//! so that what is behind them is reached.

use xxhash_rust::xxh64::xxh64;

/// SplitMix64.
pub struct Random(u64);

impl Random {
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub const fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

const INTERESTING: [u8; 8] = [0, 1, 2, 0x7f, 0x80, 0x81, 0xfe, 0xff];

/// Another input, made of those that are there.
pub fn mutated(corpus: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut bytes = corpus[random.below(corpus.len())].clone();
    for _ in 0..=random.below(5) {
        let at = random.below(bytes.len().max(1)).min(bytes.len());
        let end = (at + random.below(12)).min(bytes.len());
        match random.below(9) {
            0 => set(&mut bytes, at, random.next() as u8),
            1 => {
                let bit = 1 << random.below(8);
                let value = bytes.get(at).map_or(0, |byte| byte ^ bit);
                set(&mut bytes, at, value);
            }
            2 => bytes.insert(at, INTERESTING[random.below(8)]),
            3 => _ = bytes.splice(at..end, []).count(),
            4 => bytes.truncate(at),
            5 => {
                let piece = bytes[at..end].to_vec();
                let to = random.below(bytes.len() + 1);
                bytes.splice(to..to, piece);
            }
            // A long number, which may be a length.
            6 => {
                let mut number = vec![0xff; random.below(9)];
                number.push(random.next() as u8 & 0x7f);
                bytes.splice(at..(at + 1).min(bytes.len()), number);
            }
            7 => set(&mut bytes, at, INTERESTING[random.below(8)]),
            _ => {
                let other = &corpus[random.below(corpus.len())];
                let from = random.below(other.len() + 1);
                let to = (from + random.below(64)).min(other.len());
                bytes.splice(at..end, other[from..to].iter().copied());
            }
        }
    }
    if random.below(5) > 0 {
        reseal(&mut bytes);
    }
    bytes
}

fn set(bytes: &mut [u8], at: usize, value: u8) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte = value;
    }
}

/// Makes the checksum at the end of an envelope right, which begins behind the first byte.
pub fn reseal(bytes: &mut [u8]) {
    if let Some(at) = bytes.len().checked_sub(4).filter(|&at| at > 0) {
        let checksum = (xxh64(&bytes[1..at], 0) as u32).to_le_bytes();
        bytes[at..].copy_from_slice(&checksum);
    }
}
