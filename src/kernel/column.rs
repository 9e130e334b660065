use alloc::vec::Vec;

/// A growing array that never moves as a whole: segments of 2¹¹ entries.
///
/// Segments grow in steps, so that what is reserved and not used stays below a twelfth of the whole;
/// no single push moves more than one segment.
#[derive(Clone)]
pub(crate) struct Column<E> {
    /// All full, but for the last, which is never empty.
    segments: Vec<Vec<E>>,
    len: usize,
}

const SEGMENT_BITS: u32 = 11;
const SEGMENT: usize = 1 << SEGMENT_BITS;

impl<E> Default for Column<E> {
    fn default() -> Self {
        Self { segments: Vec::new(), len: 0 }
    }
}

impl<E> Column<E> {
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(crate) fn get(&self, slot: u32) -> &E {
        &self.segments[(slot >> SEGMENT_BITS) as usize][slot as usize % SEGMENT]
    }

    /// The entry at a slot that may be anything.
    #[inline]
    pub(crate) fn try_get(&self, slot: u32) -> Option<&E> {
        self.segments.get((slot >> SEGMENT_BITS) as usize)?.get(slot as usize % SEGMENT)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, slot: u32) -> &mut E {
        &mut self.segments[(slot >> SEGMENT_BITS) as usize][slot as usize % SEGMENT]
    }

    /// Appends and returns the slot.
    #[inline]
    pub(crate) fn push(&mut self, entry: E) -> u32 {
        match self.segments.last_mut() {
            Some(last) if last.len() < last.capacity() && last.len() < SEGMENT => last.push(entry),
            _ => self.push_grow(entry),
        }
        self.len += 1;
        self.len as u32 - 1
    }

    #[cold]
    fn push_grow(&mut self, entry: E) {
        let step = (self.len / 12).clamp(4, SEGMENT);
        match self.segments.last_mut() {
            Some(last) if last.len() < SEGMENT => {
                last.reserve_exact(step.min(SEGMENT - last.len()));
                last.push(entry);
            }
            last => {
                let mut segment = Vec::with_capacity(if last.is_some() { step } else { 1 });
                segment.push(entry);
                self.segments.push(segment);
            }
        }
    }

    /// Removes the last entry, which must be there.
    pub(crate) fn pop(&mut self) -> E {
        let last_segment = self.segments.last_mut().expect("an entry exists, so a segment does");
        let last = last_segment.pop().expect("no segment is empty");
        if last_segment.is_empty() {
            self.segments.pop();
        }
        self.len -= 1;
        last
    }

    pub(crate) fn into_iter(self) -> impl Iterator<Item = E> {
        self.segments.into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pushes_and_pops_like_a_vector() {
        let (mut column, mut vector) = (Column::default(), Vec::new());
        for i in 0..3 * SEGMENT as u32 + 7 {
            assert_eq!(column.push(i), i);
            vector.push(i);
        }
        while !vector.is_empty() {
            assert_eq!(Some(column.pop()), vector.pop());
            assert_eq!(column.len(), vector.len());
            if vector.len() % 64 == 0 {
                assert!(column.clone().into_iter().eq(vector.iter().copied()));
            }
        }
    }
}
