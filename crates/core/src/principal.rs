//! Who is asking. A tier verifies the credential; the core only sees the outcome.

use crate::field::Fields;
use crate::proof::{LONGEST_TOKEN, NO_KEY, Proof, ProvenBy, UNANSWERED};
use crate::time::{DeltaSeconds, Timestamp};

/// Longest time that a verified token is remembered, in seconds: what changed about keys takes effect by then.
const LONGEST_MEMORY: DeltaSeconds = DeltaSeconds::new(300);
/// The same of a token that the issuer knows nothing of, in seconds.
const LONGEST_REFUSAL: DeltaSeconds = DeltaSeconds::new(5);

/// A user whose credential was verified. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    id: String,
    via: CredentialSource,
}

impl Principal {
    /// A principal, unless `id` is empty.
    #[must_use]
    pub fn new(id: impl Into<String>, via: CredentialSource) -> Option<Self> {
        let id = id.into();
        (!id.is_empty()).then_some(Self { id, via })
    }

    /// The user's id, any Unicode.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where the credential stood.
    #[must_use]
    pub const fn via(&self) -> CredentialSource {
        self.via
    }
}

/// Where a credential stood in the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialSource {
    /// `Authorization: Bearer` (RFC 6750).
    Authorization,
    /// The policy's session cookie.
    Cookie,
    /// The device itself, which belongs to its user.
    Device,
}

/// What came of the request's credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// The request carries none.
    None,
    /// It was verified.
    Verified(Principal),
    /// It could not be verified; the reason is a stable token. Nothing of this request is stored.
    Rejected(&'static str),
}

/// How the policy has credentials verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Name of the session cookie, when there is one.
    pub cookie: Option<String>,
    /// Whether `Authorization: Bearer` is read.
    pub bearer: bool,
    /// What proves a token.
    pub proof: Proof,
    /// Required `iss`, when set.
    pub issuer: Option<String>,
    /// Required `aud`, when set.
    pub audience: Option<String>,
    /// The claim that holds the user's id.
    pub subject: String,
    /// Clock skew allowed for `exp` and `nbf`, in seconds.
    pub leeway: DeltaSeconds,
}

/// The claims of a token whose signature holds (RFC 7519 §4.1), or what the issuer says of it (RFC 7662 §2.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// The claim that [`Identity::subject`] names.
    pub subject: Option<String>,
    /// `iss`
    pub issuer: Option<String>,
    /// `aud`, one or several
    pub audience: Vec<String>,
    /// `exp`
    pub expires: Option<Timestamp>,
    /// `nbf`
    pub not_before: Option<Timestamp>,
    /// `iat`
    pub issued: Option<Timestamp>,
}

impl Identity {
    /// Tokens with this proof, which are read nowhere yet.
    #[must_use]
    pub fn new(proof: Proof) -> Self {
        Self {
            cookie: None,
            bearer: false,
            proof,
            issuer: None,
            audience: None,
            subject: "sub".into(),
            leeway: DeltaSeconds::new(30),
        }
    }

    /// The bare token of a request and where it stood: the `Authorization` field goes before the cookie.
    ///
    /// # Errors
    /// A stable reason when there is a credential that cannot be one of ours: several `Authorization`
    /// fields, the session cookie twice (one of them may have been planted), or something too long.
    pub fn token<'a>(&self, fields: &'a Fields) -> Result<Option<(&'a str, CredentialSource)>, &'static str> {
        match self.find(fields)? {
            Some((token, _)) if token.len() > LONGEST_TOKEN => Err("credential-malformed"),
            found => Ok(found),
        }
    }

    fn find<'a>(&self, fields: &'a Fields) -> Result<Option<(&'a str, CredentialSource)>, &'static str> {
        if self.bearer {
            let mut lines = fields.all("authorization");
            if let Some(line) = lines.next() {
                if lines.next().is_some() {
                    return Err("credential-ambiguous");
                }
                let (scheme, token) = line.trim().split_once(' ').unwrap_or((line, ""));
                if !scheme.eq_ignore_ascii_case("bearer") {
                    return Err("credential-scheme");
                }
                return Ok(Some((token.trim(), CredentialSource::Authorization)));
            }
        } else if fields.has("authorization") {
            return Err("credential-scheme");
        }
        let Some(name) = &self.cookie else { return Ok(None) };
        let mut found = None;
        for pair in fields.all("cookie").flat_map(|line| line.split(';')) {
            let Some((key, value)) = pair.trim().split_once('=') else { continue };
            if key == name && found.replace(value).is_some() {
                return Err("credential-ambiguous");
            }
        }
        Ok(found.map(|token| (token, CredentialSource::Cookie)))
    }

    /// Judges the claims of a token whose signature holds (RFC 7519 §4.1, §7.2). One without `exp` never ends, so that
    /// only the issuer itself may vouch for it. One that was issued in the future has a wrong clock behind it.
    #[must_use]
    pub fn judge(&self, claims: &Claims, via: CredentialSource, now: Timestamp) -> Credential {
        let is_over = match claims.expires {
            Some(exp) => exp + self.leeway <= now,
            None => !self.asks_issuer(),
        };
        if is_over {
            return Credential::Rejected("credential-expired");
        }
        if claims.not_before.max(claims.issued).is_some_and(|from| now + self.leeway < from) {
            return Credential::Rejected("credential-not-yet-valid");
        }
        if self.issuer.is_some() && self.issuer != claims.issuer {
            return Credential::Rejected("credential-issuer");
        }
        if self.audience.as_ref().is_some_and(|aud| !claims.audience.contains(aud)) {
            return Credential::Rejected("credential-audience");
        }
        match claims.subject.as_deref().and_then(|id| Principal::new(id, via)) {
            Some(principal) => Credential::Verified(principal),
            None => Credential::Rejected("credential-no-subject"),
        }
    }

    /// Until when it may be remembered what came of a token; `None` is not at all.
    #[must_use]
    pub fn remembers(&self, outcome: &Result<Claims, &'static str>, now: Timestamp) -> Option<Timestamp> {
        let remember = self.proof.remember;
        let until = match outcome {
            Ok(claims) if self.asks_issuer() => claims.expires.into_iter().fold(now + remember, Ord::min),
            Ok(claims) => claims.expires.map_or(now, |exp| exp + self.leeway).min(now + LONGEST_MEMORY),
            Err(NO_KEY | UNANSWERED) => now,
            // Of a signed token it is zero: to refuse it once more costs nobody anything.
            Err(_) => now + LONGEST_REFUSAL.min(remember),
        };
        (now < until).then_some(until)
    }

    fn asks_issuer(&self) -> bool {
        self.proof.by == ProvenBy::Issuer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::Algorithm;

    fn identity() -> Identity {
        Identity {
            cookie: Some("s".into()),
            bearer: true,
            issuer: Some("videomi".into()),
            audience: Some("app".into()),
            ..Identity::new(Proof::key(Algorithm::Hs256, "JWT_SECRET"))
        }
    }

    #[test]
    fn tokens_are_found_where_the_policy_says() {
        type Expected<'a> = Result<Option<(&'a str, CredentialSource)>, &'static str>;
        let cases: &[(&[(&str, &str)], Expected<'_>)] = &[
            (&[], Ok(None)),
            (&[("authorization", "Bearer abc")], Ok(Some(("abc", CredentialSource::Authorization)))),
            (&[("authorization", "bearer abc"), ("cookie", "s=x")], Ok(Some(("abc", CredentialSource::Authorization)))),
            (&[("cookie", "a=1; s=xyz; b=2")], Ok(Some(("xyz", CredentialSource::Cookie)))),
            (&[("cookie", "ss=xyz")], Ok(None)),
            (&[("cookie", "s=one; s=two")], Err("credential-ambiguous")),
            (&[("cookie", "s=one"), ("cookie", "s=two")], Err("credential-ambiguous")),
            (&[("authorization", "Basic abc")], Err("credential-scheme")),
            (&[("authorization", "Bearer a"), ("authorization", "Bearer b")], Err("credential-ambiguous")),
        ];
        for (lines, expected) in cases {
            let fields: Fields = lines.iter().copied().collect();
            assert_eq!(identity().token(&fields), *expected, "{lines:?}");
        }
        for (length, expected) in [(LONGEST_TOKEN, true), (LONGEST_TOKEN + 1, false)] {
            let fields: Fields = [("cookie", format!("s={}", "x".repeat(length)))].into_iter().collect();
            assert_eq!(identity().token(&fields).is_ok(), expected, "{length}");
        }
    }

    #[test]
    fn claims_are_judged() {
        let now = Timestamp::from_secs(1_000);
        let good = Claims {
            subject: Some("abc".into()),
            issuer: Some("videomi".into()),
            audience: vec!["other".into(), "app".into()],
            expires: Some(Timestamp::from_secs(1_001)),
            not_before: None,
            issued: Some(Timestamp::from_secs(1_030)),
        };
        let judge = |claims: Claims| match identity().judge(&claims, CredentialSource::Cookie, now) {
            Credential::Verified(p) => p.id().to_owned(),
            Credential::Rejected(reason) => reason.to_owned(),
            Credential::None => "none".to_owned(),
        };
        assert_eq!(judge(good.clone()), "abc");
        assert_eq!(judge(Claims { expires: Some(Timestamp::from_secs(971)), ..good.clone() }), "abc");
        assert_eq!(judge(Claims { expires: Some(Timestamp::from_secs(970)), ..good.clone() }), "credential-expired");
        assert_eq!(judge(Claims { expires: None, ..good.clone() }), "credential-expired");
        let early = Some(Timestamp::from_secs(1_031));
        assert_eq!(judge(Claims { not_before: early, ..good.clone() }), "credential-not-yet-valid");
        assert_eq!(judge(Claims { issued: early, ..good.clone() }), "credential-not-yet-valid");
        assert_eq!(judge(Claims { issuer: None, ..good.clone() }), "credential-issuer");
        assert_eq!(judge(Claims { audience: vec![], ..good.clone() }), "credential-audience");
        assert_eq!(judge(Claims { subject: Some(String::new()), ..good }), "credential-no-subject");
    }

    /// RFC 7662 §2.2: the issuer need not say when the token ends.
    #[test]
    fn the_issuer_may_vouch_without_an_end() {
        let asked = Identity::new(Proof::issuer("/introspect", "SECRET", DeltaSeconds::new(60), DeltaSeconds::new(3)));
        let now = Timestamp::from_secs(1_000);
        let claims = Claims { subject: Some("abc".into()), ..Claims::default() };
        let credential = asked.judge(&claims, CredentialSource::Authorization, now);
        assert!(matches!(credential, Credential::Verified(_)));
        let over = Claims { expires: Some(Timestamp::from_secs(970)), ..claims };
        assert_eq!(
            asked.judge(&over, CredentialSource::Authorization, now),
            Credential::Rejected("credential-expired")
        );
    }
}
