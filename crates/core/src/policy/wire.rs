//! The compiled form of a policy, byte by byte.
//!
//! A number is LEB128, a text its length and its bytes, a list its length and its members, a choice the number of the
//! variant, a record its fields one after the other. A general format and its derived readers take 5 KB (gzip) of what
//! every visitor downloads; these take one.

use crate::invalidation::{Fact, Purge, PurgeRule, When};
use crate::key::{Segment, Template};
use crate::policy::route::{PathSegment, Pattern};
use crate::policy::{
    Anonymous, Authority, Budget, Collection, Device, EdgeSettings, Envelope, Event, FailsWith, Failure, LeadsTo,
    Lifetimes, LocalStore, Memory, Policy, Query, ResourceClass, Route, Scope, Store, Token,
};
use crate::principal::Identity;
use crate::proof::{Algorithm, Proof, ProvenBy};
use crate::time::DeltaSeconds;

/// What has a compiled form.
pub(super) trait Wire: Sized {
    /// Writes it.
    fn write(&self, out: &mut Vec<u8>);
    /// Reads it. What cannot be read is empty, and [`Reader::is_done`] tells.
    fn read(from: &mut Reader<'_>) -> Self;
}

/// Reads bytes to their end, and from then on zeros.
pub(super) struct Reader<'b> {
    rest: &'b [u8],
    has_failed: bool,
}

impl<'b> Reader<'b> {
    pub(super) const fn new(bytes: &'b [u8]) -> Self {
        Self { rest: bytes, has_failed: false }
    }

    /// Whether everything was read, and made sense.
    pub(super) const fn is_done(&self) -> bool {
        self.rest.is_empty() && !self.has_failed
    }

    fn fail(&mut self) {
        (self.rest, self.has_failed) = (&[], true);
    }

    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.rest.split_first() else {
            self.has_failed = true;
            return 0;
        };
        self.rest = rest;
        *first
    }

    /// The number of things that follow, each of which takes a byte or more.
    fn count(&mut self) -> usize {
        let count = u64::read(self) as usize;
        if count > self.rest.len() {
            self.fail();
            return 0;
        }
        count
    }
}

impl Wire for u64 {
    fn write(&self, out: &mut Vec<u8>) {
        let mut left = *self;
        while left > 0x7f {
            out.push(left as u8 | 0x80);
            left >>= 7;
        }
        out.push(left as u8);
    }

    fn read(from: &mut Reader<'_>) -> Self {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = from.byte();
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return number;
            }
        }
        from.fail();
        0
    }
}

impl Wire for String {
    fn write(&self, out: &mut Vec<u8>) {
        (self.len() as u64).write(out);
        out.extend_from_slice(self.as_bytes());
    }

    fn read(from: &mut Reader<'_>) -> Self {
        let length = from.count();
        let Some((text, rest)) = from.rest.split_at_checked(length) else { return Self::new() };
        from.rest = rest;
        if let Ok(text) = core::str::from_utf8(text) {
            return text.to_owned();
        }
        from.fail();
        Self::new()
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn write(&self, out: &mut Vec<u8>) {
        (self.len() as u64).write(out);
        for member in self {
            member.write(out);
        }
    }

    fn read(from: &mut Reader<'_>) -> Self {
        let count = from.count();
        (0..count).map(|_| T::read(from)).collect()
    }
}

impl<T: Wire> Wire for Option<T> {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.is_some()));
        if let Some(value) = self {
            value.write(out);
        }
    }

    fn read(from: &mut Reader<'_>) -> Self {
        if bool::read(from) { Some(T::read(from)) } else { None }
    }
}

impl Wire for bool {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn read(from: &mut Reader<'_>) -> Self {
        let byte = from.byte();
        if byte > 1 {
            from.fail();
        }
        byte == 1
    }
}

impl Wire for (String, String) {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
        self.1.write(out);
    }

    fn read(from: &mut Reader<'_>) -> Self {
        (String::read(from), String::read(from))
    }
}

impl Wire for usize {
    fn write(&self, out: &mut Vec<u8>) {
        (*self as u64).write(out);
    }

    fn read(from: &mut Reader<'_>) -> Self {
        u64::read(from) as Self
    }
}

impl Wire for u32 {
    fn write(&self, out: &mut Vec<u8>) {
        u64::from(*self).write(out);
    }

    fn read(from: &mut Reader<'_>) -> Self {
        u64::read(from) as Self
    }
}

impl Wire for DeltaSeconds {
    fn write(&self, out: &mut Vec<u8>) {
        self.get().write(out);
    }

    fn read(from: &mut Reader<'_>) -> Self {
        Self::new(u64::read(from))
    }
}

impl Wire for Template {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
    }

    fn read(from: &mut Reader<'_>) -> Self {
        Self(Wire::read(from))
    }
}

impl Wire for Pattern {
    fn write(&self, out: &mut Vec<u8>) {
        self.0.write(out);
    }

    fn read(from: &mut Reader<'_>) -> Self {
        Self(Wire::read(from))
    }
}

/// A record is every one of its fields.
macro_rules! records {
    ($($name:ident { $($field:ident),* $(,)? })*) => { $(
        impl Wire for $name {
            fn write(&self, out: &mut Vec<u8>) {
                $(self.$field.write(out);)*
            }

            fn read(from: &mut Reader<'_>) -> Self {
                $(let $field = Wire::read(from);)*
                Self { $($field),* }
            }
        }
    )* };
}

/// A choice is the number of its variant, and what that holds. The first one is read where nothing can be.
macro_rules! choices {
    ($($name:ident { $($number:literal $variant:ident $(($inner:ident))?),* $(,)? })*) => { $(
        impl Wire for $name {
            fn write(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$variant $(($inner))? => {
                        out.push($number);
                        $($inner.write(out);)?
                    })*
                }
            }

            fn read(from: &mut Reader<'_>) -> Self {
                match from.byte() {
                    $($number => Self::$variant $(({
                        let $inner = Wire::read(from);
                        $inner
                    }))?,)*
                    _ => {
                        from.fail();
                        Self::read(from)
                    }
                }
            }
        }
    )* };
}

/// Only the edge verifies, and a tier without mutations causes no events: where they are not needed, the policy holds nothing
/// of them ([`for_service_worker`](super::document::for_service_worker), [`for_sdk`](super::document::for_sdk)), and the
/// tier does without the readers.
impl Wire for Policy {
    fn write(&self, out: &mut Vec<u8>) {
        self.name.write(out);
        self.version.write(out);
        self.bound.write(out);
        self.token.write(out);
        self.record_timeout.write(out);
        self.edge.write(out);
        self.shell.write(out);
        self.classes.write(out);
        self.routes.write(out);
        self.identity.write(out);
        self.operators.write(out);
        self.events.write(out);
        self.local.write(out);
    }

    fn read(from: &mut Reader<'_>) -> Self {
        Self {
            name: Wire::read(from),
            version: Wire::read(from),
            bound: Wire::read(from),
            token: Wire::read(from),
            record_timeout: Wire::read(from),
            edge: Wire::read(from),
            shell: Wire::read(from),
            classes: Wire::read(from),
            routes: Wire::read(from),
            identity: if_there_is(from, cfg!(feature = "edge")),
            operators: if_there_is(from, cfg!(feature = "edge")),
            events: if_there_is(from, cfg!(feature = "mutations")),
            local: if_there_is(from, cfg!(feature = "mutations")),
        }
    }
}

/// Reads what `is_needed`, or that it is not there.
#[inline(always)]
fn if_there_is<T: Wire + Default>(from: &mut Reader<'_>, is_needed: bool) -> T {
    if is_needed {
        return T::read(from);
    }
    // What an empty list and what no value are written as.
    if from.byte() != 0 {
        from.fail();
    }
    T::default()
}

records! {
    ResourceClass {
        name, scope, authority, query, key, tags, browser, headers, edge, device, anonymous, timeout, max_body, slice,
        collection,
    }
    Collection {
        items, by, ties, descending, page, first, limit, usual, most, envelope, code_at, failures,
    }
    Envelope { pagination, cached, status, warning }
    Failure { when, status, warning, retry }
    Lifetimes { ttl, stale_while_revalidate, stale_if_error, keep }
    Device { store, lifetimes, network_timeout, fallback, budget, opaque }
    Budget { bytes, entries }
    LocalStore { name, max_entries, ttl }
    Event { name, query, facts, edge, device, wipe, purge, queued }
    Route { method, pattern, leads_to }
    EdgeSettings { memory, store_timeout, collapse, remember_uncacheable }
    Memory { bytes, body, ttl }
    Identity { cookie, bearer, proof, issuer, audience, subject, leeway }
    Proof { by, algorithm, variable, url, remember, timeout }
    Fact { name, pointer }
    When { pointer, any_of }
    PurgeRule { name, when }
}

choices! {
    Scope { 0 Public, 1 User }
    Authority { 0 Policy, 1 Origin }
    Query { 0 All, 1 Listed(names) }
    Anonymous { 0 Pass, 1 Refuse }
    Store { 0 CacheStorage, 1 IndexedDb }
    Token { 0 Cookie, 1 Header, 2 Never }
    LeadsTo { 0 Class(index), 1 Event(index) }
    ProvenBy { 0 Key, 1 KeySet, 2 Issuer }
    Algorithm { 0 Hs256, 1 Rs256, 2 Es256, 3 EdDsa }
    Purge { 0 Soft, 1 Hard }
    FailsWith { 0 Timeout, 1 Code(code), 2 Status(status) }
    Segment { 0 Literal(text), 1 Param(name) }
    PathSegment { 0 Rest, 1 Literal(text), 2 Param(name) }
}

#[cfg(all(test, feature = "document"))]
mod tests {
    use super::*;
    use crate::policy::document::read;

    fn policies() -> [Policy; 2] {
        let videomi = include_str!("../../../../policies/videomi.json");
        let http = include_str!("../../../../policies/http.json");
        [videomi, http].map(|text| read(text).policy.expect("a policy"))
    }

    #[test]
    fn a_policy_reads_back() {
        for policy in policies() {
            assert_eq!(Policy::decode(&policy.encode()), Ok(policy));
        }
    }

    #[test]
    fn what_is_cut_off_or_too_long_is_no_policy() {
        for policy in policies() {
            let mut bytes = policy.encode();
            for length in 0..bytes.len() {
                assert!(Policy::decode(&bytes[..length]).is_err(), "{length} bytes of it");
            }
            bytes.push(0);
            assert!(Policy::decode(&bytes).is_err());
        }
    }

    #[test]
    fn any_bytes_are_read_to_an_end() {
        let bytes = policies()[0].encode();
        for at in 1..bytes.len() {
            for other in [0, 1, 0x7f, 0x80, 0xff] {
                let mut broken = bytes.clone();
                broken[at] = other;
                // Whatever it says: it says so without a crash.
                let _ = Policy::decode(&broken);
            }
        }
        assert!(
            Policy::decode(&[super::super::FORM, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]).is_err()
        );
    }
}
