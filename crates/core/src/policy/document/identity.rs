//! How users are recognised: compiled, and what is wrong or unwise about it (RFC 8725).

use super::model::{AlgorithmDoc, IdentityDoc, IntrospectionDoc};
use super::{Findings, write_span};
use crate::consistency::SEEN_COOKIE;
use crate::principal::Identity;
use crate::proof::{Algorithm, Proof, ProvenBy};
use crate::time::DeltaSeconds;

/// Clocks that are further apart are broken (RFC 7519 §4.1.4: "no more than a few minutes").
const UNWISE_LEEWAY: DeltaSeconds = DeltaSeconds::new(300);
const LONGEST_MEMORY: DeltaSeconds = DeltaSeconds::new(600);
const LONGEST_TIMEOUT: DeltaSeconds = DeltaSeconds::new(20);
/// Bindings of the edge that are no keys.
const TAKEN: [&str; 7] = [
    "ORIGIN",
    "ORIGIN_URL",
    "EPOCHS",
    "STATS",
    "TIERCEL_ANALYTICS",
    "TIERCEL_OPERATOR_TOKEN",
    "CLOUDFLARE_PURGE_TOKEN",
];

/// The compiled form.
pub(super) fn compile(doc: &IdentityDoc, findings: &mut Findings) -> Identity {
    let proof = match (doc.algorithm, &doc.introspection) {
        (Some(algorithm), Some(_)) => {
            findings.error(
                "two-proofs",
                "/identity/introspection",
                "a token is proven by its signature or by its issuer's word, not by both",
                "leave `algorithm` out, or `introspection`",
            );
            signed(doc, algorithm, findings)
        }
        (None, None) => {
            findings.error(
                "missing-field",
                "/identity",
                "nothing says how a token is proven",
                "add the `algorithm` that tokens are signed with, such as \"HS256\", or `introspection`",
            );
            signed(doc, AlgorithmDoc::HS256, findings)
        }
        (Some(algorithm), None) => signed(doc, algorithm, findings),
        (None, Some(introspection)) => asked(doc, introspection, findings),
    };
    if proof.by != ProvenBy::KeySet {
        let at = if doc.introspection.is_some() { "/identity/introspection/credentials" } else { "/identity/key" };
        variable(&proof.variable, at, findings);
    }
    if !doc.bearer && doc.cookie.is_none() {
        findings.error(
            "nobody-recognised",
            "/identity",
            "tokens are read nowhere, so nobody is ever recognised",
            "write \"bearer\": true, or the name of a session `cookie`",
        );
    }
    if let Some(cookie) = &doc.cookie {
        cookie_name(cookie, findings);
    }
    let leeway = doc.leeway.map_or(DeltaSeconds::new(30), |s| s.0);
    if leeway > UNWISE_LEEWAY {
        findings.warn(
            "long-leeway",
            "/identity/leeway",
            &format!("tokens that ended up to {} ago are good still", write_span(leeway)),
            "write \"30s\": it is for clocks that differ",
        );
    }
    Identity {
        cookie: doc.cookie.clone(),
        bearer: doc.bearer,
        proof,
        issuer: doc.issuer.clone(),
        audience: doc.audience.clone(),
        subject: doc.subject.clone().unwrap_or_else(|| "sub".into()),
        leeway,
    }
}

fn cookie_name(cookie: &str, findings: &mut Findings) {
    // RFC 6265 §4.1.1, RFC 9110 §5.6.2
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    let why = if cookie.starts_with(SEEN_COOKIE) {
        "cookies of this name are the edge's own, and are taken off every request"
    } else if cookie.is_empty() || !cookie.bytes().all(is_token) {
        "no cookie can have this name"
    } else {
        return;
    };
    findings.error("bad-cookie-name", "/identity/cookie", why, "write the name that the session's cookie has");
}

fn signed(doc: &IdentityDoc, algorithm: AlgorithmDoc, findings: &mut Findings) -> Proof {
    let algorithm = match algorithm {
        AlgorithmDoc::HS256 => Algorithm::Hs256,
        AlgorithmDoc::RS256 => Algorithm::Rs256,
        AlgorithmDoc::ES256 => Algorithm::Es256,
        AlgorithmDoc::EdDSA => Algorithm::EdDsa,
    };
    let Some(url) = &doc.jwks else {
        let usual = if algorithm == Algorithm::Hs256 { "JWT_SECRET" } else { "JWT_PUBLIC_KEY" };
        return Proof::key(algorithm, doc.key.as_deref().unwrap_or(usual));
    };
    if algorithm == Algorithm::Hs256 {
        findings.error(
            "secret-in-public",
            "/identity/jwks",
            "HS256 is verified by a secret, and a JWK Set is for everybody to read",
            "leave `jwks` out, or name the issuer's algorithm: \"RS256\", \"ES256\" or \"EdDSA\"",
        );
    }
    if doc.key.is_some() {
        findings.error(
            "two-proofs",
            "/identity/key",
            "the key stands in a variable or at a URL, not at both",
            "leave `key` out, or `jwks`",
        );
    }
    place(url, "/identity/jwks", findings);
    let is_elsewhere = !url.starts_with('/');
    for (field, claim, said) in [("issuer", "iss", &doc.issuer), ("audience", "aud", &doc.audience)] {
        if is_elsewhere && said.is_none() {
            findings.warn(
                "any-issuer-or-audience",
                "/identity/jwks",
                &format!("whatever these keys sign is good here, tokens for other applications too: no `{field}` is asked for"),
                &format!("add `{field}`: the `{claim}` of your tokens (RFC 8725 §3.8, §3.9)"),
            );
        }
    }
    Proof::key_set(algorithm, url)
}

fn asked(identity: &IdentityDoc, doc: &IntrospectionDoc, findings: &mut Findings) -> Proof {
    for (field, is_there) in [("key", identity.key.is_some()), ("jwks", identity.jwks.is_some())] {
        if is_there {
            findings.error(
                "two-proofs",
                &format!("/identity/{field}"),
                &format!("with `introspection` no signature is verified, so `{field}` is for nothing"),
                &format!("leave `{field}` out, or `introspection`"),
            );
        }
    }
    place(&doc.url, "/identity/introspection/url", findings);
    let remember = doc.remember.map_or(DeltaSeconds::new(60), |s| s.0);
    if remember > LONGEST_MEMORY {
        findings.error(
            "bad-remember",
            "/identity/introspection/remember",
            "an answer is believed for 10m at most: for as long a token that was revoked is good",
            "write \"60s\"",
        );
    }
    let timeout = doc.timeout.map_or(DeltaSeconds::new(3), |s| s.0);
    if timeout == DeltaSeconds::ZERO || timeout > LONGEST_TIMEOUT {
        findings.error(
            "bad-timeout",
            "/identity/introspection/timeout",
            "the issuer may take 1s to 20s: whoever asks for something waits for it",
            "write \"3s\"",
        );
    }
    Proof::issuer(&doc.url, doc.credentials.as_deref().unwrap_or("INTROSPECTION_AUTHORIZATION"), remember, timeout)
}

/// Keys and answers that come over a wire that others can write on prove nothing.
fn place(url: &str, at: &str, findings: &mut Findings) {
    let is_path = url.starts_with('/') && !url.starts_with("//");
    let after = |scheme: &str| url.strip_prefix(scheme).map(|rest| rest.split(['/', '?']).next().unwrap_or_default());
    let (secure, plain) = (after("https://"), after("http://"));
    let host = plain.map(|authority| authority.rsplit_once(':').map_or(authority, |(host, _)| host));
    if plain.is_some() && !matches!(host, Some("localhost" | "127.0.0.1" | "[::1]")) {
        findings.error(
            "insecure-url",
            at,
            "http: whoever is on the way can say what the issuer says",
            "write https, or the path of a URL at the origin; plain http is for localhost",
        );
        return;
    }
    let is_authority = |authority: &str| !authority.is_empty() && !authority.contains('@');
    let is_readable = url.bytes().all(|b| b.is_ascii_graphic() && !br#"\"<>#`{}|^"#.contains(&b));
    if !is_readable || !(is_path || secure.or(plain).is_some_and(is_authority)) {
        findings.error(
            "bad-url",
            at,
            &format!("`{url}` is neither an https URL nor a path"),
            "write such as \"https://issuer.example/.well-known/jwks.json\" or \"/.well-known/jwks.json\"",
        );
    }
}

fn variable(name: &str, at: &str, findings: &mut Findings) {
    let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && name.bytes().next().is_some_and(|b| !b.is_ascii_digit());
    if !is_name || TAKEN.contains(&name) {
        findings.error(
            "bad-variable",
            at,
            "this is not the name of a secret",
            "write the name, never the secret itself: letters, digits and `_`, such as \"JWT_SECRET\"",
        );
    }
}
