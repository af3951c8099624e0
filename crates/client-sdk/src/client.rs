//! What JavaScript sees. `js/index.js` wraps it; its types are in `js/index.d.ts`.

use std::rc::Rc;

use js_sys::{Function, Promise};
use wasm_bindgen::prelude::*;

use crate::answer::Failure;
use crate::session::{Session, State};
use crate::{drive, js, wipe};

/// One user's cache.
#[wasm_bindgen]
pub struct Client {
    session: Rc<Session>,
}

#[wasm_bindgen]
impl Client {
    /// Opens the cache of `user`, a string, or `null` for somebody who is not signed in. Requests go to `base`.
    ///
    /// # Errors
    /// `{ code, message, status, body }`: a user id that is empty or no Unicode.
    pub fn open(user: &JsValue, base: &str) -> Result<Self, JsValue> {
        let user = match user.is_null() {
            true => None,
            // An empty id, or one that two ids could be read as, belongs to nobody.
            false => Some(js::text(user).filter(|id| !id.is_empty()).ok_or_else(|| {
                Failure::new("bad-user", "`user` must be null, or a string that is not empty and well-formed Unicode.")
            })?),
        };
        Ok(Self { session: Session::open(user, base)? })
    }

    /// Reads; see `Tiercel.get`.
    pub fn get(&self, class: &str, params: &JsValue, reload: bool, on_update: Option<Function>) -> Promise {
        let session = Rc::clone(&self.session);
        let ask = js::params(params).and_then(|params| session.ask(class, params));
        js::promise(Box::pin(async move { drive::get(session, ask?, reload, on_update).await }))
    }

    /// Adds a listener and gives the number to remove it by; see `Tiercel.subscribe`.
    ///
    /// # Errors
    /// `{ code, message, status, body }`: no such class, a missing parameter.
    pub fn subscribe(&self, class: &str, params: &JsValue, listener: Function) -> Result<u32, JsValue> {
        self.session.ensure_open()?;
        let ask = self.session.ask(class, js::params(params)?)?;
        let (key, groups) = self.session.key_of(&ask).unzip();
        Ok(self.session.watchers.add(ask, key, groups.unwrap_or_default(), listener))
    }

    /// Removes a listener.
    pub fn unsubscribe(&self, id: u32) {
        self.session.watchers.remove(id);
    }

    /// A domain event happened; see `Tiercel.invalidate`.
    pub fn invalidate(&self, event: String, params: &JsValue) -> Promise {
        let session = Rc::clone(&self.session);
        let params = js::params(params);
        js::promise(Box::pin(async move {
            session.invalidate(&event, params?).await?;
            Ok(JsValue::UNDEFINED)
        }))
    }

    /// Deletes everything of this user from the device; see `Tiercel.logout`.
    pub fn logout(&self) -> Promise {
        let session = Rc::clone(&self.session);
        js::promise(Box::pin(async move {
            wipe::log_out(&session).await;
            Ok(JsValue::UNDEFINED)
        }))
    }

    /// Closes. What was stored stays.
    pub fn close(&self) {
        self.session.end(State::Closed);
        self.session.watchers.clear();
    }
}
