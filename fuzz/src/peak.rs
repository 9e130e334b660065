//! How much is allocated at once.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// What this thread has now, and the most since it was asked.
    static NOW: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
    /// The most within what was decoded.
    static MOST: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, with a count.
struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn count(bytes: isize) {
    // At the end of a thread there is nothing to count in.
    _ = NOW.try_with(|now| {
        let (held, most) = now.get();
        now.set((held + bytes, most.max(held + bytes)));
    });
}

// SAFETY: all is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// What `work` returns, and the most that was allocated at once within the [`decoding`] that it did.
pub fn of<R>(work: impl FnOnce() -> R) -> (R, usize) {
    MOST.set(0);
    let result = work();
    (result, MOST.get())
}

/// Decodes something: what is allocated meanwhile counts.
pub fn decoding<R>(decode: impl FnOnce() -> R) -> R {
    let (held, _) = NOW.get();
    NOW.set((held, held));
    let result = decode();
    let (_, most) = NOW.get();
    MOST.set(MOST.get().max(usize::try_from(most - held).unwrap_or(0)));
    result
}
