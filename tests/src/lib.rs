//! Tiercel.
