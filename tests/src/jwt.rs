//! Tokens as Videomi's origin issues them (RFC 7519, HS256).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The secret that the worlds of the tests are started with.
pub const SECRET: &str = "a secret of the tests, and of nothing else";

/// A token for `user` that is good until the year 2100.
#[must_use]
pub fn token(user: &str) -> String {
    sign(
        &json!({ "alg": "HS256", "typ": "JWT" }),
        &json!({ "sub": user, "iss": "videomi", "exp": 4_102_444_800u64 }),
        SECRET,
    )
}

/// Whom a token of [`token`] is for. No other token is taken.
#[must_use]
pub fn issued_to(shown: &str) -> Option<String> {
    subject(shown).filter(|user| !user.is_empty() && token(user) == shown)
}

/// The field line that carries a token for `user` (RFC 6750).
#[must_use]
pub fn bearer(user: &str) -> String {
    format!("Authorization: Bearer {}", token(user))
}

/// The field line that carries a token for `user` in the session cookie, among others.
#[must_use]
pub fn cookie(user: &str) -> String {
    format!("Cookie: theme=dark; videomi_session={}", token(user))
}

/// A token of this header and these claims, signed with `secret`.
#[must_use]
pub fn sign(header: &Value, claims: &Value, secret: &str) -> String {
    sign_text(&header.to_string(), &claims.to_string(), secret)
}

/// The same of texts as they are, whether or not they are JSON.
#[must_use]
pub fn sign_text(header: &str, claims: &str, secret: &str) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(hmac(secret.as_bytes(), signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// Whose a token is, for an origin that need not doubt it.
#[must_use]
pub fn subject(token: &str) -> Option<String> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    claims["sub"].as_str().map(str::to_owned)
}

/// HMAC-SHA256 (RFC 2104).
fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    const BLOCK: usize = 64;
    if key.len() > BLOCK {
        return hmac(&Sha256::digest(key), text);
    }
    let mut padded = [0u8; BLOCK];
    padded[..key.len()].copy_from_slice(key);
    let digest = |pad: u8, text: &[u8]| {
        let mut hash = Sha256::new();
        hash.update(padded.map(|b| b ^ pad));
        hash.update(text);
        hash.finalize().to_vec()
    };
    digest(0x5c, &digest(0x36, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_4231_case_2() {
        let mac = hmac(b"Jefe", b"what do ya want for nothing?");
        let hex: String = mac.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}
