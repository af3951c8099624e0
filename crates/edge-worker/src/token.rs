//! Tokens and keys, by the runtime's own JSON and WebCrypto. What may be used for what is the core's decision.

use js_sys::{Array, Promise};
use tiercel_core::keyring::MOST_KEYS;
use tiercel_core::principal::Claims;
use tiercel_core::proof::{Algorithm, NO_KEY, SHORTEST_MODULUS, TokenHeader};
use tiercel_core::time::Timestamp;
use wasm_bindgen::prelude::*;

use crate::runtime::Result;

/// What cannot be read.
pub(crate) const MALFORMED: &str = "credential-malformed";

#[wasm_bindgen(inline_js = r#"
const ALGORITHMS = {
  HS256: { name: "HMAC", hash: "SHA-256" },
  RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  ES256: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  EdDSA: { name: "Ed25519" },
};
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const own = (object, name) => (Object.hasOwn(object, name) ? object[name] : undefined);
// Half a surrogate pair would be read in Rust as any other half is.
const text = (value) => (typeof value === "string" && value.isWellFormed() ? value : undefined);

// RFC 7515 §2, strictly: what would be written otherwise is a second spelling of the same bytes.
function bytes(base64url) {
  const binary = atob(base64url.replaceAll("-", "+").replaceAll("_", "/"));
  const spelled = btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  if (spelled !== base64url) throw new Error("not base64url");
  return Uint8Array.from(binary, (char) => char.charCodeAt(0));
}
function object(json) {
  const value = JSON.parse(json);
  if (typeof value !== "object" || value === null) throw new Error("not an object");
  return value;
}
// Header, payload and signature (RFC 7515 §7.1).
function parts(token) {
  const found = token.split(".");
  if (found.length !== 3) throw new Error("not a signed token");
  return found;
}
export function headerOf(token) {
  const header = object(utf8.decode(bytes(parts(token)[0])));
  return [text(own(header, "alg")), text(own(header, "kid")), Object.hasOwn(header, "crit")];
}
export function claimsOf(said, isToken, subject) {
  const claims = object(isToken ? utf8.decode(bytes(parts(said)[1])) : said);
  const aud = own(claims, "aud");
  const audience = (Array.isArray(aud) ? aud : [aud]).map(text).filter((one) => one !== undefined);
  const { exp, nbf, iat, active } = claims;
  return [text(own(claims, subject)), text(own(claims, "iss")), exp, nbf, iat, active, ...audience];
}
export function keysOf(json, isOne) {
  const set = object(json);
  return (isOne ? [set] : set.keys).filter((key) => typeof key === "object" && key !== null).flatMap((key) => {
    const { kty, crv, n, e, x, y, alg, use, key_ops } = key;
    const isOther = "key_ops" in key && !(Array.isArray(key_ops) && key_ops.includes("verify"));
    const said = [kty, crv, alg, use, isOther ? "other" : "", "d" in key || "k" in key ? "private" : ""];
    return [text(key.kid), said.map((value) => value ?? "").join("\n"), { kty, crv, n, e, x, y }];
  });
}
const imported = new Map();
async function keyOf(algorithm, format, material, shortest) {
  const known = imported.get(material);
  if (known) return known;
  let bytes = material;
  if (format === "raw") bytes = new TextEncoder().encode(material);
  if (format === "spki") {
    const pem = /^-----BEGIN PUBLIC KEY-----([\sA-Za-z0-9+/=]+)-----END PUBLIC KEY-----$/;
    const [, base64] = pem.exec(material.replaceAll("\\n", "\n").trim()) ?? [, ""];
    bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  }
  const key = await crypto.subtle.importKey(format, bytes, ALGORITHMS[algorithm], false, ["verify"]);
  if (key.algorithm.modulusLength < shortest) throw new Error("it is too short");
  // Those of earlier sets.
  if (imported.size > 64) imported.clear();
  imported.set(material, key);
  return key;
}
export async function check(algorithm, format, material, shortest, token) {
  const signature = bytes(parts(token)[2]);
  const signed = new TextEncoder().encode(token.slice(0, token.lastIndexOf(".")));
  let key;
  try {
    key = await keyOf(algorithm, format, material, shortest);
  } catch (error) {
    console.error("tiercel: a key cannot be used:", error);
    return undefined;
  }
  // Of a wrong length: some of the algorithms throw.
  return crypto.subtle.verify(ALGORITHMS[algorithm], key, signature, signed).catch(() => false);
}
"#)]
extern "C" {
    #[wasm_bindgen(catch, js_name = headerOf)]
    fn header_of(token: &str) -> Result<Array>;
    #[wasm_bindgen(catch, js_name = claimsOf)]
    fn claims_of(said: &str, is_token: bool, subject: &str) -> Result<Array>;
    #[wasm_bindgen(catch, js_name = keysOf)]
    fn keys_of(json: &str, is_one: bool) -> Result<Array>;
    /// Whether the signature holds; `undefined` when the key is none, or has a shorter modulus than so many bits. It
    /// throws when there is none to be read.
    fn check(algorithm: &str, format: &str, material: &JsValue, shortest: u32, token: &str) -> Promise;
}

/// The header of a signed token; `None` when it is none.
pub(crate) fn header(token: &str) -> Option<TokenHeader> {
    let header = header_of(token).ok()?;
    Some(TokenHeader { algorithm: text(&header, 0), key: text(&header, 1), is_critical: header.get(2).is_truthy() })
}

/// Whether a key signed a token, for [`holds`]. `format` is one of WebCrypto's, where PEM is the text of `spki`.
pub(crate) fn verify(token: &str, algorithm: Algorithm, format: &str, material: &JsValue) -> Promise {
    check(algorithm.name(), format, material, SHORTEST_MODULUS, token)
}

/// What [`verify`] came to.
///
/// # Errors
/// A stable reason.
pub(crate) fn holds(checked: &JsValue) -> core::result::Result<(), &'static str> {
    match checked.as_bool() {
        Some(true) => Ok(()),
        Some(false) => Err("credential-signature"),
        None if checked.is_undefined() => Err(NO_KEY),
        None => Err(MALFORMED),
    }
}

/// The claims of a token or of an issuer's answer, and what it says under `active` (RFC 7662 §2.2). `None` when it is no
/// JSON object, or has a moment that is no `NumericDate` (RFC 7519 §2).
pub(crate) fn claims(said: &str, is_token: bool, subject: &str) -> Option<(Claims, Option<bool>)> {
    let said = claims_of(said, is_token, subject).ok()?;
    let mut moments = [None; 3];
    for (at, moment) in (2..).zip(&mut moments) {
        let value = said.get(at);
        if !value.is_undefined() {
            let secs = value.as_f64().filter(|secs| (0.0..f64::INFINITY).contains(secs))?;
            *moment = Some(Timestamp::from_secs(secs as u64));
        }
    }
    let [expires, not_before, issued] = moments;
    let audience = (6..said.length()).filter_map(|at| text(&said, at)).collect();
    let (subject, issuer) = (text(&said, 0), text(&said, 1));
    Some((Claims { subject, issuer, audience, expires, not_before, issued }, said.get(5).as_bool()))
}

/// The keys of a JWK Set, or of a JWK alone, that are for `algorithm`, each with its `kid`.
pub(crate) fn keys(json: &str, is_one: bool, algorithm: Algorithm) -> Option<Vec<(Option<String>, JsValue)>> {
    let said = keys_of(json, is_one).ok()?;
    let mut keys = Vec::new();
    for at in (0..said.length()).step_by(3).take(MOST_KEYS) {
        if text(&said, at + 1).is_some_and(|jwk| algorithm.takes(&jwk)) {
            keys.push((text(&said, at), said.get(at + 2)));
        }
    }
    Some(keys)
}

fn text(array: &Array, at: u32) -> Option<String> {
    array.get(at).as_string()
}
