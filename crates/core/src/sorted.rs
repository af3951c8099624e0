//! Sorting by a heap. The standard library's sort is made for millions of values, and each type that it sorts costs a
//! tier 3 KB of wasm; here are a handful of names.

use std::collections::BinaryHeap;

/// The values in ascending order.
pub(crate) fn sorted<T: Ord>(values: Vec<T>) -> Vec<T> {
    BinaryHeap::from(values).into_sorted_vec()
}

/// The values in ascending order, each of them once.
pub(crate) fn set<T: Ord>(values: Vec<T>) -> Vec<T> {
    let mut values = sorted(values);
    values.dedup();
    values
}
