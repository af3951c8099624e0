//! Slices: a long body in parts of one length, so that a seek costs one part and not the whole. The arithmetic alone;
//! what a slice's key and request are is said in `exchange::sliced`.

use crate::field::range::ByteRange;

/// How a body is cut: every slice has the same length, but for the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slicing {
    length: u64,
    complete: u64,
}

/// What is wanted of one slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlicePart {
    /// Which slice, from zero.
    pub index: u64,
    /// Which of its bytes, counted from its own first one.
    pub take: ByteRange,
}

impl Slicing {
    /// A body of `complete` bytes in slices of `length` bytes; `None` when either is zero.
    #[must_use]
    pub const fn new(length: u64, complete: u64) -> Option<Self> {
        if length == 0 || complete == 0 { None } else { Some(Self { length, complete }) }
    }

    /// Length of a slice in bytes.
    #[must_use]
    pub const fn length(self) -> u64 {
        self.length
    }

    /// Length of the whole body in bytes.
    #[must_use]
    pub const fn complete(self) -> u64 {
        self.complete
    }

    /// Number of slices, at least one.
    #[must_use]
    pub const fn count(self) -> u64 {
        self.complete.div_ceil(self.length)
    }

    /// The whole body.
    #[must_use]
    pub const fn whole(self) -> ByteRange {
        ByteRange { first: 0, last: self.complete - 1 }
    }

    /// The bytes of the body that slice `index` holds; `None` past the end.
    #[must_use]
    pub fn range(self, index: u64) -> Option<ByteRange> {
        let first = index.checked_mul(self.length).filter(|first| *first < self.complete)?;
        Some(ByteRange { first, last: first.saturating_add(self.length - 1).min(self.complete - 1) })
    }

    /// The slice that holds the first byte of `wanted`, with what to take of it; `None` past the end.
    #[must_use]
    pub fn first_of(self, wanted: ByteRange) -> Option<SlicePart> {
        let last = wanted.last.min(self.complete - 1);
        let index = wanted.first / self.length;
        let start = index * self.length;
        let take = ByteRange { first: wanted.first - start, last: last.checked_sub(start)?.min(self.length - 1) };
        (wanted.first <= last).then_some(SlicePart { index, take })
    }

    /// The slices that hold `wanted`, in order, with what to take of each. Bytes past the end are left out.
    ///
    /// ```
    /// use tiercel_core::field::range::ByteRange;
    /// use tiercel_core::slice::Slicing;
    /// let film = Slicing::new(10, 25).unwrap();
    /// let parts = film.covering(ByteRange { first: 18, last: 24 }).map(|p| (p.index, p.take.first, p.take.last));
    /// assert_eq!(parts.collect::<Vec<_>>(), [(1, 8, 9), (2, 0, 4)]);
    /// ```
    pub fn covering(self, wanted: ByteRange) -> impl Iterator<Item = SlicePart> {
        let last = wanted.last.min(self.complete - 1);
        let indices = (wanted.first <= last).then(|| wanted.first / self.length..=last / self.length);
        indices.into_iter().flatten().map(move |index| {
            let start = index * self.length;
            let take = ByteRange { first: wanted.first.max(start) - start, last: (last - start).min(self.length - 1) };
            SlicePart { index, take }
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The parts of the slices that cover a range, one after the other, are that range.
        #[test]
        fn the_parts_are_the_range(length in 1u64..50, complete in 1u64..500, a in 0u64..600, b in 0u64..600) {
            let slicing = Slicing::new(length, complete).expect("neither is zero");
            let wanted = ByteRange { first: a.min(b), last: a.max(b) };
            let mut found = Vec::new();
            for part in slicing.covering(wanted) {
                let slice = slicing.range(part.index).expect("a slice of the body");
                prop_assert!(part.take.last < slice.len(), "{part:?} of {slice:?}");
                found.extend(slice.first + part.take.first..=slice.first + part.take.last);
            }
            let expected: Vec<u64> = (wanted.first..=wanted.last).filter(|at| *at < complete).collect();
            prop_assert_eq!(found, expected);
            prop_assert_eq!(slicing.first_of(wanted), slicing.covering(wanted).next());
        }

        /// Every byte is in exactly one slice.
        #[test]
        fn slices_tile_the_body(length in 1u64..50, complete in 1u64..500) {
            let slicing = Slicing::new(length, complete).expect("neither is zero");
            let slices: Vec<ByteRange> = (0..).map_while(|index| slicing.range(index)).collect();
            prop_assert_eq!(slices.len() as u64, slicing.count());
            let bytes: Vec<u64> = slices.iter().flat_map(|s| s.first..=s.last).collect();
            prop_assert_eq!(bytes, (0..complete).collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let slicing = Slicing::new(u64::MAX, u64::MAX).expect("neither is zero");
        assert_eq!((slicing.count(), slicing.range(0), slicing.range(1)), (1, Some(slicing.whole()), None));
        assert_eq!(slicing.covering(ByteRange { first: 5, last: u64::MAX }).count(), 1);
        assert_eq!(Slicing::new(0, 5).or(Slicing::new(5, 0)), None);
    }
}
