//! What the Workers runtime hands to a Worker, over worker-sys, the lower half of workers-rs. The upper half, the crate
//! `worker`, would bring requests, errors and readers of JSON of its own along: 36 KB of wasm (gzip).

use std::panic::Location;
use std::pin::Pin;

use js_sys::Promise;
use tiercel_core::text;
use tiercel_core::time::DeltaSeconds;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, future_to_promise};

pub(crate) use worker_sys::Context;

/// What may fail with a value of JavaScript.
pub(crate) type Result<T> = core::result::Result<T, JsValue>;

#[wasm_bindgen]
extern "C" {
    /// The bindings, variables and secrets of this Worker.
    #[derive(Clone)]
    pub type Env;
    /// What is called `name`; `undefined` when nothing is.
    #[wasm_bindgen(method, structural, indexing_getter)]
    pub(crate) fn get(this: &Env, name: &str) -> JsValue;

    /// Writes to the Worker's log.
    #[wasm_bindgen(js_namespace = console, js_name = error)]
    pub(crate) fn report(message: &str);
    /// Writes to the Worker's log; what was thrown, the runtime writes with its stack.
    #[wasm_bindgen(js_namespace = console, js_name = error)]
    pub(crate) fn report_thrown(message: &str, thrown: &JsValue);
}

#[wasm_bindgen(inline_js = r#"
export function pause(millis) {
  return new Promise((resolve) => setTimeout(resolve, millis));
}
export function inTime(work, millis) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error("no answer in time")), millis);
    const end = (settle) => (value) => {
      clearTimeout(late);
      settle(value);
    };
    work.then(end(resolve), end(reject));
  });
}
"#)]
extern "C" {
    #[wasm_bindgen(js_name = pause)]
    fn timer(millis: f64) -> Promise;
    #[wasm_bindgen(js_name = inTime)]
    fn race(work: &Promise, millis: f64) -> Promise;
}

/// Lets the runtime do something else for so many milliseconds.
pub(crate) async fn pause(millis: u64) {
    // A timer does not fail.
    let _ = JsFuture::from(timer(millis as f64)).await;
}

/// What `work` comes to, if it does within so many seconds.
///
/// # Errors
/// That of `work`, or that it took too long.
pub(crate) async fn in_time(seconds: u64, work: &Promise) -> Result<JsValue> {
    in_millis(seconds.saturating_mul(1000), work).await
}

/// The same within so many milliseconds, which count from now on.
pub(crate) fn in_millis(millis: u64, work: &Promise) -> JsFuture {
    JsFuture::from(race(work, millis as f64))
}

/// As JavaScript's timers want it.
pub(crate) fn millis(span: DeltaSeconds) -> f64 {
    // A longer one would end at once.
    (span.get() * 1000).min(i32::MAX as u64) as f64
}

/// Lets `work` go on after the answer went out.
pub(crate) fn wait_until(context: &Context, work: impl Future<Output = ()> + 'static) {
    let promise = promise(Box::pin(async move {
        work.await;
        Ok(JsValue::UNDEFINED)
    }));
    if let Err(thrown) = context.wait_until(&promise) {
        report_thrown("tiercel: what goes on behind an answer may be ended early:", &thrown);
    }
}

/// Something to be done.
pub(crate) type Work<T> = Pin<Box<dyn Future<Output = T>>>;

/// A promise of what `work` gives. In a box, because every kind of future would make a copy of the machinery.
pub(crate) fn promise(work: Work<Result<JsValue>>) -> Promise {
    future_to_promise(work)
}

/// A panic is a trap, which says nothing of it: the build has each of them call this first. Its place has to do, since the code
/// that composes messages is 2 KB (gzip) large.
#[expect(unsafe_code, reason = "tools/trap-panics.mjs finds it by its name")]
#[unsafe(no_mangle)]
extern "C" fn panicked(place: &'static Location<'static>) {
    let file = place.file();
    // Should the compiler ever hand over something else: nothing that is no place goes into a log.
    if file.len() < 256 && file.ends_with(".rs") && file.is_ascii() {
        report(&text!["tiercel: a panic at ", file, ":", place.line()]);
    }
}
