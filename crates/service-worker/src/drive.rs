//! Follows one request from `receive` to `conclude` and performs what the core decides.

use std::cell::RefCell;

use tiercel_core::exchange::{
    Body, Conclusion, Delivery, Fetch, Found, Lookup, Outcome, Received, Resolved, StoreAction,
};
use tiercel_core::head::RequestHead;
use tiercel_core::invalidation::{Facts, TagEpochs};
use tiercel_core::principal::{Credential, CredentialSource, Principal};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::future_to_promise;
use web_sys::{FetchEvent, Response};

use crate::network::Answer;
use crate::{convert, engine, identity, network, now, refreshing, store};

thread_local! {
    /// Purges since this worker started, for answers that are under way.
    static PURGED: RefCell<TagEpochs> = const { RefCell::new(TagEpochs::new()) };
}

/// Records a purge, so that an answer that was asked for before it is not stored after it.
pub(crate) fn purge(record: impl FnOnce(&mut TagEpochs)) {
    PURGED.with_borrow_mut(record);
}

pub(crate) async fn answer(event: FetchEvent) -> Result<Response, JsValue> {
    let request = event.request();
    let client = event.client_id().unwrap_or_default();
    let destination = js_sys::Reflect::get(&request, &"destination".into())?.as_string().unwrap_or_default();
    let navigates = destination == "document";
    let head = convert::request_head(&request);
    let url = head.target.url();
    let way = Way { user: identity::of(&client).await, client, navigates };
    let (response, behind) = way.go(head).await?;
    if let Some(behind) = behind {
        event.wait_until(&future_to_promise(async move {
            behind.await;
            Ok(JsValue::UNDEFINED)
        }))?;
    }
    if matches!(destination.as_str(), "video" | "audio") {
        // The page cannot read the headers that a media element gets.
        identity::report(&way.client, &url, &response).await;
    }
    Ok(response)
}

/// Fetches `url` into the store of `client`'s user, unless it is there.
pub(crate) async fn warm(url: &str, client: &str) -> Result<(), JsValue> {
    let head = RequestHead::new("GET", url, tiercel_core::field::Fields::new());
    let way = Way { user: identity::of(client).await, client: client.to_owned(), navigates: false };
    let (_, behind) = way.go(head).await?;
    if let Some(behind) = behind {
        behind.await;
    }
    Ok(())
}

/// What goes on after the answer: writing to the store, or a refresh.
type Behind = std::pin::Pin<Box<dyn Future<Output = ()>>>;

struct Way {
    user: Option<String>,
    client: String,
    navigates: bool,
}

impl Way {
    async fn go(&self, head: RequestHead) -> Result<(Response, Option<Behind>), JsValue> {
        let principal = self.user.clone().and_then(|id| Principal::new(id, CredentialSource::Device));
        let credential = principal.map_or(Credential::None, Credential::Verified);
        match engine().receive(head, credential, now()) {
            Received::Refuse(delivery) => Ok((convert::response(&delivery, None)?, None)),
            Received::Pass(fetch) => self.fill(fetch, None).await,
            Received::Lookup(lookup) => self.look(lookup).await,
        }
    }

    async fn look(&self, mut lookup: Lookup<'static>) -> Result<(Response, Option<Behind>), JsValue> {
        loop {
            let hit = store::get(self.user.as_deref(), &lookup.class().name, lookup.key()).await;
            let found = hit.as_ref().map_or(Found::Nothing, |hit| Found::read(convert::response_head(hit), None));
            let epochs = PURGED.with_borrow(Clone::clone);
            match lookup.resolve(&found, &epochs, now()) {
                Resolved::Variant(next) => lookup = next,
                Resolved::Deliver(delivery) => return Ok((deliver(&delivery, hit, None).await?, None)),
                Resolved::DeliverStale(delivery, fetch) => {
                    let behind = self.refresh(fetch, hit.as_ref().and_then(|h| h.clone().ok()));
                    return Ok((deliver(&delivery, hit, None).await?, behind));
                }
                Resolved::Fetch(fetch) => return self.fill(fetch, hit).await,
            }
        }
    }

    async fn fill(
        &self,
        fetch: Fetch<'static>,
        stored: Option<Response>,
    ) -> Result<(Response, Option<Behind>), JsValue> {
        let (conclusion, answer) = conclude(fetch, self.navigates).await;
        if let Some(raw) = answer.as_ref().filter(|a| a.head.status == 0) {
            // A redirect that the browser itself must follow.
            return Ok((raw.response.clone()?, None));
        }
        let behind = self.act(&conclusion, stored.as_ref(), answer.as_ref());
        Ok((deliver(&conclusion.delivery, stored, answer).await?, behind))
    }

    /// One refresh behind a stale answer.
    fn refresh(&self, fetch: Fetch<'static>, stored: Option<Response>) -> Option<Behind> {
        let key = fetch.key()?.as_str().to_owned();
        if !refreshing::begin(&key, now()) {
            return None;
        }
        let way = Self { user: self.user.clone(), client: self.client.clone(), navigates: self.navigates };
        Some(Box::pin(async move {
            let (conclusion, answer) = conclude(fetch, way.navigates).await;
            if let Some(writing) = way.act(&conclusion, stored.as_ref(), answer.as_ref()) {
                writing.await;
            }
            refreshing::end(&key);
        }))
    }

    /// Does to the store what the core says. The bodies are cloned at once, before anyone reads them.
    fn act(&self, conclusion: &Conclusion, stored: Option<&Response>, answer: Option<&Answer>) -> Option<Behind> {
        let action = conclusion.store.clone();
        let body = match &action {
            StoreAction::Keep => return None,
            StoreAction::Put(_) => answer.and_then(|a| a.response.clone().ok()),
            StoreAction::Freshen(_) => stored.and_then(|s| s.clone().ok()),
            StoreAction::Remove(_) => None,
        };
        let (user, client) = (self.user.clone(), self.client.clone());
        Some(Box::pin(async move {
            // Whoever asked may have logged out, or be another by now.
            let same = identity::of(&client).await == user;
            match (action, body) {
                (StoreAction::Put(plan) | StoreAction::Freshen(plan), Some(body)) if same => {
                    store::put(user.as_deref(), &plan, &body).await;
                }
                (StoreAction::Remove(keys), _) => store::remove(&keys).await,
                _ => {}
            }
        }))
    }
}

async fn conclude(fetch: Fetch<'static>, navigates: bool) -> (Conclusion, Option<Answer>) {
    let (outcome, answer) = match network::fetch(&fetch.request(), navigates).await {
        Ok(answer) => (Outcome::Response(answer.head.clone()), Some(answer)),
        Err(failure) => (Outcome::Failed(failure), None),
    };
    let epochs = PURGED.with_borrow(Clone::clone);
    (fetch.conclude(outcome, &Facts::default(), &epochs, now()), answer)
}

async fn deliver(delivery: &Delivery, stored: Option<Response>, answer: Option<Answer>) -> Result<Response, JsValue> {
    if let Body::StoredParts(pieces) = &delivery.body {
        let stored = stored.ok_or("the stored body is gone")?;
        return store::parts(delivery, &stored, pieces).await;
    }
    let body = match &delivery.body {
        Body::Stored => stored.and_then(|response| response.body()),
        Body::Fetched => answer.and_then(|answer| answer.response.body()),
        _ => None,
    };
    convert::response(delivery, body)
}
