//! What JavaScript sees. `js/index.js` wraps it; its types are in `js/index.d.ts`.

use std::rc::Rc;

use js_sys::{Array, Function, Promise};
use wasm_bindgen::prelude::*;
use web_sys::AbortController;

use crate::answer::Failure;
use crate::host::Host;
use crate::session::{Session, State};
use crate::{drive, js, local, mutate, stored, sync, wipe};

/// One user's cache.
#[wasm_bindgen]
pub struct Client {
    session: Rc<Session>,
}

#[wasm_bindgen]
impl Client {
    /// Opens the cache of `user`, a string, or `null` for somebody who is not signed in. Requests go to `base`, by way
    /// of `host`, `signed` where that puts a credential into them.
    ///
    /// # Errors
    /// `{ code, message, status, body }`: a user id that is empty or no Unicode.
    pub fn open(user: &JsValue, base: &str, host: Host, signed: bool) -> Result<Self, JsValue> {
        let user = match user.is_null() {
            true => None,
            // An empty id, or one that two ids could be read as, belongs to nobody.
            false => Some(js::text(user).filter(|id| !id.is_empty()).ok_or_else(|| {
                Failure::new("bad-user", "`user` must be null, or a string that is not empty and well-formed Unicode.")
            })?),
        };
        Ok(Self { session: Session::open(user, base, host, signed)? })
    }

    /// Tells users apart: the name of the database.
    #[wasm_bindgen(getter)]
    pub fn scope(&self) -> String {
        self.session.scope.clone()
    }

    /// Reads; see `Tiercel.get`. `reader` is the signal of who waits, or `null`.
    pub fn get(
        &self,
        class: &str,
        params: &JsValue,
        reload: bool,
        on_update: Option<Function>,
        reader: JsValue,
    ) -> Promise {
        let session = Rc::clone(&self.session);
        let ask = js::params(params).and_then(|params| session.ask(class, params));
        js::promise(Box::pin(async move { drive::get(session, ask?, reload, on_update, reader).await }))
    }

    /// What is stored and may be served, without asking anybody; `undefined` when there is nothing.
    pub fn peek(&self, class: &str, params: &JsValue) -> Promise {
        let session = Rc::clone(&self.session);
        let ask = js::params(params).and_then(|params| session.ask(class, params));
        js::promise(Box::pin(async move {
            session.ensure_open()?;
            Ok(drive::peek(&session, &ask?).await.filter(|_| session.is_open()).unwrap_or_default())
        }))
    }

    /// The key of a read; `undefined` when it is never stored.
    ///
    /// # Errors
    /// `{ code, message, status, body }`: no such class, a missing parameter.
    pub fn key(&self, class: &str, params: &JsValue) -> Result<Option<String>, JsValue> {
        self.session.ensure_open()?;
        let ask = self.session.ask(class, js::params(params)?)?;
        Ok(self.session.key_of(&ask).map(|(key, _)| key))
    }

    /// Sends what causes an event; see `Tiercel.mutate`. `fields` is a text as in `fields.rs`.
    pub fn mutate(
        &self,
        event: String,
        params: &JsValue,
        fields: String,
        body: JsValue,
        abort: AbortController,
    ) -> Promise {
        let session = Rc::clone(&self.session);
        let params = js::params(params);
        js::promise(Box::pin(async move { mutate::mutate(session, event, params?, fields, body, abort).await }))
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

    /// A moment, in milliseconds: what is asked for from now on is newer.
    pub fn mark(&self) -> f64 {
        self.session.mark().as_millis() as f64
    }

    /// What is stored; see `Tiercel.stored`.
    pub fn stored(&self) -> Promise {
        let session = Rc::clone(&self.session);
        js::promise(Box::pin(async move {
            session.ensure_open()?;
            let list = stored::list(&session).await;
            session.ensure_open()?;
            Ok(list)
        }))
    }

    /// Drops one record; see `Tiercel.remove`.
    pub fn remove(&self, key: String) -> Promise {
        let session = Rc::clone(&self.session);
        js::promise(Box::pin(async move {
            session.ensure_open()?;
            stored::remove(session, key).await;
            Ok(JsValue::UNDEFINED)
        }))
    }

    /// The values under `keys` of a local store; `undefined` where there is none.
    #[wasm_bindgen(js_name = localGet)]
    pub fn local_get(&self, store: String, keys: Array) -> Promise {
        js::promise(Box::pin(local::get(Rc::clone(&self.session), store, keys)))
    }

    /// Puts `[key, value]` pairs into a local store.
    #[wasm_bindgen(js_name = localSet)]
    pub fn local_set(&self, store: String, entries: Array) -> Promise {
        js::promise(Box::pin(local::set(Rc::clone(&self.session), store, entries)))
    }

    /// Removes what stands under `key` of a local store.
    #[wasm_bindgen(js_name = localRemove)]
    pub fn local_remove(&self, store: String, key: JsValue) -> Promise {
        js::promise(Box::pin(local::remove(Rc::clone(&self.session), store, Some(key))))
    }

    /// Removes everything from a local store.
    #[wasm_bindgen(js_name = localClear)]
    pub fn local_clear(&self, store: String) -> Promise {
        js::promise(Box::pin(local::remove(Rc::clone(&self.session), store, None)))
    }

    /// The entries of a local store, the newest first; those after the one called `after`, unless that is `undefined`.
    #[wasm_bindgen(js_name = localEntries)]
    pub fn local_entries(&self, store: String, limit: Option<u32>, after: JsValue) -> Promise {
        js::promise(Box::pin(local::entries(Rc::clone(&self.session), store, limit, after)))
    }

    /// Adds a listener to a local store and gives the number to remove it by.
    ///
    /// # Errors
    /// `{ code, message, status, body }`: no such store.
    #[wasm_bindgen(js_name = localListen)]
    pub fn local_listen(&self, store: &str, listener: Function) -> Result<u32, JsValue> {
        local::find(&self.session, store)?;
        Ok(self.session.locals.listen(store, listener))
    }

    /// Removes such a listener.
    #[wasm_bindgen(js_name = localForget)]
    pub fn local_forget(&self, id: u32) {
        self.session.locals.forget(id);
    }

    /// Deletes everything of this user from the device; see `Tiercel.logout`.
    pub fn logout(&self) -> Promise {
        let session = Rc::clone(&self.session);
        js::promise(Box::pin(async move {
            wipe::log_out(&session).await;
            Ok(JsValue::UNDEFINED)
        }))
    }

    /// Another tab said something, or the Service Worker.
    pub fn heard(&self, message: &JsValue) {
        sync::hear(Rc::clone(&self.session), message);
    }

    /// The page dispatched the event of the policy with this `detail`.
    pub fn told(&self, detail: &JsValue) {
        sync::obey(Rc::clone(&self.session), detail);
    }

    /// Closes. What was stored stays.
    pub fn close(&self) {
        self.session.end(State::Closed);
        self.session.watchers.clear();
        self.session.locals.clear();
    }
}
