//! First step: what kind of request is this, and whose? Any doubt leads past the cache.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::{Context, Fetch, Lookup, PassReason, Received, deliver, list};
use crate::consistency::Writes;
use crate::head::{RequestHead, Target};
use crate::invalidation::DomainEvent;
use crate::key::{CacheKey, Params};
use crate::policy::route::{PathSegment, Pattern, REST};
use crate::policy::{Anonymous, ORIGIN, PATH, QUERY, Query, ResourceClass, Scope, USER_ID};
use crate::principal::{Credential, Principal};
use crate::ruleset::Ruleset;
use crate::sorted::sorted;
use crate::text;
use crate::time::Timestamp;

/// Total length of a request's fields, in bytes, above which nothing is looked up.
const LONGEST_HEAD: usize = 64 << 10;
/// Length of a URL, in bytes, above which nothing is looked up (RFC 9110 §4.1 asks for 8,000).
const LONGEST_URL: usize = 8 << 10;
/// What `application/x-www-form-urlencoded` leaves as it is.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'*');

pub(crate) fn receive(
    rules: &Ruleset,
    mut request: RequestHead,
    credential: Credential,
    now: Timestamp,
) -> Received<'_> {
    // Here, because neither the origin nor what it selects by is to see them.
    let writes = match rules.tier.is_shared() {
        true => Writes::take(&mut request, &rules.policy, now),
        false => Writes::default(),
    };
    let upgrade = request.fields.has("upgrade");
    if !upgrade {
        // Here, because what is stored must be selected by the fields that the origin saw (RFC 9110 §7.6.1).
        request.fields.remove_hop_by_hop();
    }
    let (principal, rejected) = match credential {
        Credential::Verified(principal) => (Some(principal), None),
        Credential::None => (None, None),
        Credential::Rejected(reason) => (None, Some(reason)),
    };
    let mut context = Context {
        rules,
        request,
        class: None,
        params: Params::default(),
        page: None,
        principal,
        event: None,
        waited: None,
        writes,
        began: now,
    };
    let found = rules.class(&context.request.method, &context.request.target.path);
    context.class = found.map(|(class, _)| class);
    if wants_a_user(&context) {
        return Received::Refuse(deliver::refusal(&context, 401, "no-credential", "Sign in to see this."));
    }
    if !context.is_read() {
        context.event = event(rules, &context.request, context.principal.as_ref());
        return pass(context, PassReason::Method);
    }
    if upgrade {
        return pass(context, PassReason::Upgrade);
    }
    let Some((class, pattern)) = found else { return pass(context, PassReason::NoClass) };
    let turned = match params(&context, class, pattern, rejected) {
        Ok(params) => {
            context.params = params;
            None
        }
        Err(turned) => Some(turned),
    };
    if class.scope == Scope::User {
        // Last, so that nothing of the URL takes its place.
        context.params.set(USER_ID, context.principal.as_ref().map(Principal::id));
    }
    match turned {
        None => {
            let key = CacheKey::new(rules.policy.version, &class.key, &context.params);
            match list::paging(&context, class) {
                Ok(page) => context.page = page,
                Err(text) => return Received::Refuse(deliver::refusal(&context, 400, "bad-page", &text)),
            }
            Received::Lookup(Lookup::new(context, class, key))
        }
        Some(Turned::Past(reason)) => pass(context, reason),
        Some(Turned::Away(status, reason, text)) => Received::Refuse(deliver::refusal(&context, status, reason, text)),
    }
}

/// Whether the class is for users alone, and nobody asks. Not of a preflight, which never has a credential (Fetch,
/// "CORS-preflight fetch"); nor on a device, which asks the edge.
fn wants_a_user(context: &Context<'_>) -> bool {
    let is_wanted = |class: &ResourceClass| class.scope == Scope::User && class.anonymous == Anonymous::Refuse;
    let nobody = context.principal.is_none() && context.rules.tier.is_shared();
    nobody && context.class.is_some_and(is_wanted) && context.request.method != "OPTIONS"
}

/// Why nothing is looked up.
enum Turned {
    /// It goes past the cache.
    Past(PassReason),
    /// It is answered at once: status, reason, text.
    Away(u16, &'static str, &'static str),
}

impl From<PassReason> for Turned {
    fn from(reason: PassReason) -> Self {
        Self::Past(reason)
    }
}

/// What the request says of what is looked up, if anything may be. Not yet whose it is.
fn params(
    context: &Context<'_>,
    class: &ResourceClass,
    pattern: &Pattern,
    rejected: Option<&'static str>,
) -> Result<Params, Turned> {
    let RequestHead { target, fields, .. } = &context.request;
    if class.authority.is_origin() && (fields.has("if-match") || fields.has("if-unmodified-since")) {
        return Err(PassReason::Precondition.into());
    }
    if fields.is_longer_than(LONGEST_HEAD) || target.path_length() > LONGEST_URL {
        return Err(PassReason::TooLong.into());
    }
    if !class.authority.is_origin() && is_ambiguous_path(&target.path, pattern) {
        return Err(PassReason::AmbiguousPath.into());
    }
    // Not before: what the origin answers to something else than was asked is nobody's to keep.
    if context.rules.tier.lifetimes(class).is_none() {
        return Err(PassReason::NeverStored.into());
    }
    let mut params = path_params(pattern, &target.path).ok_or(PassReason::AmbiguousPath)?;
    if class.scope == Scope::User {
        let Some(principal) = &context.principal else {
            return Err(match rejected {
                Some(reason) => PassReason::CredentialRejected(reason).into(),
                None => PassReason::NoCredential.into(),
            });
        };
        if params.get(USER_ID).is_some_and(|owner| owner != principal.id()) {
            return Err(Turned::Away(403, "not-the-owner", "This path belongs to another user."));
        }
    }
    url_params(class, target, &mut params).ok_or(PassReason::AmbiguousQuery)?;
    Ok(params)
}

/// The query that goes to the origin: the class's own parameters and no others, so that the answer is a
/// function of the key.
pub(crate) fn normalised_query(class: &ResourceClass, params: &Params, target: &Target) -> Option<String> {
    match (&class.query, class.authority.is_origin()) {
        (Query::Listed(names), _) => write_query(names, params),
        (Query::All, false) => params.get(QUERY).map(str::to_owned),
        (Query::All, true) => target.query.clone(),
    }
}

pub(crate) fn write_query(names: &[String], params: &Params) -> Option<String> {
    let pairs: Vec<String> = names
        .iter()
        .filter_map(|name| Some((name, params.get(name)?)))
        .map(|(name, value)| {
            utf8_percent_encode(name, FORM).chain(["="]).chain(utf8_percent_encode(value, FORM)).collect()
        })
        .collect();
    (!pairs.is_empty()).then(|| pairs.join("&"))
}

fn pass(context: Context<'_>, reason: PassReason) -> Received<'_> {
    Received::Pass(Fetch::pass(context, reason))
}

/// Two parsers that decode in a different order may see different paths in one of these. The owner's id is
/// exempt: it is compared as a whole with the verified one.
fn is_ambiguous_path(path: &str, pattern: &Pattern) -> bool {
    // Most paths hold nothing of what is looked for below.
    let odd = path.bytes().fold(false, |odd, byte| odd | matches!(byte, b'%' | b'\\'));
    let pairs = path.bytes().zip(path.bytes().skip(1));
    if !pairs.fold(odd, |odd, (one, next)| odd | ((one == b'/') & matches!(next, b'/' | b'.'))) {
        return false;
    }
    // The first part stands before the first slash.
    let is_owner = |segment: &PathSegment| matches!(segment, PathSegment::Param(name) if name == USER_ID);
    let owner_at = pattern.0.iter().position(is_owner).map(|at| at + 1);
    path.split('/').enumerate().any(|(at, segment)| {
        let lower = segment.to_ascii_lowercase();
        let encoded = ["%2f", "%5c"].iter().any(|e| text::contains(&lower, e)) && owner_at != Some(at);
        let dots = matches!(lower.as_str(), "." | ".." | "%2e" | "%2e." | ".%2e" | "%2e%2e");
        encoded || dots || text::has(segment, b'\\')
    }) || text::contains(path, "//")
}

fn path_params(pattern: &Pattern, path: &str) -> Option<Params> {
    let mut params = Params::default();
    for (name, raw) in pattern.params().zip(pattern.values(path)) {
        let value = decode(raw)?;
        let empty = value.is_empty() && name != REST;
        if empty || has_control(&value) {
            return None;
        }
        params.set(name, Some(&value));
    }
    Some(params)
}

fn has_control(text: &str) -> bool {
    // Beyond ASCII they begin with this byte.
    text.bytes().fold(false, |odd, byte| odd | byte.is_ascii_control() | (byte == 0xc2))
        && text.chars().any(char::is_control)
}

/// Percent-decoding that refuses what it cannot read.
fn decode(raw: &str) -> Option<Cow<'_, str>> {
    if !text::has(raw, b'%') {
        return Some(Cow::Borrowed(raw));
    }
    let bytes = raw.as_bytes();
    let well_formed = bytes
        .iter()
        .enumerate()
        .filter(|(_, b)| **b == b'%')
        .all(|(at, _)| bytes.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)));
    if !well_formed {
        return None;
    }
    percent_decode_str(raw).decode_utf8().ok()
}

fn url_params(class: &ResourceClass, target: &Target, params: &mut Params) -> Option<()> {
    let query = target.query.as_deref().unwrap_or("");
    match &class.query {
        Query::Listed(names) => {
            for name in names {
                params.set(name, query_value(query, name)?.as_deref());
            }
        }
        Query::All => {
            // Where the origin rules it sees the query as it is, and so does the key.
            if class.authority.is_origin() || !text::has(query, b'&') {
                params.set(QUERY, target.query.as_deref());
            } else {
                let pairs: Vec<&str> = sorted(query.split('&').filter(|pair| !pair.is_empty()).collect());
                params.set(QUERY, (!pairs.is_empty()).then(|| pairs.join("&")).as_deref());
            }
        }
    }
    for name in class.key.params().chain(class.tags.iter().flat_map(|t| t.params())) {
        match name {
            ORIGIN if target.origin.bytes().any(|byte| byte.is_ascii_uppercase()) => {
                params.set(ORIGIN, Some(&target.origin.to_ascii_lowercase()));
            }
            ORIGIN => params.set(ORIGIN, Some(&target.origin)),
            PATH => params.set(PATH, Some(&target.path)),
            _ => {}
        }
    }
    Some(())
}

/// `Some(None)`: not there. `None`: there twice, or unreadable; which one counts would be a guess.
#[expect(clippy::option_option, reason = "absent and ambiguous are different answers")]
pub(super) fn query_value(query: &str, name: &str) -> Option<Option<String>> {
    let mut found = None;
    for pair in query.split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if decode(&spaced(key))? == name {
            let value = decode(&spaced(value))?.into_owned();
            if has_control(&value) || found.replace(value).is_some() {
                return None;
            }
        }
    }
    Some(found)
}

/// `+` stands for a space in a form.
fn spaced(text: &str) -> Cow<'_, str> {
    if text.contains('+') { Cow::Owned(text.replace('+', " ")) } else { Cow::Borrowed(text) }
}

/// The event that a mutation causes if it succeeds. What cannot be read of it stays unknown, which widens
/// what it purges.
pub(crate) fn event(rules: &Ruleset, request: &RequestHead, principal: Option<&Principal>) -> Option<DomainEvent> {
    let (index, event, pattern) = rules.event(&request.method, &request.target.path)?;
    let mut params = path_params(pattern, &request.target.path).unwrap_or_default();
    for name in &event.query {
        let value = query_value(request.target.query.as_deref().unwrap_or(""), name).flatten();
        params.set(name, value.as_deref());
    }
    // The checker reserves this name: it is never what the request says.
    params.set(USER_ID, principal.map(Principal::id));
    Some(DomainEvent { index, name: event.name.clone(), params })
}
