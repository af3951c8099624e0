//! The way to the origin: a service binding (`ORIGIN`) or a URL (`ORIGIN_URL`).

use js_sys::{Promise, Uint8Array};
use tiercel_core::exchange::{FetchFailure, OriginRequest};
use tiercel_core::head::ResponseHead;
use tiercel_core::text;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Headers, ReadableStream, Request, Response};

use crate::convert;
use crate::fields::to_headers;
use crate::runtime::{Env, Result, millis, report, report_thrown};

#[wasm_bindgen(inline_js = r#"
export async function send(target, url, method, headers, body, millis) {
  const abort = new AbortController();
  const init = { method, headers, body, redirect: "manual", signal: abort.signal };
  const answer = target.fetch(new Request(url, init));
  if (millis === undefined) return answer;
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(() => {
      abort.abort();
      resolve();
    }, millis);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
"#)]
extern "C" {
    /// Has `target` fetch; `undefined` when the head of the answer has not come within `millis`.
    fn send(
        target: &JsValue,
        url: &str,
        method: &str,
        headers: &Headers,
        body: Option<ReadableStream>,
        millis: Option<f64>,
    ) -> Promise;
}

/// What the origin answered.
pub(crate) struct Answer {
    pub(crate) head: ResponseHead,
    pub(crate) response: Response,
    /// What the core made of its body, where it is a list.
    pub(crate) list: Option<Uint8Array>,
}

impl Answer {
    /// Its body is not wanted.
    pub(crate) fn cancel(self) {
        if let Some(body) = self.response.body() {
            let _ = body.cancel();
        }
    }
}

/// Asks the origin. `passed` is the client's request, whose body goes on as a stream.
pub(crate) async fn fetch(
    env: &Env,
    wanted: &OriginRequest,
    passed: Option<&Request>,
) -> core::result::Result<Answer, FetchFailure> {
    let answer = async { JsFuture::from(begin(env, wanted, passed)?).await };
    match answer.await {
        Ok(late) if late.is_undefined() => {
            report("tiercel: the origin did not answer in time");
            Err(FetchFailure::Timeout)
        }
        Ok(response) => {
            let response: Response = response.unchecked_into();
            let head = convert::response_head(&response);
            if is_sound(&head) {
                return Ok(Answer { head, response, list: None });
            }
            report("tiercel: the origin's answer has no status or no length that HTTP knows");
            Answer { head, response, list: None }.cancel();
            Err(FetchFailure::Network)
        }
        Err(thrown) => {
            report_thrown("tiercel: the origin cannot be reached:", &thrown);
            Err(FetchFailure::Network)
        }
    }
}

/// RFC 9110 §15: a final status, or the 101 of an upgrade; RFC 9112 §6.3: a length that can be read.
fn is_sound(head: &ResponseHead) -> bool {
    let is_length = head.fields.all("content-length").all(|length| length.parse::<u64>().is_ok());
    is_length && (matches!(head.status, 101 | 200..=599))
}

/// Where `path` stands at the origin, and who fetches it; `host` is the URL's that a service binding sees.
pub(crate) fn place(env: &Env, host: &str, path: &str) -> Result<(JsValue, String)> {
    let binding = env.get("ORIGIN");
    if binding.is_object() {
        return Ok((binding, format!("{host}{path}")));
    }
    // What is no URL would be in the log with the path behind it.
    let base = env.get("ORIGIN_URL").as_string().filter(|base| text::contains(base, "://"));
    let base = base.ok_or(
        "neither a service binding ORIGIN nor a variable ORIGIN_URL (https://…) is set: see docs/deploying.md",
    )?;
    Ok((js_sys::global().into(), format!("{}{path}", base.trim_end_matches('/'))))
}

fn begin(env: &Env, wanted: &OriginRequest, passed: Option<&Request>) -> Result<Promise> {
    let target = &wanted.head.target;
    let (target, url) = place(env, &target.origin, &target.path_and_query())?;
    // Fetch knows no GET with a body (RFC 9110 §9.3.1 gives it no meaning), and would throw.
    let has_body = !matches!(&*wanted.head.method, "GET" | "HEAD");
    let body = passed.filter(|_| has_body).and_then(Request::body);
    Ok(send(&target, &url, &wanted.head.method, &to_headers(&wanted.head.fields)?, body, wanted.timeout.map(millis)))
}
