//! Keys of the tests' own, and tokens that they sign: RS256, ES256 and EdDSA (RFC 7518 §3.1, RFC 8037).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::Signer as _;
use p256::ecdsa;
use rand_core::OsRng;
use rsa::pkcs8::EncodePublicKey;
use rsa::pkcs8::LineEnding;
use rsa::signature::SignatureEncoding;
use rsa::traits::PublicKeyParts;
use rsa::{RsaPrivateKey, pkcs1v15};
use serde_json::{Value, json};

/// A private key.
pub enum SigningKey {
    /// For RS256.
    Rsa(Box<RsaPrivateKey>),
    /// For ES256.
    P256(Box<ecdsa::SigningKey>),
    /// For EdDSA.
    Ed25519(Box<ed25519_dalek::SigningKey>),
}

impl SigningKey {
    /// A new RSA key with a modulus of so many bits.
    ///
    /// # Panics
    /// When there can be none.
    #[must_use]
    pub fn rsa(bits: usize) -> Self {
        Self::Rsa(Box::new(RsaPrivateKey::new(&mut OsRng, bits).expect("an RSA key")))
    }

    /// A new key on P-256.
    #[must_use]
    pub fn p256() -> Self {
        Self::P256(Box::new(ecdsa::SigningKey::random(&mut OsRng)))
    }

    /// A new key on Ed25519.
    #[must_use]
    pub fn ed25519() -> Self {
        Self::Ed25519(Box::new(ed25519_dalek::SigningKey::generate(&mut OsRng)))
    }

    /// The name of its algorithm.
    #[must_use]
    pub fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "RS256",
            Self::P256(_) => "ES256",
            Self::Ed25519(_) => "EdDSA",
        }
    }

    /// The public key as JWK (RFC 7517).
    ///
    /// # Panics
    /// Never: a public key on P-256 is no point at infinity.
    #[must_use]
    pub fn jwk(&self, id: &str) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut jwk = match self {
            Self::Rsa(key) => {
                json!({ "kty": "RSA", "n": text(&key.n().to_bytes_be()), "e": text(&key.e().to_bytes_be()) })
            }
            Self::P256(key) => {
                let point = key.verifying_key().to_encoded_point(false);
                let (x, y) = (point.x().expect("a point"), point.y().expect("a point"));
                json!({ "kty": "EC", "crv": "P-256", "x": text(x), "y": text(y) })
            }
            Self::Ed25519(key) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": text(key.verifying_key().as_bytes()) })
            }
        };
        jwk["kid"] = json!(id);
        jwk["use"] = json!("sig");
        jwk["alg"] = json!(self.algorithm());
        jwk
    }

    /// The public key as PEM (RFC 7468 §13).
    ///
    /// # Panics
    /// Never: each of them can be written so.
    #[must_use]
    pub fn pem(&self) -> String {
        let pem = match self {
            Self::Rsa(key) => key.to_public_key().to_public_key_pem(LineEnding::LF),
            Self::P256(key) => key.verifying_key().to_public_key_pem(LineEnding::LF),
            Self::Ed25519(key) => key.verifying_key().to_public_key_pem(LineEnding::LF),
        };
        pem.expect("a public key can be written as PEM")
    }

    /// A token of this header and these claims.
    #[must_use]
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = match self {
            Self::Rsa(key) => {
                let key = pkcs1v15::SigningKey::<rsa::sha2::Sha256>::new(key.as_ref().clone());
                rsa::signature::Signer::sign(&key, signed.as_bytes()).to_vec()
            }
            Self::P256(key) => {
                let signature: ecdsa::Signature = key.sign(signed.as_bytes());
                signature.to_vec()
            }
            Self::Ed25519(key) => key.sign(signed.as_bytes()).to_vec(),
        };
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// A token with its own algorithm and this `kid`.
    #[must_use]
    pub fn token(&self, id: &str, claims: &Value) -> String {
        self.sign(&json!({ "alg": self.algorithm(), "typ": "JWT", "kid": id }), claims)
    }
}
