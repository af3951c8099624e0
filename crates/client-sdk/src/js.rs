//! Small bridges to JavaScript values.

use std::pin::Pin;

use js_sys::{Array, Function, JsString, Object, Promise, Reflect};
use tiercel_core::key::Params;
use tiercel_core::text;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{future_to_promise, spawn_local};

use crate::answer::Failure;

#[wasm_bindgen]
extern "C" {
    /// A deep copy, so that neither side sees the other's changes.
    #[wasm_bindgen(catch, js_name = structuredClone)]
    pub(crate) fn structured_clone(value: &JsValue) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch, js_name = reportError)]
    fn report_error(error: &JsValue) -> Result<(), JsValue>;
}

/// Something to be done. Boxed, because every concrete future that meets a generic function of the runtime makes
/// another copy of that function.
pub(crate) type Work<T> = Pin<Box<dyn Future<Output = T>>>;

/// A promise of what `work` gives.
pub(crate) fn promise(work: Work<Result<JsValue, JsValue>>) -> Promise {
    future_to_promise(work)
}

/// A promise that nobody has to wait for.
pub(crate) fn settled() -> Promise {
    Promise::resolve(&JsValue::UNDEFINED)
}

/// Begins `work`, for which nobody waits.
pub(crate) fn spawn(work: Work<()>) {
    spawn_local(work);
}

/// The member `name`; `undefined` when there is none.
pub(crate) fn get(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &JsValue::from_str(name)).unwrap_or(JsValue::UNDEFINED)
}

/// Sets a member of a plain object, which takes every one.
pub(crate) fn set(object: &JsValue, name: &str, value: &JsValue) {
    let _ = Reflect::set(object, &JsValue::from_str(name), value);
}

/// A plain object.
pub(crate) fn object<const N: usize>(members: [(&str, JsValue); N]) -> JsValue {
    let object = Object::new();
    for (name, value) in members {
        set(&object, name, &value);
    }
    object.into()
}

/// An array of strings.
pub(crate) fn strings(items: &[String]) -> JsValue {
    items.iter().map(|item| JsValue::from_str(item)).collect::<Array>().into()
}

/// The strings of an array; what is no string is left out.
pub(crate) fn strings_of(value: &JsValue) -> Vec<String> {
    if !Array::is_array(value) {
        return Vec::new();
    }
    Array::from(value).iter().filter_map(|item| item.as_string()).collect()
}

/// A string that is Unicode. One with a lone surrogate is not: made into UTF-8 it would read like another one.
pub(crate) fn text(value: &JsValue) -> Option<String> {
    value.dyn_ref::<JsString>().filter(|text| text.is_valid_utf16())?.as_string()
}

/// Calls a listener of the page. What it throws is the page's, and reported as such.
pub(crate) fn call(listener: &Function, argument: &JsValue) {
    if let Err(thrown) = listener.call1(&JsValue::UNDEFINED, argument) {
        report(&thrown);
    }
}

/// Reports an error that nobody waits for.
pub(crate) fn report(error: &JsValue) {
    // Where the function is missing, there is nobody to tell.
    let _ = report_error(error);
}

/// The parameters of a call: an object of strings; `undefined` and `null` are absent.
///
/// # Errors
/// `bad-params`, with the name of the parameter.
pub(crate) fn params(value: &JsValue) -> Result<Params, Failure> {
    let mut params = Params::default();
    if value.is_undefined() || value.is_null() {
        return Ok(params);
    }
    let Some(object) = value.dyn_ref::<Object>() else {
        return Err(Failure::new("bad-params", "The parameters must be an object such as { category: \"videos\" }."));
    };
    for pair in Object::entries(object).iter() {
        let pair = Array::from(&pair);
        let (name, value) = (pair.get(0), pair.get(1));
        let name = name.as_string().unwrap_or_default();
        if value.is_undefined() || value.is_null() {
            continue;
        }
        let Some(value) = text(&value) else {
            let message =
                text!["The parameter `", name, "` must be a string of well-formed Unicode; convert it first."];
            return Err(Failure::new("bad-params", message));
        };
        params.set(&name, Some(&value));
    }
    Ok(params)
}
