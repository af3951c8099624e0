//! Everybody else who must hear of an invalidation: other tabs, the page, the Service Worker.
//!
//! Tabs talk over `BroadcastChannel("tiercel:{policy}")`; a message carries the scope of its user, and tabs of
//! another user ignore it, unless it says that the cookies are another's now. The Service Worker talks there too: of what the
//! answers to mutations name, and of mutations that had to wait for a network, with `method` and `url`, which tell the rest. The page hears `{policy}:cache-invalidate` with `detail: { event, names }`, and may
//! dispatch the same with `detail: { event, params }` to say that something happened.

use std::rc::Rc;

use tiercel_core::invalidation::Purge;
use wasm_bindgen::prelude::*;

use crate::host::Host;
use crate::js::spawn;
use crate::session::Session;
use crate::{drive, js, wipe};

/// The lines to everybody else.
pub(crate) struct Sync {
    host: Rc<Host>,
}

impl Sync {
    /// Listens under the policy's name. What is heard comes to [`hear`] and [`obey`].
    pub(crate) fn start(policy: &str, host: Rc<Host>) -> Self {
        host.listen(policy);
        Self { host }
    }

    /// Hears and says no more.
    pub(crate) fn stop(&self) {
        self.host.quiet();
    }

    /// Tells other tabs and the Service Worker what was purged.
    pub(crate) fn purged(&self, scope: &str, event: Option<&str>, names: &[String]) {
        let event = event.map_or(JsValue::NULL, JsValue::from_str);
        self.broadcast("purge", scope, [("event", event), ("names", js::strings(names))]);
        self.host.tell(&js::object([("type", JsValue::from_str("tiercel:purge")), ("names", js::strings(names))]));
    }

    /// Tells other tabs that there is something new under `key`.
    pub(crate) fn stored(&self, scope: &str, key: &str) {
        self.broadcast("stored", scope, [("key", JsValue::from_str(key))]);
    }

    /// Tells other tabs that what is under `key` is gone.
    pub(crate) fn removed(&self, scope: &str, key: &str) {
        self.broadcast("removed", scope, [("key", JsValue::from_str(key))]);
    }

    /// Tells other tabs that a local store changed under `key`; in many places, where that is `null`.
    pub(crate) fn local(&self, scope: &str, store: &str, key: &JsValue) {
        self.broadcast("local", scope, [("store", JsValue::from_str(store)), ("key", key.clone())]);
    }

    /// Tells the Service Worker that somebody listens: it says again what was made untrue while nobody did. And other
    /// tabs, where the browser's cookies are this user's from now on.
    pub(crate) fn opened(&self, scope: &str, by_cookies: bool) {
        if by_cookies {
            self.broadcast("opened", scope, []);
        }
        let kind = JsValue::from_str("tiercel:opened");
        self.host.tell(&js::object([("type", kind), ("scope", JsValue::from_str(scope))]));
    }

    /// Tells other tabs that the user logged out, and the Service Worker that `user` did.
    pub(crate) fn logged_out(&self, scope: &str, user: Option<&str>) {
        self.broadcast("logout", scope, []);
        let kind = if user.is_some() { "tiercel:logout" } else { "tiercel:identify" };
        let user = user.map_or(JsValue::NULL, JsValue::from_str);
        self.host.tell(&js::object([("type", JsValue::from_str(kind)), ("user", user)]));
    }

    /// Tells the page what was purged.
    pub(crate) fn announce(&self, event: Option<&str>, names: &[String]) {
        let event = event.map_or(JsValue::NULL, JsValue::from_str);
        self.host.announce(&js::object([("event", event), ("names", js::strings(names))]));
    }

    fn broadcast<const N: usize>(&self, kind: &str, scope: &str, members: [(&str, JsValue); N]) {
        let message = js::object(members);
        for (name, value) in [("type", kind), ("scope", scope)] {
            js::set(&message, name, &JsValue::from_str(value));
        }
        self.host.broadcast(&message);
    }
}

/// Another tab said something, or the Service Worker.
pub(crate) fn hear(session: Rc<Session>, message: &JsValue) {
    if !session.is_open() {
        return;
    }
    let kind = js::get(message, "type").as_string().unwrap_or_default();
    if js::get(message, "scope").as_string().as_deref() != Some(&*session.scope) {
        if kind == "opened" && session.by_cookies {
            session.give_way();
        }
        return;
    }
    match kind.as_str() {
        "purge" => {
            let (event, names) = (js::get(message, "event").as_string(), js::strings_of(&js::get(message, "names")));
            let [method, url] = ["method", "url"].map(|name| js::get(message, name).as_string());
            if let (Some(method), Some(url)) = (method, url) {
                spawn(Box::pin(session.replayed(method, url, names)));
                return;
            }
            spawn(Box::pin(async move { session.purge(event.as_deref(), &names, Purge::Hard).await }));
        }
        "stored" => {
            let Some(key) = js::get(message, "key").as_string() else { return };
            let Some(ask) = session.watchers.ask(&key) else { return };
            spawn(Box::pin(async move {
                // It may have ended while the store was asked: then the last that is heard is `null`.
                if let Some(answer) = drive::peek(&session, &ask).await
                    && session.is_open()
                {
                    session.watchers.tell(&key, &answer);
                }
            }));
        }
        "removed" => {
            let Some(key) = js::get(message, "key").as_string() else { return };
            spawn(Box::pin(async move {
                session.store.remove(&key).await;
                if session.is_open() {
                    session.watchers.purged(&[], &[key]);
                }
            }));
        }
        "local" => {
            let name = js::get(message, "store").as_string().unwrap_or_default();
            session.locals.changed_elsewhere(&name, &js::get(message, "key"));
        }
        "logout" => spawn(Box::pin(async move { wipe::logged_out_elsewhere(&session).await })),
        _ => {}
    }
}

/// The app dispatched the event itself. What this SDK dispatches has `names`.
pub(crate) fn obey(session: Rc<Session>, detail: &JsValue) {
    if !session.is_open() || !detail.is_object() || !js::get(detail, "names").is_undefined() {
        return;
    }
    let event = js::get(detail, "event").as_string().unwrap_or_default();
    let params = js::params(&js::get(detail, "params"));
    spawn(Box::pin(async move {
        let done = match params {
            Ok(params) => session.invalidate(&event, params).await,
            Err(failure) => Err(failure),
        };
        if let Err(failure) = done {
            js::report(&js_sys::Error::new(failure.message()).into());
        }
    }));
}
