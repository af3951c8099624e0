//! The client SDK of Tiercel: metadata of a web app in IndexedDB, by the same policy as the edge.
//!
//! The policy core decides; this crate carries heads to it and decisions out. `js/` is the package that an app
//! imports: a typed facade over [`client::Client`], and nothing more.
//!
//! ```text
//!  client    what JavaScript sees                     session   one user's open cache: the state all share
//!  drive     the one match over the core's decisions  flights   requests under way, one per key
//!  mutate    a mutation, and what it makes untrue     network   asking, through the host (js/host.js)
//!  answer    deliveries and failures as JavaScript values
//!  store     where records live ─▶ disk (rexie) or memory        record  one stored response
//!  local     what only the device has, likewise       stored    what is stored, for people
//!  purges    what was invalidated, and when           watchers  who wants to hear of a key
//!  sync      other tabs, the page's events, the Service Worker (js/lines.js)   wipe    logout
//! ```

mod answer;
#[cfg(target_family = "wasm")]
#[path = "../../shared/blocks.rs"]
mod blocks;
pub mod client;
mod disk;
mod drive;
mod flights;
pub mod host;
mod js;
mod local;
mod memory;
mod mutate;
mod network;
#[path = "../../shared/pointer.rs"]
mod pointer;
mod purges;
mod record;
mod session;
mod store;
mod stored;
mod sync;
mod timer;
mod watchers;
mod wipe;
