//! The way to the origin: a service binding (`ORIGIN`) or a URL (`ORIGIN_URL`).

use std::time::Duration;

use futures_util::future::{Either, pending, select};
use js_sys::{Function, Promise, Reflect};
use tiercel_core::exchange::{FetchFailure, OriginRequest};
use tiercel_core::head::ResponseHead;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, Request, RequestInit, RequestRedirect, Response};
use worker::{Delay, Env, console_error};

use crate::convert;
use crate::fields::to_headers;

/// What the origin answered.
pub(crate) struct Answer {
    pub(crate) head: ResponseHead,
    pub(crate) response: Response,
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
pub(crate) async fn fetch(env: &Env, wanted: &OriginRequest, passed: Option<&Request>) -> Result<Answer, FetchFailure> {
    let abort = AbortController::new().map_err(|_| FetchFailure::Network)?;
    let promise = send(env, wanted, passed, &abort).map_err(|error| broken(&error))?;
    let wait = async {
        match wanted.timeout {
            Some(timeout) => Delay::from(Duration::from_secs(timeout.get())).await,
            None => pending().await,
        }
    };
    match select(Box::pin(JsFuture::from(promise)), Box::pin(wait)).await {
        Either::Left((Ok(response), _)) => {
            let response: Response = response.unchecked_into();
            Ok(Answer { head: convert::response_head(&response), response })
        }
        Either::Left((Err(error), _)) => Err(broken(&error)),
        Either::Right(_) => {
            abort.abort();
            console_error!("tiercel: the origin did not answer in time");
            Err(FetchFailure::Timeout)
        }
    }
}

fn send(
    env: &Env,
    wanted: &OriginRequest,
    passed: Option<&Request>,
    abort: &AbortController,
) -> Result<Promise, JsValue> {
    let init = RequestInit::new();
    init.set_method(&wanted.head.method);
    init.set_headers(&to_headers(&wanted.head.fields));
    init.set_redirect(RequestRedirect::Manual);
    init.set_signal(Some(&abort.signal()));
    // Fetch knows no GET with a body (RFC 9110 §9.3.1 gives it no meaning), and would throw.
    let has_body = !matches!(wanted.head.method.as_str(), "GET" | "HEAD");
    if let Some(body) = passed.filter(|_| has_body).and_then(Request::body) {
        init.set_body_opt_readable_stream(Some(&body));
    }
    let binding = Reflect::get(env, &"ORIGIN".into())?;
    let (target, url) = if binding.is_object() {
        (binding, wanted.head.target.url())
    } else {
        let base = Reflect::get(env, &"ORIGIN_URL".into())?.as_string().filter(|base| !base.is_empty());
        let base =
            base.ok_or("neither a service binding ORIGIN nor a variable ORIGIN_URL is set: see docs/deploying.md")?;
        let global = JsValue::from(js_sys::global());
        (global, format!("{}{}", base.trim_end_matches('/'), wanted.head.target.path_and_query()))
    };
    let request = Request::new_with_str_and_init(&url, &init)?;
    let fetch: Function = Reflect::get(&target, &"fetch".into())?.dyn_into()?;
    Ok(fetch.call1(&target, &request)?.unchecked_into())
}

fn broken(error: &JsValue) -> FetchFailure {
    console_error!("tiercel: the origin cannot be reached: {error:?}");
    FetchFailure::Network
}
