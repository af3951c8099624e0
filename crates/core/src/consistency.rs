//! The consistency token: what a client has changed, as far as no answer to it may be older.
//!
//! The token is itself the purge, for its bearer: short digests of the names that were purged, each with its moment. An
//! entry that was asked for by that moment, and has such a name, does not answer the bearer, in whichever isolate of
//! whichever data centre it is found. Nobody needs to be asked for that. A forged token makes its bearer ask the origin
//! more often, and changes nothing for others.
//!
//! ```text
//! token  = ( "a" / "b" ) 1*mark   ; "b": the objects had not been told yet, so that it lasts longer
//! mark   = moment digest
//! moment = 9base36                ; milliseconds since the Unix epoch
//! digest = 5base36                ; of a name; 00000 stands for every name
//! base36 = DIGIT / %x61-7A        ; 0-9 a-z
//! ```
//!
//! So a token is a `sf-token` (RFC 8941 §3.3.4) and a `cookie-value` (RFC 6265 §4.1.1), holds neither a name nor
//! anybody's id, and the order of moments is that of their digits. What cannot be read may be what is left of a good
//! token: its bearer gets nothing that was asked for by now.

use std::iter;

use sha2::{Digest, Sha256};

use crate::epochs::SKEW;
use crate::field::Fields;
use crate::head::RequestHead;
use crate::policy::{Policy, Token};
use crate::text;
use crate::text::push_number;
use crate::time::{DeltaSeconds, Timestamp};

/// The field that carries tokens, in requests and in the answers to mutations.
pub const CONSISTENCY: &str = "tiercel-consistency";
/// How the names of the cookies begin that carry one token each.
pub const SEEN_COOKIE: &str = "tiercel-seen-";

/// How long a token counts whose purge the objects could not be told in time, in seconds.
const PENDING: DeltaSeconds = DeltaSeconds::new(86_400);
/// Longest list of marks, in bytes; a longer one becomes a mark for every name.
const LONGEST: usize = 40 * MARK;
/// Most marks that are looked at, in bytes; beyond that, too, it is a mark for every name.
const MOST: usize = 4 * LONGEST;
/// Length of a mark.
const MARK: usize = MOMENT + DIGEST;
/// Length of a moment: such numbers last until the year 5188.
const MOMENT: usize = 9;
/// Length of a digest.
const DIGEST: usize = 5;
/// Stands for every name.
const EVERYTHING: &str = "00000";

/// What a client has changed, by the tokens of its request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Writes {
    /// One behind the other.
    marks: String,
    /// Whether one of them lasts longer.
    is_pending: bool,
    /// What the names of the cookies end in that said so, each with a semicolon behind it.
    cookies: String,
    /// Whether the request came by https.
    is_secure: bool,
}

impl Writes {
    /// Takes every token off a request, whether it counts or not: they are the edge's own.
    pub(crate) fn take(request: &mut RequestHead, policy: &Policy, now: Timestamp) -> Self {
        let is_secure = request.target.origin.starts_with("https:");
        let (mut writes, fields) = (Self { is_secure, ..Self::default() }, &mut request.fields);
        if !fields.has(CONSISTENCY) && !fields.all("cookie").any(|line| text::contains(line, SEEN_COOKIE)) {
            return writes;
        }
        let mut others = String::new();
        for (name, value) in fields.iter() {
            let separator = match name {
                "cookie" => ';',
                CONSISTENCY => ',',
                _ => continue,
            };
            for member in value.split(separator) {
                writes.take_member(member.trim_ascii(), separator == ';', &mut others, policy, now);
            }
        }
        fields.remove(CONSISTENCY);
        fields.remove("cookie");
        if !others.is_empty() {
            fields.append("cookie", others);
        }
        if policy.token == Token::Never { Self::default() } else { writes }
    }

    fn take_member(&mut self, member: &str, is_cookie: bool, others: &mut String, policy: &Policy, now: Timestamp) {
        if !is_cookie {
            self.read(member, policy, now);
        } else if let Some(own) = member.strip_prefix(SEEN_COOKIE) {
            let (name, token) = own.split_once('=').unwrap_or((own, ""));
            self.read(token, policy, now);
            if name.is_ascii() && self.cookies.len() < LONGEST {
                self.cookies.push_str(name);
                self.cookies.push(';');
            }
        } else if !member.is_empty() {
            // RFC 9113 §8.2.3: several lines are one.
            others.push_str(if others.is_empty() { "" } else { "; " });
            others.push_str(member);
        }
    }

    /// Adds what a token says that counts still.
    fn read(&mut self, token: &str, policy: &Policy, now: Timestamp) {
        let now = now.as_millis();
        let is_pending = token.starts_with('b');
        let marks = token.get(1..).unwrap_or_default();
        let oldest = digits(now.saturating_sub(lasts(is_pending, policy).get() * 1000), MOMENT);
        // Nobody has written in the future; another machine's clock may be ahead.
        let newest = digits(now + SKEW + 1, MOMENT);
        let is_form = (is_pending || token.starts_with('a')) && !marks.is_empty() && marks.len() % MARK == 0;
        let is_sound = is_form && is_base36(marks) && each(marks).all(|mark| mark < newest.as_str());
        if !is_sound || self.marks.len() + marks.len() > MOST {
            self.is_pending |= is_pending;
            self.marks = [&digits(now + SKEW, MOMENT), EVERYTHING].concat();
            return;
        }
        for mark in each(marks).filter(|mark| *mark > oldest.as_str()) {
            self.is_pending |= is_pending;
            self.marks.push_str(mark);
        }
    }

    /// Whether an entry with these `groups`, whose request began at `requested`, is too old for the bearer.
    pub(crate) fn hit(&self, groups: &[String], requested: Timestamp) -> bool {
        // Nobody but the edge takes any from a request.
        if !cfg!(feature = "edge") || self.marks.is_empty() {
            return false;
        }
        let since = digits(requested.as_millis().saturating_sub(SKEW), MOMENT);
        let mut names = String::new();
        for mark in each(&self.marks).filter(|mark| *mark > since.as_str()) {
            if names.is_empty() {
                push_marks(&mut names, &since, groups);
            }
            if mark.ends_with(EVERYTHING) || each(&names).any(|name| is_same(name, mark)) {
                return true;
            }
        }
        false
    }

    /// Says in `fields` what was purged at `at`, by the answer to this request. `is_told`: everybody will know of it
    /// within the policy's bound.
    ///
    /// One new token stands for all that the request carried. Its cookie has a name of its own, so that of two mutations
    /// at the same time neither overwrites what the other says.
    pub(crate) fn written(&self, names: &[String], at: Timestamp, is_told: bool, policy: &Policy, fields: &mut Fields) {
        if policy.token == Token::Never || names.is_empty() {
            return;
        }
        let at = digits(at.as_millis(), MOMENT);
        let mut marks = String::new();
        push_marks(&mut marks, &at, names);
        for mark in each(&self.marks) {
            // What is purged again needs no word of the first time.
            if !each(&marks).any(|known| known >= mark && is_same(known, mark)) {
                marks.push_str(mark);
            }
        }
        if marks.len() > LONGEST {
            marks.clear();
            marks.push_str(&at);
            marks.push_str(EVERYTHING);
        }
        let is_pending = self.is_pending || !is_told;
        let seconds = lasts(is_pending, policy);
        let token = [if is_pending { "b" } else { "a" }, &marks].concat();
        let mut member = [&token, ";max-age="].concat();
        push_number(&mut member, seconds.get() as i64);
        fields.set(CONSISTENCY, member);
        if policy.token == Token::Cookie {
            let own = [&at, "-", &digest(&token)].concat();
            for merged in self.cookies.split_terminator(';').filter(|merged| *merged != own) {
                self.set_cookie(fields, merged, "", DeltaSeconds::ZERO);
            }
            self.set_cookie(fields, &own, &token, seconds);
        }
    }

    fn set_cookie(&self, fields: &mut Fields, name: &str, token: &str, seconds: DeltaSeconds) {
        let mut line = [SEEN_COOKIE, name, "=", token, "; Path=/; HttpOnly; SameSite=Lax; Max-Age="].concat();
        push_number(&mut line, seconds.get() as i64);
        line.push_str(if self.is_secure { "; Secure" } else { "" });
        fields.append("set-cookie", line);
    }
}

/// How long a token counts: until the purge was recorded, and every isolate has learnt of it several times over.
pub(crate) const fn lasts(is_pending: bool, policy: &Policy) -> DeltaSeconds {
    if is_pending { PENDING } else { DeltaSeconds::new(policy.bound.get() * 4 + policy.record_timeout.get() + 5) }
}

/// Each mark of a list. One compares with a bare moment as its own does; of the same one it is the greater.
fn each(mut marks: &str) -> impl Iterator<Item = &str> {
    iter::from_fn(move || {
        let (mark, rest) = marks.split_at_checked(MARK)?;
        marks = rest;
        Some(mark)
    })
}

fn push_marks(out: &mut String, at: &str, names: &[String]) {
    for name in names {
        out.push_str(at);
        out.push_str(&digest(name));
    }
}

/// Whether two marks are of the same name.
fn is_same(one: &str, other: &str) -> bool {
    one.get(MOMENT..) == other.get(MOMENT..)
}

/// What stands for a name. Two names may have the same: then one more answer is asked for anew.
fn digest(name: &str) -> String {
    let first = Sha256::digest(name.as_bytes()).iter().take(4).fold(0, |first, byte| (first << 8) | u64::from(*byte));
    // 0 is not theirs.
    digits(first % (36u64.pow(DIGEST as u32) - 1) + 1, DIGEST)
}

fn is_base36(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'z'))
}

/// The last so many digits of a number to base 36.
fn digits(number: u64, count: usize) -> String {
    let mut out = String::new();
    push_digits(&mut out, number, count);
    out
}

fn push_digits(out: &mut String, number: u64, count: usize) {
    if count > 1 {
        push_digits(out, number / 36, count - 1);
    }
    let digit = (number % 36) as u8;
    out.push(char::from(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }));
}

#[cfg(test)]
mod tests;
