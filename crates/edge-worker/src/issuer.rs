//! Asking an issuer: for its public keys, or about a token.

use js_sys::{Array, Promise};
use tiercel_core::proof::Proof;
use wasm_bindgen::prelude::*;

use crate::origin;
use crate::runtime::{Context, Env, millis};

#[wasm_bindgen(inline_js = r#"
const underWay = new Map();

// One question for all who ask the same.
export async function ask(target, url, authorization, body, millis, longest, context) {
  const name = `${url} ${body}`;
  let asked = underWay.get(name);
  // What its request took along with it never settles.
  if (!asked || asked.until < Date.now()) {
    asked = { answer: answerOf(target, url, authorization, body, millis, longest), until: Date.now() + millis };
    underWay.set(name, asked);
    const over = () => underWay.get(name) === asked && underWay.delete(name);
    // Others may wait for it when this client has gone.
    context.waitUntil(asked.answer.then(over, over));
  }
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("no answer in time")), millis);
  });
  try {
    return await Promise.race([asked.answer, late]);
  } catch (error) {
    console.error("tiercel: the issuer cannot be asked:", error);
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
async function answerOf(target, url, authorization, body, millis, longest) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) {
    headers.Authorization = authorization;
    headers["Content-Type"] = "application/x-www-form-urlencoded";
    body = new URLSearchParams({ token: body }).toString();
  }
  const signal = AbortSignal.timeout(millis);
  const method = body === undefined ? "GET" : "POST";
  // Credentials do not follow a redirect, and keys do not come by one.
  const answer = await target.fetch(url, { method, headers, body, redirect: "manual", cache: "no-store", signal });
  if (answer.status !== 200) {
    answer.body?.cancel();
    throw new Error(`it answered ${answer.status}`);
  }
  const utf8 = new TextDecoder("utf-8", { fatal: true });
  let [text, length] = ["", 0];
  for await (const chunk of answer.body ?? []) {
    length += chunk.length;
    if (length > longest) throw new Error("its answer is too long");
    text += utf8.decode(chunk, { stream: true });
  }
  return [text + utf8.decode(), answer.headers.get("cache-control")];
}
"#)]
extern "C" {
    /// The text of a 200, and its `Cache-Control`; `undefined` when there is none in time.
    #[wasm_bindgen(js_name = ask)]
    fn question(
        target: &JsValue,
        url: &str,
        authorization: Option<String>,
        body: Option<&str>,
        millis: f64,
        longest: u32,
        context: &Context,
    ) -> Promise;
}

/// Asks for what [`answer`] reads: the issuer's keys, or, with a token and an `Authorization`, what it says of the token.
/// `None` when there is no origin.
pub(crate) fn ask(
    proof: &Proof,
    about: Option<(&str, String)>,
    longest: usize,
    env: &Env,
    context: &Context,
) -> Option<Promise> {
    let (target, url) = if proof.url.starts_with('/') {
        // The host is ours to say: a client's would let it choose whose word counts.
        origin::place(env, "https://origin", &proof.url).ok()?
    } else {
        (js_sys::global().into(), proof.url.clone())
    };
    let (token, authorization) = about.unzip();
    Some(question(&target, &url, authorization, token, millis(proof.timeout), longest as u32, context))
}

/// The text that the issuer sent, and its `Cache-Control`; `None` when it did not answer well.
pub(crate) fn answer(said: &JsValue) -> Option<(String, Option<String>)> {
    let said: &Array = said.dyn_ref()?;
    Some((said.get(0).as_string()?, said.get(1).as_string()))
}
