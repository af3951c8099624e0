//! Verifies credentials: JWT (RFC 7519) by WebCrypto, other tokens by their issuer's word (RFC 7662). What cannot be
//! verified is nobody.

use std::cell::{Cell, RefCell};

use js_sys::Promise;
use tiercel_core::field::Fields;
use tiercel_core::keyring::{Choice, KeyRing, LONGEST_SET};
use tiercel_core::principal::{Claims, Credential, Identity};
use tiercel_core::proof::{Algorithm, KeyText, LONGEST_ANSWER, NO_KEY, Proof, UNANSWERED};
use tiercel_core::recognised::Recognised;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;

use crate::runtime::{Context, Env, report_thrown};
use crate::token::{self, MALFORMED};
use crate::{issuer, now};

type Proven<T> = core::result::Result<T, &'static str>;

thread_local! {
    static RECOGNISED: RefCell<Recognised> = RefCell::default();
    /// Incremented whenever everybody is forgotten.
    static EDITION: Cell<u32> = const { Cell::new(0) };
    /// The text of our own key: one that is replaced takes effect at once.
    static KEY: RefCell<String> = RefCell::default();
    /// An issuer's keys, with the text that they were made of.
    static KEYS: RefCell<(String, KeyRing<JsValue>)> = RefCell::default();
}

/// Where a proof stands.
enum Step {
    /// Choose a key, or ask the issuer.
    Begin,
    /// This is what the issuer says of its keys.
    Keys(JsValue),
    /// This is what the issuer says of the token.
    Word(JsValue),
    /// This is what became of the signature.
    Signature(JsValue),
}

/// What a proof needs next: what the promise comes to, for this step.
type Wait = (Promise, fn(JsValue) -> Step);

/// Who is asking, as the policy's `identity` has it verified.
pub(crate) async fn credential(identity: &Identity, fields: &Fields, env: &Env, context: &Context) -> Credential {
    let (token, via) = match identity.token(fields) {
        Ok(Some(found)) => found,
        Ok(None) => return Credential::None,
        Err(reason) => return Credential::Rejected(reason),
    };
    let judged = |outcome: &Proven<Claims>| match outcome {
        Ok(claims) => identity.judge(claims, via, now()),
        Err(reason) => Credential::Rejected(reason),
    };
    if is_current(&identity.proof, env)
        && let Some(credential) = RECOGNISED.with_borrow_mut(|known| known.get(token, now()).map(judged))
    {
        return credential;
    }
    let edition = EDITION.get();
    let mut step = Step::Begin;
    let proven = loop {
        step = match advance(identity, token, step, env, context) {
            Ok(Err((promise, next))) => next(JsFuture::from(promise).await.unwrap_or(JsValue::NULL)),
            Ok(Ok(claims)) => break Ok(claims),
            Err(reason) => break Err(reason),
        };
    };
    let credential = judged(&proven);
    let outcome = match credential {
        Credential::Rejected(reason) => Err(reason),
        _ => proven,
    };
    // What a key proved that has gone meanwhile is not remembered.
    if edition == EDITION.get() {
        RECOGNISED.with_borrow_mut(|known| known.put(token, outcome, identity, now()));
    }
    credential
}

/// Whether what is remembered was proven by what counts now.
fn is_current(proof: &Proof, env: &Env) -> bool {
    if proof.by.is_issuer() {
        return true;
    }
    if proof.by.is_key_set() {
        return KEYS.with_borrow(|(_, ring)| ring.is_current(now()));
    }
    KEY.with_borrow(|known| variable(env, proof).is_some_and(|text| *known == text))
}

/// One step of a proof: the claims, or what must be waited for.
fn advance(identity: &Identity, token: &str, step: Step, env: &Env, context: &Context) -> Proven<Result<Claims, Wait>> {
    let proof = &identity.proof;
    match step {
        Step::Begin if proof.by.is_issuer() => {
            let Some(by) = variable(env, proof) else { return Err(no_key(proof)) };
            let asked = issuer::ask(proof, Some((token, by)), LONGEST_ANSWER, env, context);
            return asked.map(|promise| Err((promise, Step::Word as fn(_) -> _))).ok_or(UNANSWERED);
        }
        Step::Word(said) if proof.by.is_issuer() => {
            let said = issuer::answer(&said).and_then(|(text, _)| token::claims(&text, false, &identity.subject));
            return match said {
                Some((claims, Some(true))) => Ok(Ok(claims)),
                Some((_, Some(false))) => Err("credential-inactive"),
                _ => Err(UNANSWERED),
            };
        }
        Step::Signature(holds) => {
            token::holds(&holds)?;
            return token::claims(token, true, &identity.subject).map(|(claims, _)| Ok(claims)).ok_or(MALFORMED);
        }
        Step::Keys(said) if proof.by.is_key_set() => learn(proof.algorithm, issuer::answer(&said)),
        Step::Begin | Step::Keys(_) | Step::Word(_) => {}
    }
    let header = token::header(token).ok_or(MALFORMED)?;
    proof.algorithm.admits(&header)?;
    let (format, material) = if !proof.by.is_key_set() {
        own_key(proof, env)?
    } else {
        match KEYS.with_borrow_mut(|(_, ring)| ring.choose(header.key.as_deref(), now())) {
            Choice::Key(material) => ("jwk", material),
            Choice::Reject(reason) => return Err(reason),
            Choice::Ask => match issuer::ask(proof, None, LONGEST_SET, env, context) {
                Some(promise) => return Ok(Err((promise, Step::Keys))),
                None => return Err(NO_KEY),
            },
        }
    };
    Ok(Err((token::verify(token, proof.algorithm, format, &material), Step::Signature)))
}

/// The key in a variable or secret, and its format.
fn own_key(proof: &Proof, env: &Env) -> Proven<(&'static str, JsValue)> {
    let text = variable(env, proof).unwrap_or_default();
    let material = JsValue::from_str(&text);
    let key = match KeyText::of(&text, proof.algorithm) {
        KeyText::Secret => Some(("raw", material)),
        KeyText::Pem => Some(("spki", material)),
        KeyText::Jwk => {
            token::keys(&text, true, proof.algorithm).and_then(|mut keys| keys.pop()).map(|(_, jwk)| ("jwk", jwk))
        }
        KeyText::Unusable => None,
    };
    if KEY.with_borrow(|known| *known != text) {
        forget_everybody();
        KEY.set(text);
    }
    key.ok_or_else(|| no_key(proof))
}

/// Takes over what an issuer said of its keys.
fn learn(algorithm: Algorithm, answer: Option<(String, Option<String>)>) {
    let read = answer.and_then(|(text, cached)| Some((token::keys(&text, false, algorithm)?, text, cached)));
    KEYS.with_borrow_mut(|(known, ring)| {
        let Some((keys, text, cache_control)) = read else { return ring.failed() };
        let is_new = *known != text;
        if is_new {
            forget_everybody();
            *known = text;
        }
        ring.learn(is_new.then_some(keys), cache_control.as_deref(), now());
    });
}

fn variable(env: &Env, proof: &Proof) -> Option<String> {
    env.get(&proof.variable).as_string().filter(|text| !text.is_empty())
}

fn forget_everybody() {
    RECOGNISED.with_borrow_mut(Recognised::clear);
    EDITION.set(EDITION.get() + 1);
}

fn no_key(proof: &Proof) -> &'static str {
    let name = JsValue::from_str(&proof.variable);
    report_thrown("tiercel: a secret is not set, or cannot be used, so no user is recognised:", &name);
    NO_KEY
}
