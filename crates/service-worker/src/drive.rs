//! Follows one request from `receive` to `conclude` and has done what the core decides.

use std::cell::RefCell;

use tiercel_core::exchange::{
    Body, Conclusion, Delivery, Fetch, Outcome, Piece, Received, Resolved, Served, StoreAction,
};
use tiercel_core::head::RequestHead;
use tiercel_core::invalidation::{Epoch, Facts, Purge, TagEpochs};
use tiercel_core::meta::EntryMeta;
use tiercel_core::principal::{Credential, CredentialSource, Principal};
use tiercel_core::time::Timestamp;

use crate::kernel::now;
use crate::{effect, engine, identity, ledger, network, refreshing, store};

thread_local! {
    /// Purges since this worker started, for answers that are under way.
    static PURGED: RefCell<TagEpochs> = const { RefCell::new(TagEpochs::new()) };
}

/// After this time nothing that was asked for before a purge is under way any longer: browsers end what a worker does for an
/// event sooner (Chromium after five minutes).
const LONGEST_EVENT: u64 = 900_000;

/// Records a purge, so that an answer that was asked for before it is not stored after it.
pub(crate) fn purge(names: &[&str]) {
    let epoch = Epoch { at: now(), purge: Purge::Hard };
    PURGED.with_borrow_mut(|epochs| {
        epochs.forget_before(Timestamp::from_millis(now().as_millis().saturating_sub(LONGEST_EVENT)));
        names.iter().for_each(|name| epochs.record(name, epoch));
    });
}

/// Whether an entry was purged since the request for it began.
pub(crate) fn is_purged(meta: &EntryMeta) -> bool {
    PURGED.with_borrow(|epochs| epochs.purged(meta).is_some())
}

/// Answers a request of `client`'s, and does what goes on behind the answer.
pub(crate) async fn answer(client: String, destination: String, head: RequestHead) {
    follow(client, destination, head).await;
    ledger::rest().await;
}

async fn follow(client: String, destination: String, head: RequestHead) {
    let user = identity::of(&client).await;
    let principal = user.clone().and_then(|id| Principal::new(id, CredentialSource::Device));
    let credential = principal.map_or(Credential::None, Credential::Verified);
    let mut way = Way { url: head.target.url(), user, client, destination, cache: String::new() };
    let fetch = match engine().receive(head, credential, now()) {
        Received::Refuse(delivery) => return way.respond(&delivery, "").await,
        Received::Pass(fetch) => fetch,
        Received::Lookup(mut lookup) => loop {
            way.cache = store::name(way.user.as_deref(), &lookup.class().name);
            let found = store::get(&way.cache, lookup.key()).await;
            if let Some(delivery) = lookup.for_another_user()
                && way.is_another().await
            {
                return way.respond(&delivery, "").await;
            }
            let resolved = PURGED.with_borrow(|epochs| lookup.resolve(&found, epochs, now()));
            match resolved {
                Resolved::Variant(next) => lookup = next,
                Resolved::Deliver(delivery) => return way.respond(&delivery, "").await,
                Resolved::DeliverStale(delivery, fetch) => return way.refresh(&delivery, fetch).await,
                Resolved::Fetch(fetch) => break fetch,
            }
        },
    };
    let patience = PURGED.with_borrow(|epochs| fetch.patience(epochs));
    let outcome = match network::fetch(&fetch, way.navigates(), patience).await {
        Some(outcome) => outcome,
        None => match PURGED.with_borrow(|epochs| fetch.meanwhile(epochs, now())) {
            Some(delivery) => {
                way.respond(&delivery, "stored").await;
                return way.store(fetch, network::late().await).await;
            }
            None => network::late().await,
        },
    };
    if matches!(&outcome, Outcome::Response(head) if head.status == 0) {
        // A redirect that the browser itself must follow; or what nobody may read: even whether it is an error is not known, so
        // it is not stored.
        effect::want(&["respond", "fetched", "", "0", ""]);
        effect::came().await;
        return;
    }
    if let Some(delivery) = fetch.for_another_user()
        && way.is_another().await
    {
        return way.respond(&delivery, "").await;
    }
    let fallback = fetch.fallback().filter(|_| matches!(outcome, Outcome::Failed(_)));
    let Conclusion { mut delivery, store, .. } = conclude(fetch, outcome);
    if let Some(path) = fallback.filter(|_| delivery.served == Served::Failed)
        && let Some(shown) = store::fallback(path).await
    {
        delivery.shows(shown);
    }
    let copy = match &store {
        StoreAction::Put(_) => "fetched",
        StoreAction::Freshen(_) => "stored",
        StoreAction::Keep | StoreAction::Remove(_) => "",
    };
    way.respond(&delivery, copy).await;
    way.act(store, "copy").await;
}

fn conclude(fetch: Fetch<'_>, outcome: Outcome) -> Conclusion {
    PURGED.with_borrow(|epochs| fetch.conclude(outcome, &Facts::default(), epochs, now()))
}

struct Way {
    url: String,
    user: Option<String>,
    client: String,
    destination: String,
    /// Where the class is stored; empty where none is.
    cache: String,
}

impl Way {
    fn navigates(&self) -> bool {
        self.destination == "document"
    }

    /// Whether the page has become another user's since it asked.
    async fn is_another(&self) -> bool {
        identity::of(&self.client).await != self.user
    }

    /// Sends the answer. `copy` is the response whose body will be stored: it is copied before anyone reads it.
    async fn respond(&self, delivery: &Delivery, copy: &str) {
        send(delivery, copy);
        let sent = effect::came().await;
        if !self.cache.is_empty() {
            let is_stored = matches!(delivery.body, Body::Stored | Body::StoredParts(_));
            ledger::count(&self.cache, delivery, if is_stored { sent.parse().unwrap_or(0) } else { 0 });
        }
        if matches!(self.destination.as_str(), "video" | "audio") {
            // The page cannot read the headers that a media element gets.
            identity::report(&self.client, &self.url, &delivery.head.fields).await;
        }
    }

    /// A stale answer, and one refresh behind it.
    async fn refresh(&self, delivery: &Delivery, fetch: Fetch<'static>) {
        let key = fetch.key().map(|key| key.as_str().to_owned()).filter(|key| refreshing::begin(key, now()));
        let Some(key) = key else { return self.respond(delivery, "").await };
        self.respond(delivery, "stored").await;
        if let Some(outcome) = network::fetch(&fetch, self.navigates(), None).await {
            self.store(fetch, outcome).await;
        }
        refreshing::end(&key);
    }

    /// Does to the store what comes of a request whose answer nobody waits for.
    async fn store(&self, fetch: Fetch<'static>, outcome: Outcome) {
        let store = conclude(fetch, outcome).store;
        let body = if matches!(store, StoreAction::Put(_)) { "fetched" } else { "copy" };
        self.act(store, body).await;
    }

    /// Does to the store what the core says.
    async fn act(&self, action: StoreAction, body: &str) {
        match action {
            StoreAction::Keep => {}
            StoreAction::Remove(keys) => store::remove(&keys).await,
            StoreAction::Put(plan) | StoreAction::Freshen(plan) => {
                store::put(self.user.as_deref(), &plan, body, &self.client).await;
            }
        }
    }
}

fn send(delivery: &Delivery, copy: &str) {
    let Delivery { head, body, .. } = delivery;
    let mut parts = Vec::new();
    let body = match body {
        Body::Stored => "stored",
        Body::Fetched => "fetched",
        Body::Empty | Body::Sliced(_) => "-",
        Body::Text(text) => &["=", text].concat(),
        Body::StoredParts(pieces) => {
            parts.extend(pieces.iter().map(|piece| match piece {
                Piece::Text(text) => ["=", text].concat(),
                Piece::Bytes(range) => format!("{}-{}", range.first, range.last + 1),
            }));
            "parts"
        }
    };
    effect::want(&["respond", body, copy, &head.status.to_string(), &head.fields.to_text(), &parts.join("\0")]);
}
