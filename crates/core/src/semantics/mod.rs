//! HTTP caching by section of RFC 9111 and RFC 9110. Pure functions over heads and times.

pub mod asked;
pub mod condition;
pub mod freshness;
pub mod located;
pub mod storable;
pub mod validate;
pub mod vary;
