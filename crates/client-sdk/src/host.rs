//! What the package's JavaScript does for the wasm: `js/host.js`.

use js_sys::{Array, Promise};
use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;

#[wasm_bindgen]
extern "C" {
    /// One session's way out. No method of it throws.
    pub type Host;

    /// Sends a request whose fields are a text as in `fields.rs`. A read is tried again, until `limit` milliseconds are
    /// over, while somebody reads: not all of `readers` are aborted signals. Resolves when the head is there.
    #[wasm_bindgen(method)]
    pub(crate) fn send(this: &Host, wanted: &JsValue, readers: Option<&Array>, signal: &AbortSignal) -> Promise;

    /// Tells the Service Worker.
    #[wasm_bindgen(method)]
    pub(crate) fn tell(this: &Host, message: &JsValue);

    /// Hears other tabs, the Service Worker and the page's events from now on, under the policy's name; see `js/lines.js`.
    #[wasm_bindgen(method)]
    pub(crate) fn listen(this: &Host, policy: &str);

    /// Tells other tabs and the Service Worker.
    #[wasm_bindgen(method)]
    pub(crate) fn broadcast(this: &Host, message: &JsValue);

    /// Dispatches the page's event with this `detail`.
    #[wasm_bindgen(method)]
    pub(crate) fn announce(this: &Host, detail: &JsValue);

    /// Hears and says no more.
    #[wasm_bindgen(method)]
    pub(crate) fn quiet(this: &Host);

    /// Deletes the caches whose names begin with `prefix`.
    #[wasm_bindgen(method, js_name = deleteCaches)]
    pub(crate) fn delete_caches(this: &Host, prefix: &str) -> Promise;

    /// Notes whether the database called `name` holds what is not true any more, for whoever opens it next.
    #[wasm_bindgen(method)]
    pub(crate) fn distrust(this: &Host, name: &str, is_untrue: bool);

    /// Whether it does.
    #[wasm_bindgen(method, js_name = isDistrusted)]
    pub(crate) fn is_distrusted(this: &Host, name: &str) -> bool;

    /// The session has ended; `for_good` where the user logged out.
    #[wasm_bindgen(method)]
    pub(crate) fn ended(this: &Host, for_good: bool);

    /// A mutation that had to wait was sent after all, at this moment.
    #[wasm_bindgen(method)]
    pub(crate) fn replayed(this: &Host, method: &str, url: &str, at: f64);
}

// Loops over the records of local stores, `{ id, at, value, expires }`: `js/local.js`. One call for all of
// them; what is to become of them, stands in `local.rs`.
#[wasm_bindgen]
extern "C" {
    /// The ids of `keys`; throws `bad-params`.
    #[wasm_bindgen(method, catch, js_name = localIds)]
    pub(crate) fn local_ids(this: &Host, prefix: &str, keys: &Array) -> Result<Array, JsValue>;

    /// Records of `[key, value]` pairs, the last `most`, the oldest first; throws `bad-params`, and `bad-value` where one that is
    /// alone cannot be copied. `like` is `{ prefix, at, apart, ttl, most }`.
    #[wasm_bindgen(method, catch, js_name = localRecords)]
    pub(crate) fn local_records(this: &Host, entries: &Array, like: &JsValue) -> Result<Array, JsValue>;

    /// Copies of records; throws `bad-value`.
    #[wasm_bindgen(method, catch, js_name = localCopies)]
    pub(crate) fn local_copies(this: &Host, records: &Array) -> Result<Array, JsValue>;

    /// The values of records; `undefined` where there is none, or it has expired.
    #[wasm_bindgen(method, js_name = localValues)]
    pub(crate) fn local_values(this: &Host, records: &Array, now: f64) -> Array;

    /// `[key, value]` of each of `found`, the newest first, but where `held` has the same: copies of these. At most
    /// `limit`, of what comes after `from` and has not expired.
    #[wasm_bindgen(method, js_name = localEntries)]
    pub(crate) fn local_entries(
        this: &Host,
        prefix: &str,
        found: &Array,
        held: &Array,
        from: Option<String>,
        limit: u32,
        now: f64,
    ) -> Array;
}

#[wasm_bindgen]
extern "C" {
    /// The head of an answer.
    pub(crate) type Head;

    #[wasm_bindgen(method, getter, structural)]
    pub(crate) fn status(this: &Head) -> u16;
    #[wasm_bindgen(method, getter, structural)]
    pub(crate) fn fields(this: &Head) -> String;
    /// Reads the body.
    #[wasm_bindgen(method, structural)]
    pub(crate) fn body(this: &Head) -> Promise;
}

#[wasm_bindgen]
extern "C" {
    /// The body of an answer.
    pub(crate) type Content;

    /// The JSON, `null` when there was none, `undefined` when it was no JSON; of a mutation's answer perhaps a text.
    #[wasm_bindgen(method, getter, structural)]
    pub(crate) fn data(this: &Content) -> JsValue;
    /// Its length in characters.
    #[wasm_bindgen(method, getter, structural)]
    pub(crate) fn length(this: &Content) -> f64;
    /// A success that is not what an API says.
    #[wasm_bindgen(method, getter, structural, js_name = notJson)]
    pub(crate) fn not_json(this: &Content) -> bool;
}
