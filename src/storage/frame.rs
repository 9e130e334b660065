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
pub(super) fn any_behind(log: &[u8], start: usize, generation: u64) -> bool {
    let starts = (start + 1..log.len()).filter(|&at| log[at..].starts_with(&MAGIC));
    starts.filter_map(|start| at(log, start)).any(|frame| frame.generation == generation)
}
