//! Records in a log: `dotl`, generation, length, bytes, checksum.

use alloc::vec::Vec;

use xxhash_rust::xxh64::xxh64;

const MAGIC: [u8; 4] = *b"dotl";
const HEAD: usize = MAGIC.len() + 8 + 4;
const CHECKSUM: usize = 8;
/// The longest record. What is longer is saved as a snapshot.
pub(super) const LONGEST: usize = 1 << 30;

/// Appends a record to a log of this length. The checksum depends on the place, so that bytes of an
/// application are never taken for a record.
pub(super) fn put(log: u64, generation: u64, record: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&generation.to_le_bytes());
    debug_assert!(record.len() <= LONGEST);
    out.extend_from_slice(&(record.len() as u32).to_le_bytes());
    out.extend_from_slice(record);
    let checksum = xxh64(&out[start..], log).to_le_bytes();
    out.extend_from_slice(&checksum);
}

/// One whole record.
pub(super) struct Frame<'a> {
    pub(super) generation: u64,
    pub(super) record: &'a [u8],
    /// Where the next one is.
    pub(super) end: usize,
}

/// The record at this place, if there is a whole and undamaged one.
pub(super) fn at(log: &[u8], start: usize) -> Option<Frame<'_>> {
    let rest = log.get(start..)?;
    let head = rest.get(..HEAD)?;
    if !head.starts_with(&MAGIC) {
        return None;
    }
    let generation = u64::from_le_bytes(head[4..12].try_into().ok()?);
    let len = u32::from_le_bytes(head[12..16].try_into().ok()?) as usize;
    let end = HEAD.checked_add(len)?;
    let checksum = rest.get(end..end.checked_add(CHECKSUM)?)?;
    let whole = xxh64(&rest[..end], start as u64).to_le_bytes() == checksum;
    whole.then_some(Frame { generation, record: &rest[HEAD..end], end: start + end + CHECKSUM })
}

/// Whether a record of this generation begins behind `start`. Looked for only once something is wrong.
///
/// Bytes of an application can look like the beginnings of many long records, each of which would have to be hashed.
/// After 1 GiB of that, or 64 times the log, the answer is yes: better to refuse a log than to drop what may be in it.
pub(super) fn any_behind(log: &[u8], start: usize, generation: u64) -> bool {
    let mut budget = (1 << 30).max(log.len().saturating_mul(64));
    search_behind(log, start, generation, &mut budget)
}

fn search_behind(log: &[u8], start: usize, generation: u64, budget: &mut usize) -> bool {
    let generation = generation.to_le_bytes();
    for at in start + 1..log.len() {
        let Some(head) = log[at..].get(..HEAD).filter(|head| head.starts_with(&MAGIC) && head[4..12] == generation)
        else {
            continue;
        };
        let len = u32::from_le_bytes([head[12], head[13], head[14], head[15]]) as usize;
        if len > log.len() - at {
            continue;
        }
        if len > *budget {
            return true;
        }
        *budget -= len;
        if self::at(log, at).is_some() {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_of(heads: usize, generation: u64, len: u32) -> Vec<u8> {
        let head = [&MAGIC[..], &generation.to_le_bytes(), &len.to_le_bytes()].concat();
        head.repeat(heads)
    }

    #[test]
    fn a_tail_full_of_beginnings_is_searched_in_bounded_work() {
        // Of another generation, and longer than what is left: nothing is hashed.
        for log in [log_of(10_000, 6, 80_000), log_of(10_000, 7, 160_000)] {
            let mut budget = 0;
            assert!(!search_behind(&log, 0, 7, &mut budget));
        }
        // All are hashed while the budget lasts, and then it is taken for damaged.
        let log = log_of(1_000, 7, 4_000);
        let mut budget = 16_000 * 64;
        assert!(!search_behind(&log, 0, 7, &mut { 4_000_000 }));
        assert!(search_behind(&log, 0, 7, &mut budget));
        assert!(budget < 4_000);
    }

    #[test]
    fn a_whole_record_behind_forged_ones_is_found() {
        let mut log = log_of(1_000, 7, 4_000);
        assert!(!any_behind(&log, 0, 7));
        let end = log.len() as u64;
        put(end, 7, b"whole", &mut log);
        assert!(any_behind(&log, 0, 7) && !any_behind(&log, 0, 8));
    }
}
