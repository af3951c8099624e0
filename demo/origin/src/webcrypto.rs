//! The few calls of WebCrypto that this origin makes, and base64url.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use js_sys::futures::JsFuture;
use js_sys::{Array, Uint8Array};
use std::cell::RefCell;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Crypto, CryptoKey, Pbkdf2Params, SubtleCrypto, WorkerGlobalScope};

/// Base64url without padding (RFC 4648 §5).
pub(crate) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes of a base64url text, `None` where it is none.
pub(crate) fn from_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

pub(crate) async fn sha256(bytes: &[u8]) -> Result<Vec<u8>, JsValue> {
    let data = Uint8Array::from(bytes);
    let digest = subtle()?.digest_with_str_and_js_u8_array("SHA-256", &data)?;
    bytes_of(JsFuture::from(digest).await?)
}

/// The HMAC-SHA-256 of `data` under `secret`.
pub(crate) async fn hmac_sign(secret: &str, data: &str) -> Result<Vec<u8>, JsValue> {
    let key = hmac_key(secret).await?;
    let data = Uint8Array::from(data.as_bytes());
    let mac = subtle()?.sign_with_str_and_js_u8_array("HMAC", &key, &data)?;
    bytes_of(JsFuture::from(mac).await?)
}

/// Whether `mac` is the HMAC-SHA-256 of `data` under `secret`; takes the same time either way.
pub(crate) async fn hmac_verify(secret: &str, mac: &[u8], data: &str) -> Result<bool, JsValue> {
    let key = hmac_key(secret).await?;
    let mac = Uint8Array::from(mac);
    let data = Uint8Array::from(data.as_bytes());
    let verdict = subtle()?.verify_with_str_and_js_u8_array_and_js_u8_array("HMAC", &key, &mac, &data)?;
    Ok(JsFuture::from(verdict).await?.is_truthy())
}

/// PBKDF2-HMAC-SHA-256, 32 bytes. Workers refuse more than 100,000 iterations.
pub(crate) async fn pbkdf2(password: &str, salt: &[u8], iterations: u32) -> Result<Vec<u8>, JsValue> {
    let usages = Array::of1(&"deriveBits".into());
    let key = subtle()?.import_key_with_str("raw", &Uint8Array::from(password.as_bytes()), "PBKDF2", false, &usages)?;
    let key: CryptoKey = JsFuture::from(key).await?.unchecked_into();
    let salt = Uint8Array::from(salt);
    let params = Pbkdf2Params::new_with_str("PBKDF2", "SHA-256", iterations, &salt);
    let bits = subtle()?.derive_bits_with_object(&params, &key, 256)?;
    bytes_of(JsFuture::from(bits).await?)
}

/// 122 random bits as 32 hexadecimal digits.
pub(crate) fn random_id() -> Result<String, JsValue> {
    Ok(crypto()?.random_uuid().replace('-', ""))
}

/// Importing a key costs more than using it, and a `CryptoKey` holds no I/O of the request that
/// imported it, so each isolate keeps the last one.
async fn hmac_key(secret: &str) -> Result<CryptoKey, JsValue> {
    thread_local! {
        static KEY: RefCell<Option<(String, CryptoKey)>> = const { RefCell::new(None) };
    }
    let kept = KEY.with_borrow(|kept| match kept {
        Some((of, key)) if of == secret => Some(key.clone()),
        _ => None,
    });
    if let Some(key) = kept {
        return Ok(key);
    }
    let algorithm = js_sys::Object::new();
    js_sys::Reflect::set(&algorithm, &"name".into(), &"HMAC".into())?;
    js_sys::Reflect::set(&algorithm, &"hash".into(), &"SHA-256".into())?;
    let usages = Array::of2(&"sign".into(), &"verify".into());
    let raw = Uint8Array::from(secret.as_bytes());
    let key = subtle()?.import_key_with_object("raw", &raw, &algorithm, false, &usages)?;
    let key: CryptoKey = JsFuture::from(key).await?.unchecked_into();
    KEY.set(Some((secret.to_owned(), key.clone())));
    Ok(key)
}

fn crypto() -> Result<Crypto, JsValue> {
    js_sys::global().unchecked_into::<WorkerGlobalScope>().crypto()
}

fn subtle() -> Result<SubtleCrypto, JsValue> {
    Ok(crypto()?.subtle())
}

fn bytes_of(buffer: JsValue) -> Result<Vec<u8>, JsValue> {
    Ok(Uint8Array::new(&buffer).to_vec())
}
