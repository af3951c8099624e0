//! What proves a credential: tokens and keys that are good enough (RFC 7515, 7517, 7519; RFC 8725 is the guide).
//!
//! A tier reads JSON and does the cryptography; what may be used for it is decided here.

use crate::keyring::PATIENCE;
use crate::text;
use crate::time::DeltaSeconds;

/// Longest token that is looked at, in bytes.
pub const LONGEST_TOKEN: usize = 8 << 10;
/// Longest answer of an introspection endpoint, in bytes.
pub const LONGEST_ANSWER: usize = 16 << 10;
/// Why a token is refused whose issuer did not say what it is worth. It says nothing of the token.
pub const UNANSWERED: &str = "credential-introspection-failed";
/// Why a token is refused when the tier has no key that could prove it.
pub const NO_KEY: &str = "credential-no-key";
/// Shortest secret of HS256, in bytes: the length of its hash (RFC 7518 §3.2).
const SHORTEST_SECRET: usize = 32;
/// Shortest modulus of an RSA key, in bits (RFC 7518 §3.3).
pub const SHORTEST_MODULUS: u32 = 2048;

/// How tokens are proven. The policy pins it, so that no token can choose (RFC 8725 §3.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// By what.
    pub by: ProvenBy,
    /// The one algorithm that is accepted of a signed token.
    pub algorithm: Algorithm,
    /// Name of the tier's variable or secret that holds the key, or the `Authorization` of questions to the issuer; empty
    /// where neither is needed.
    pub variable: String,
    /// Where the issuer is asked: absolute, or a path at the origin; empty where it is not.
    pub url: String,
    /// How long its answer about a token is believed, in seconds; zero asks each time.
    pub remember: DeltaSeconds,
    /// How long it may take, in seconds.
    pub timeout: DeltaSeconds,
}

/// What proves a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProvenBy {
    /// A JWT, by the key in a variable of the tier.
    Key,
    /// A JWT, by one of the public keys that the issuer publishes (RFC 7517 §5).
    KeySet,
    /// The word of the issuer, who is asked (RFC 7662).
    Issuer,
}

impl ProvenBy {
    /// Whether one of the keys that the issuer publishes proves a token.
    #[must_use]
    pub const fn is_key_set(self) -> bool {
        cfg!(feature = "issuers") && matches!(self, Self::KeySet)
    }

    /// Whether the issuer's word proves it.
    #[must_use]
    pub const fn is_issuer(self) -> bool {
        cfg!(feature = "issuers") && matches!(self, Self::Issuer)
    }
}

/// Signature algorithms (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256, by a shared secret.
    Hs256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

/// The header of a signed token (RFC 7515 §4.1), as far as it counts. Keys that it brings along (`jwk`, `jku`, `x5u`,
/// `x5c`) count for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenHeader {
    /// `alg`
    pub algorithm: Option<String>,
    /// `kid`
    pub key: Option<String>,
    /// Whether there is a `crit`: no extension is known here, so it refuses the token (§4.1.11).
    pub is_critical: bool,
}

impl Algorithm {
    /// Its registered name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// Whether a token with this header may be verified at all.
    ///
    /// # Errors
    /// `credential-algorithm`, a stable reason.
    pub fn admits(self, header: &TokenHeader) -> Result<(), &'static str> {
        let is_ours = header.algorithm.as_deref() == Some(self.name()) && !header.is_critical;
        is_ours.then_some(()).ok_or("credential-algorithm")
    }

    /// Whether a published key is one for this algorithm, by what it says of itself (RFC 7517 §4), a line each: `kty`,
    /// `crv`, `alg`, `use`, `other` where it has `key_ops` without `verify`, and `private` where it holds more than a
    /// public key, which publishing has made worthless. What is missing is empty. None is for the algorithm of a secret.
    #[must_use]
    pub fn takes(self, said: &str) -> bool {
        let (kind, curve) = match self {
            Self::Hs256 => return false,
            Self::Rs256 => ("RSA", ""),
            Self::Es256 => ("EC", "P-256"),
            Self::EdDsa => ("OKP", "Ed25519"),
        };
        let wanted = [kind, curve, self.name(), "sig", "", ""];
        let mut lines = said.split('\n');
        let fits = wanted
            .iter()
            .enumerate()
            .all(|(at, wanted)| lines.next().is_some_and(|line| line == *wanted || (line.is_empty() && at >= 2)));
        fits && lines.next().is_none()
    }
}

/// What the text of a tier's own key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyText {
    /// The secret of HS256.
    Secret,
    /// A public key as PEM (RFC 7468 §13).
    Pem,
    /// A public key as JWK.
    Jwk,
    /// No key for the algorithm: too short a secret, or a public key where a secret is wanted, whose text anybody can
    /// sign with (RFC 8725 §2.1, §3.5).
    Unusable,
}

impl KeyText {
    /// Judges the text of a key for `algorithm`.
    #[must_use]
    pub fn of(text: &str, algorithm: Algorithm) -> Self {
        let (is_pem, is_jwk) = (text::contains(text, "-----BEGIN"), text.trim_start().starts_with('{'));
        match (algorithm, is_pem, is_jwk) {
            (Algorithm::Hs256, false, false) if text.len() >= SHORTEST_SECRET => Self::Secret,
            (Algorithm::Hs256, ..) | (_, false, false) => Self::Unusable,
            (_, _, true) => Self::Jwk,
            (_, true, false) => Self::Pem,
        }
    }
}

impl Proof {
    /// By the key in the tier's variable of this name.
    #[must_use]
    pub fn key(algorithm: Algorithm, variable: &str) -> Self {
        Self {
            by: ProvenBy::Key,
            algorithm,
            variable: variable.to_owned(),
            url: String::new(),
            remember: DeltaSeconds::ZERO,
            timeout: DeltaSeconds::ZERO,
        }
    }

    /// By one of the public keys at `url`.
    #[must_use]
    pub fn key_set(algorithm: Algorithm, url: &str) -> Self {
        Self { by: ProvenBy::KeySet, url: url.to_owned(), timeout: PATIENCE, ..Self::key(algorithm, "") }
    }

    /// By the word of the issuer at `url`, who is asked with the credentials in a secret.
    #[must_use]
    pub fn issuer(url: &str, credentials: &str, remember: DeltaSeconds, timeout: DeltaSeconds) -> Self {
        let url = url.to_owned();
        Self { by: ProvenBy::Issuer, url, remember, timeout, ..Self::key(Algorithm::Hs256, credentials) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Algorithm; 4] = [Algorithm::Hs256, Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa];

    /// RFC 8725 §3.1, §3.2; RFC 7517 §4.
    #[test]
    fn a_key_is_for_one_algorithm() {
        for (text, expected) in [
            ("RSA - - - - -", Some(Algorithm::Rs256)),
            ("RSA - RS256 sig - -", Some(Algorithm::Rs256)),
            ("RSA - PS256 sig - -", None),
            ("RSA - RS512 sig - -", None),
            ("RSA - HS256 sig - -", None),
            ("RSA - - enc - -", None),
            ("RSA - - - other -", None),
            ("RSA - - - - private", None),
            ("RSA P-256 - - - -", None),
            ("rsa - - - - -", None),
            ("EC P-256 - - - -", Some(Algorithm::Es256)),
            ("EC P-256 ES256 sig - -", Some(Algorithm::Es256)),
            ("EC P-384 - - - -", None),
            ("EC P-384 ES256 - - -", None),
            ("EC - ES256 - - -", None),
            ("EC P-256 ECDH-ES - - -", None),
            ("OKP Ed25519 - - - -", Some(Algorithm::EdDsa)),
            ("OKP Ed25519 EdDSA sig - -", Some(Algorithm::EdDsa)),
            ("OKP X25519 - - - -", None),
            ("OKP Ed448 EdDSA - - -", None),
            ("OKP - - - - -", None),
            ("oct - - - - -", None),
            ("oct - HS256 sig - private", None),
            ("- - RS256 sig - -", None),
            ("- - - - - -", None),
            // A value with a line break in it shifts the others.
            ("RSA - RS256 sig", None),
            ("RSA - - - - - -", None),
        ] {
            let said: Vec<&str> = text.split(' ').map(|word| if word == "-" { "" } else { word }).collect();
            let said = said.join("\n");
            for algorithm in ALL {
                assert_eq!(algorithm.takes(&said), expected == Some(algorithm), "{text} for {}", algorithm.name());
            }
        }
    }

    /// RFC 8725 §3.1: what the policy says, to the letter; RFC 7515 §4.1.11: nothing unknown that is critical.
    #[test]
    fn no_token_chooses_its_algorithm() {
        for algorithm in ALL {
            let names = ["HS256", "RS256", "ES256", "EdDSA", "none", "None", "hs256", "HS512", "PS256", "Ed25519", ""];
            for name in names.into_iter().map(Some).chain([None]) {
                let header = TokenHeader { algorithm: name.map(str::to_owned), ..TokenHeader::default() };
                let expected = name == Some(algorithm.name());
                assert_eq!(algorithm.admits(&header).is_ok(), expected, "{name:?} for {}", algorithm.name());
                assert!(algorithm.admits(&TokenHeader { is_critical: true, ..header }).is_err());
            }
        }
    }

    #[test]
    fn a_secret_is_long_and_no_public_key() {
        let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n";
        let jwk = " {\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";
        for (text, by_secret, by_public_key) in [
            ("0123456789abcdef0123456789abcdef", KeyText::Secret, KeyText::Unusable),
            ("0123456789abcdef0123456789abcde", KeyText::Unusable, KeyText::Unusable),
            ("", KeyText::Unusable, KeyText::Unusable),
            (pem, KeyText::Unusable, KeyText::Pem),
            (jwk, KeyText::Unusable, KeyText::Jwk),
        ] {
            for algorithm in ALL {
                let expected = if algorithm == Algorithm::Hs256 { by_secret } else { by_public_key };
                assert_eq!(KeyText::of(text, algorithm), expected, "{text} for {}", algorithm.name());
            }
        }
    }
}
