//! Memory in blocks whose sizes are powers of two; one that is given back waits for the next that wants its size. Nothing is
//! joined or split, so that at most twice as much is taken as was ever in use at once of each size. An allocator that does
//! better would be 2 KB more of what every visitor downloads.

#![expect(unsafe_code, reason = "an allocator")]

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32::{memory_grow, memory_size};
use core::cell::Cell;
use core::ptr;

#[global_allocator]
static MEMORY: Memory =
    Memory { free: [const { Cell::new(ptr::null_mut()) }; SIZES], next: Cell::new(0), end: Cell::new(0) };

/// A page of wasm, in bytes.
const PAGE: usize = 1 << 16;
/// The smallest block, in bytes, as a power of two: what a list of free blocks needs, and any alignment that is asked for.
const SMALLEST: u32 = 4;
/// The largest is 2 GiB.
const SIZES: usize = 28;

struct Memory {
    /// For each size the first block that waits; the address of the next one stands in it.
    free: [Cell<*mut u8>; SIZES],
    /// Where what nobody has had begins.
    next: Cell<usize>,
    /// Where it ends.
    end: Cell<usize>,
}

/// The size of the block for a layout, as a power of two.
fn power(layout: Layout) -> u32 {
    let bytes = layout.size().max(layout.align()).max(1);
    (usize::BITS - (bytes - 1).leading_zeros()).max(SMALLEST)
}

impl Memory {
    fn waiting(&self, power: u32) -> Option<&Cell<*mut u8>> {
        self.free.get((power - SMALLEST) as usize)
    }

    /// A block of this size that nobody has had; null where there are no more.
    fn fresh(&self, power: u32) -> *mut u8 {
        if self.end.get() == 0 {
            // Before that the linker has put what is there from the start.
            self.end.set(memory_size(0) * PAGE);
            self.next.set(self.end.get());
        }
        let size = 1_usize << power;
        // A small block never crosses one of its own size; a large one needs no more than a page's alignment.
        let start = self.next.get().next_multiple_of(size.min(PAGE));
        let Some(next) = start.checked_add(size) else { return ptr::null_mut() };
        if next > self.end.get() {
            if memory_grow(0, (next - self.end.get()).div_ceil(PAGE)) == usize::MAX {
                return ptr::null_mut();
            }
            self.end.set(memory_size(0) * PAGE);
        }
        self.next.set(next);
        start as *mut u8
    }
}

// SAFETY: this wasm has one thread.
unsafe impl Sync for Memory {}

// SAFETY: a block is in one list or in one hand, and is as large and as aligned as the power of two that its layout asks for.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let power = power(layout);
        let Some(list) = self.waiting(power) else { return ptr::null_mut() };
        let block = list.get();
        if block.is_null() {
            return self.fresh(power);
        }
        // SAFETY: `dealloc` has written it.
        list.set(unsafe { block.cast::<*mut u8>().read() });
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if let Some(list) = self.waiting(power(layout)) {
            // SAFETY: the block is nobody's by now, and has room for an address.
            unsafe { block.cast::<*mut u8>().write(list.get()) };
            list.set(block);
        }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller has made sure of the size.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        if power(wanted) == power(layout) {
            return old;
        }
        // SAFETY: both blocks have room for the smaller of the two.
        unsafe {
            let moved = self.alloc(wanted);
            if !moved.is_null() {
                ptr::copy_nonoverlapping(old, moved, layout.size().min(size));
                self.dealloc(old, layout);
            }
            moved
        }
    }
}
