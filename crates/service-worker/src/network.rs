//! The way to the edge.

use tiercel_core::exchange::{FetchFailure, OriginRequest};
use tiercel_core::head::ResponseHead;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, RequestCache, RequestCredentials, RequestInit, RequestRedirect, Response};

use crate::fields::to_headers;
use crate::{convert, global};

/// What the network answered.
pub(crate) struct Answer {
    pub(crate) head: ResponseHead,
    pub(crate) response: Response,
}

/// Asks the network. A navigation leaves redirects to the browser.
pub(crate) async fn fetch(wanted: &OriginRequest, navigates: bool) -> Result<Answer, FetchFailure> {
    let abort = AbortController::new().map_err(|_| FetchFailure::Network)?;
    let timed_out = std::rc::Rc::new(std::cell::Cell::new(false));
    let on_time = {
        let (abort, timed_out) = (abort.clone(), timed_out.clone());
        Closure::once(move || {
            timed_out.set(true);
            abort.abort();
        })
    };
    let timer = wanted.timeout.map(|timeout| {
        let millis = timeout.get().saturating_mul(1000);
        set_timeout(&on_time, i32::try_from(millis).unwrap_or(i32::MAX))
    });
    let sent = async {
        let init = RequestInit::new();
        init.set_method(&wanted.head.method);
        init.set_headers(&to_headers(&wanted.head.fields)?.into());
        init.set_credentials(RequestCredentials::SameOrigin);
        init.set_signal(Some(&abort.signal()));
        init.set_redirect(if navigates { RequestRedirect::Manual } else { RequestRedirect::Follow });
        if wanted.revalidate {
            // The browser's own HTTP cache has lifetimes that are not ours.
            init.set_cache(RequestCache::NoCache);
        }
        JsFuture::from(global().fetch_with_str_and_init(&wanted.head.target.url(), &init)).await
    };
    let answered: Result<JsValue, JsValue> = sent.await;
    if let Some(timer) = timer {
        clear_timeout(timer);
    }
    match answered {
        Ok(response) => {
            let response: Response = response.unchecked_into();
            Ok(Answer { head: convert::response_head(&response), response })
        }
        Err(_) if timed_out.get() => Err(FetchFailure::Timeout),
        Err(_) => Err(FetchFailure::Network),
    }
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Closure<dyn FnMut()>, millis: i32) -> i32;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(timer: i32);
}
