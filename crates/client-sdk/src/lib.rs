//! The client SDK of Tiercel: metadata of a web app in IndexedDB, by the same policy as the edge.
//!
//! The policy core decides; this crate carries heads to it and decisions out. `js/` is the package that an app
//! imports: a typed facade over [`client::Client`], and nothing more.
//!
//! ```text
//!  client    what JavaScript sees                     session   one user's open cache: the state all share
//!  drive     the one match over the core's decisions  flights   requests under way, one per key
//!  network   fetch                                    answer    deliveries and failures as JavaScript values
//!  store     where records live ─▶ disk (rexie) or memory        record  one stored response
//!  purges    what was invalidated, and when           watchers  who wants to hear of a key
//!  sync      other tabs, the page's events, the Service Worker   wipe    logout
//! ```

#[path = "../../shared/allocator.rs"]
mod allocator;
mod answer;
pub mod client;
mod disk;
mod drive;
#[path = "../../shared/fields.rs"]
mod fields;
mod flights;
mod js;
mod memory;
mod network;
mod purges;
mod record;
mod session;
mod store;
mod sync;
mod timer;
mod watchers;
mod wipe;
