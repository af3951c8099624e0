//! Verifies credentials: JWT (RFC 7519) by WebCrypto. What cannot be verified is nobody.

use std::cell::RefCell;

use js_sys::{Array, JSON, JsString, Object, Reflect, Uint8Array};
use tiercel_core::field::Fields;
use tiercel_core::principal::{Claims, Credential, Identity};
use tiercel_core::time::Timestamp;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Crypto, CryptoKey, SubtleCrypto};

use crate::now;
use crate::runtime::{Env, report};

/// Longest token that is looked at, in bytes.
const LONGEST: usize = 8 << 10;

thread_local! {
    /// The imported key, with the secret that it was made of: a secret that is replaced takes effect at once.
    static KEY: RefCell<Option<(String, CryptoKey)>> = const { RefCell::new(None) };
}

/// Who is asking, as the policy's `identity` has it verified.
pub(crate) async fn credential(identity: Option<&Identity>, fields: &Fields, env: &Env) -> Credential {
    let Some(identity) = identity else { return Credential::None };
    let (token, via) = match identity.token(fields) {
        Ok(Some(found)) => found,
        Ok(None) => return Credential::None,
        Err(reason) => return Credential::Rejected(reason),
    };
    match verify(identity, token, env).await {
        Ok(claims) => identity.judge(&claims, via, now()),
        Err(reason) => Credential::Rejected(reason),
    }
}

async fn verify(identity: &Identity, token: &str, env: &Env) -> Result<Claims, &'static str> {
    const MALFORMED: &str = "credential-malformed";
    if token.len() > LONGEST {
        return Err(MALFORMED);
    }
    let mut parts = token.split('.');
    let (Some(header), Some(payload), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(MALFORMED);
    };
    let header = json(header).ok_or(MALFORMED)?;
    // RFC 8725 §3.1: the algorithm is ours to choose, not the token's. §3.10: unknown critical fields refuse it.
    if text(&header, "alg").as_deref() != Some(identity.algorithm.as_str()) || has(&header, "crit") {
        return Err("credential-algorithm");
    }
    let signed = &token[..token.len() - signature.len() - 1];
    let signature = base64url(signature).ok_or(MALFORMED)?;
    let key = key(env).await?;
    let signed = Uint8Array::from(signed.as_bytes());
    let checked = subtle()
        .and_then(|s| s.verify_with_str_and_buffer_source_and_buffer_source("HMAC", &key, &signature, &signed))
        .map_err(|_| MALFORMED)?;
    if JsFuture::from(checked).await.ok().and_then(|v| v.as_bool()) != Some(true) {
        return Err("credential-signature");
    }
    let payload = json(payload).ok_or(MALFORMED)?;
    Ok(Claims {
        subject: text(&payload, &identity.subject),
        issuer: text(&payload, "iss"),
        audience: match get(&payload, "aud") {
            one if one.is_string() => one.as_string().into_iter().collect(),
            many => {
                many.dyn_into::<Array>().map(|a| a.iter().filter_map(|v| v.as_string()).collect()).unwrap_or_default()
            }
        },
        expires: moment(&payload, "exp")?,
        not_before: moment(&payload, "nbf")?,
    })
}

async fn key(env: &Env) -> Result<CryptoKey, &'static str> {
    let Some(secret) = env.get("JWT_SECRET").as_string().filter(|s| !s.is_empty()) else {
        report("tiercel: the secret JWT_SECRET is not set, so no user is recognised: wrangler secret put JWT_SECRET");
        return Err("credential-no-key");
    };
    let known = KEY.with_borrow(|k| k.as_ref().filter(|(s, _)| *s == secret).map(|(_, key)| key.clone()));
    if let Some(key) = known {
        return Ok(key);
    }
    let import = || -> Result<_, JsValue> {
        let algorithm = Object::new();
        Reflect::set(&algorithm, &"name".into(), &"HMAC".into())?;
        Reflect::set(&algorithm, &"hash".into(), &"SHA-256".into())?;
        let bytes = Uint8Array::from(secret.as_bytes());
        subtle()?.import_key_with_object("raw", &bytes, &algorithm, false, &Array::of1(&"verify".into()))
    };
    let imported = JsFuture::from(import().map_err(|_| "credential-no-key")?).await.map_err(|_| "credential-no-key")?;
    let key: CryptoKey = imported.unchecked_into();
    KEY.set(Some((secret, key.clone())));
    Ok(key)
}

fn subtle() -> Result<SubtleCrypto, JsValue> {
    let crypto: Crypto = Reflect::get(&js_sys::global(), &"crypto".into())?.unchecked_into();
    Ok(crypto.subtle())
}

fn json(part: &str) -> Option<JsValue> {
    let text = String::from_utf8(base64url(part)?.to_vec()).ok()?;
    JSON::parse(&text).ok().filter(JsValue::is_object)
}

/// Unpadded base64url (RFC 7515 §2), strictly: a second spelling of a signature is no signature.
fn base64url(text: &str) -> Option<Uint8Array> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut buffer, mut bits) = (0u32, 0);
    for byte in text.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        buffer = buffer << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((buffer >> bits) as u8);
            buffer &= (1 << bits) - 1;
        }
    }
    (bits < 6 && buffer == 0).then(|| Uint8Array::from(bytes.as_slice()))
}

fn get(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

fn has(object: &JsValue, name: &str) -> bool {
    !get(object, name).is_undefined()
}

/// A string, unless it holds half a surrogate pair: Rust would read two such strings as the same.
fn text(object: &JsValue, name: &str) -> Option<String> {
    let text: JsString = get(object, name).dyn_into().ok()?;
    text.is_valid_utf16().then(|| text.into())
}

/// `NumericDate` (RFC 7519 §2). One that is there but is no number refuses the token.
fn moment(object: &JsValue, name: &str) -> Result<Option<Timestamp>, &'static str> {
    if !has(object, name) {
        return Ok(None);
    }
    match get(object, name).as_f64() {
        Some(secs) if secs.is_finite() && secs >= 0.0 => Ok(Some(Timestamp::from_secs(secs as u64))),
        _ => Err("credential-malformed"),
    }
}
