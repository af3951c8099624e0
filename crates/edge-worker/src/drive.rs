//! Follows one request from `receive` to `conclude` and performs what the core decides.

use tiercel_core::engine::Engine;
use tiercel_core::exchange::{Body, Conclusion, Delivery, Fetch, Lookup, Outcome, Received, Resolved, StoreAction};
use tiercel_core::invalidation::{Facts, TagEpochs};
use tiercel_core::key::CacheKey;
use tiercel_core::meta::EntryMeta;
use tiercel_core::principal::Credential;
use worker::{Context, Env, Result};

use crate::origin::Answer;
use crate::{auth, convert, epochs, facts, now, origin, refreshing, store};

/// What a request needs from beginning to end.
struct Way {
    engine: &'static Engine,
    env: Env,
    context: Context,
    request: web_sys::Request,
}

pub(crate) async fn drive(
    engine: &'static Engine,
    request: web_sys::Request,
    env: Env,
    context: Context,
) -> Result<web_sys::Response> {
    let head = convert::request_head(&request);
    let credential = if engine.asks_who(&head.method, &head.target) {
        auth::credential(engine.policy().identity.as_ref(), &head.fields, &env).await
    } else {
        Credential::None
    };
    let way = Way { engine, env, context, request };
    match engine.receive(head, credential, now()) {
        Received::Refuse(delivery) => Ok(convert::response(&delivery, None)?),
        Received::Pass(fetch) => way.fill(fetch, None, Some(&way.request)).await,
        Received::Lookup(lookup) => way.look(lookup).await,
    }
}

impl Way {
    async fn look(&self, mut lookup: Lookup<'static>) -> Result<web_sys::Response> {
        loop {
            let hit = store::get(lookup.key(), self.engine.policy()).await;
            let found = hit.as_ref().map(convert::found);
            let groups = found.as_ref().and_then(|f| EntryMeta::of(&f.head.fields)).map(|meta| meta.groups());
            let epochs = match groups {
                Some(groups) => epochs::read(&self.env, &groups, self.engine.policy().bound).await,
                None => TagEpochs::new(),
            };
            let key = lookup.key().clone();
            match lookup.resolve(found, &epochs, now()) {
                Resolved::Variant(next) => lookup = next,
                Resolved::Deliver(delivery) => return self.deliver(&delivery, hit, None, Some(&key)).await,
                Resolved::DeliverStale(delivery, fetch) => {
                    let stored = hit.as_ref().and_then(|hit| hit.clone().ok());
                    self.refresh(fetch, stored);
                    return self.deliver(&delivery, hit, None, Some(&key)).await;
                }
                Resolved::Fetch(fetch) => return self.fill(fetch, hit, None).await,
            }
        }
    }

    /// Asks the origin and serves what comes of it. `passed` is the client's own request when it goes on as it is.
    async fn fill(
        &self,
        fetch: Fetch<'static>,
        stored: Option<web_sys::Response>,
        passed: Option<&web_sys::Request>,
    ) -> Result<web_sys::Response> {
        let key = fetch.key().cloned();
        let (conclusion, answer) = conclude(&self.env, fetch, passed).await;
        let answer = match answer {
            // A WebSocket: the runtime's own response carries it, and no other can.
            Some(answer) if answer.head.status == 101 => return Ok(answer.response),
            other => other,
        };
        if let Some(invalidation) = &conclusion.invalidation {
            // Before the mutation's answer goes out: who made it must not see the old state again.
            epochs::record(&self.env, invalidation).await;
        }
        if conclusion.store != StoreAction::Keep {
            self.context.wait_until(act(self.engine, &conclusion, stored.as_ref(), answer.as_ref()));
        }
        self.deliver(&conclusion.delivery, stored, answer, key.as_ref()).await
    }

    /// One refresh behind a stale answer.
    fn refresh(&self, fetch: Fetch<'static>, stored: Option<web_sys::Response>) {
        let Some(key) = fetch.key().map(|k| k.as_str().to_owned()) else { return };
        if !refreshing::begin(&key, now()) {
            return;
        }
        let (engine, env) = (self.engine, self.env.clone());
        self.context.wait_until(async move {
            let (conclusion, answer) = conclude(&env, fetch, None).await;
            act(engine, &conclusion, stored.as_ref(), answer.as_ref()).await;
            refreshing::end(&key);
        });
    }

    async fn deliver(
        &self,
        delivery: &Delivery,
        stored: Option<web_sys::Response>,
        answer: Option<Answer>,
        key: Option<&CacheKey>,
    ) -> Result<web_sys::Response> {
        let body = match &delivery.body {
            Body::Stored => stored.and_then(|response| response.body()),
            Body::Fetched => answer.and_then(|answer| answer.response.body()),
            Body::StoredPart(range) => match key {
                Some(key) => store::part(key, self.engine.policy(), *range, stored).await?,
                None => None,
            },
            Body::Empty | Body::Text(_) => None,
        };
        Ok(convert::response(delivery, body)?)
    }
}

async fn conclude(env: &Env, fetch: Fetch<'static>, passed: Option<&web_sys::Request>) -> (Conclusion, Option<Answer>) {
    let (outcome, answer) = match origin::fetch(env, &fetch.request(), passed).await {
        Ok(answer) => (Outcome::Response(answer.head.clone()), Some(answer)),
        Err(failure) => (Outcome::Failed(failure), None),
    };
    let facts = match &answer {
        Some(answer) => facts::look_up(&fetch.facts_wanted(answer.head.status), &answer.response).await,
        None => Facts::default(),
    };
    (fetch.conclude(outcome, &facts, &epochs::known(), now()), answer)
}

/// Does to the store what the core says. The bodies are cloned at once, before anyone reads them.
fn act(
    engine: &'static Engine,
    conclusion: &Conclusion,
    stored: Option<&web_sys::Response>,
    answer: Option<&Answer>,
) -> impl Future<Output = ()> + 'static {
    let body = match &conclusion.store {
        StoreAction::Put(_) => answer.and_then(|answer| answer.response.clone().ok()),
        StoreAction::Freshen(_) => stored.and_then(|stored| stored.clone().ok()),
        StoreAction::Keep | StoreAction::Remove(_) => None,
    };
    let action = conclusion.store.clone();
    async move {
        match (action, body) {
            (StoreAction::Put(plan) | StoreAction::Freshen(plan), Some(body)) => {
                store::put(&plan, engine.policy(), &body).await;
            }
            (StoreAction::Remove(keys), _) => store::remove(&keys, engine.policy()).await,
            _ => {}
        }
    }
}
