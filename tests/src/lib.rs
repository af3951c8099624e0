//! What the tests of Tiercel as a whole share.
//!
//! [`tier`] is a cache with its store in memory, [`library`] an origin and [`show`] writes down what happened;
//! `tests/headers.rs` and `tests/world.rs` run them under a fake clock. [`live`] starts the built edge in workerd in front of [`origin`], an HTTP server of
//! the test's own; `tests/edge_*.rs` use those. [`broken`] is what such a server may say that is no good HTTP,
//! [`film`] what one says that has a long body, and [`versions`] what one says that names the version it shows.
//! [`counted`] adds up what the answers were. [`history`] judges what many clients saw of that, each with its [`jar`] of cookies; [`random`] has them do what
//! nobody foresees.

pub mod broken;
pub mod counted;
pub mod film;
pub mod history;
pub mod jar;
pub mod jwt;
pub mod keys;
pub mod library;
pub mod live;
pub mod origin;
pub mod random;
pub mod show;
pub mod tier;
pub mod versions;

use tiercel_core::engine::{Engine, Tier};
use tiercel_core::field::Fields;
use tiercel_core::policy::document::read;
use tiercel_core::time::Timestamp;

/// The built-in policy.
pub const VIDEOMI: &str = include_str!("../../policies/videomi.json");
/// The plain RFC 9111 cache.
pub const HTTP: &str = include_str!("../../policies/http.json");

/// When every simulated test starts: Fri, 15 Jan 2027 08:00:00 GMT.
pub const START: Timestamp = Timestamp::from_secs(1_800_000_000);

/// An engine of the policy in `text`.
///
/// # Panics
/// When the policy has errors.
#[must_use]
pub fn engine(text: &str, tier: Tier) -> Engine {
    let reading = read(text);
    let diagnostics = reading.diagnostics;
    let policy = reading.policy.unwrap_or_else(|| panic!("the policy has errors: {diagnostics:?}"));
    Engine::new(policy, tier)
}

/// Field lines written as `Name: value`.
///
/// # Panics
/// When a line has no colon.
#[must_use]
pub fn fields<S: AsRef<str>>(lines: &[S]) -> Fields {
    let split = |line: &S| {
        let (name, value) = line.as_ref().split_once(':').expect("a field line is `Name: value`");
        (name.to_owned(), value.trim().to_owned())
    };
    lines.iter().map(split).collect()
}
