//! The policy core of Tiercel.
//!
//! One policy is compiled into three caches: an edge Worker, a Service Worker and a client SDK. This crate
//! decides for all of them: what belongs to which class, whose it is, under which key it is kept, whether what
//! was found may be served, what every header says, and what a mutation makes untrue. It does no I/O, reads no
//! clock and knows no runtime; the tiers bring heads and times in and carry decisions out.
//!
//! Start at [`engine::Engine`].

pub mod collection;
pub mod consistency;
pub mod engine;
pub mod epochs;
pub mod exchange;
#[cfg(feature = "document")]
pub mod explain;
pub mod field;
pub mod flights;
pub mod head;
pub mod hot;
pub mod hygiene;
pub mod invalidation;
pub mod inventory;
pub mod key;
pub mod keyring;
pub mod meta;
#[cfg(feature = "edge")]
pub mod operator;
pub mod policy;
pub mod principal;
pub mod proof;
pub mod queue;
pub mod recognised;
mod ruleset;
pub mod semantics;
pub mod slice;
mod sorted;
pub mod text;
pub mod tier;
pub mod time;
