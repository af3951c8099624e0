//! Follows one request from `receive` to `conclude` and has done what the core decides.

use std::cell::RefCell;

use tiercel_core::exchange::{
    Body, Conclusion, Delivery, Fetch, Outcome, Piece, PutPlan, Received, Resolved, Served, StoreAction,
};
use tiercel_core::field::range::ByteRange;
use tiercel_core::head::RequestHead;
use tiercel_core::invalidation::{Epoch, Facts, Purge, TagEpochs};
use tiercel_core::meta::EntryMeta;
use tiercel_core::principal::{Credential, CredentialSource, Principal};
use tiercel_core::text;
use tiercel_core::time::Timestamp;

use crate::kernel::now;
use crate::{effect, engine, identity, ledger, network, refreshing, slices, store};

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

/// What the purges since this worker started say.
pub(crate) fn purges<T>(judge: impl FnOnce(&TagEpochs) -> T) -> T {
    PURGED.with_borrow(judge)
}

/// Whether an entry was purged since the request for it began.
pub(crate) fn is_purged(meta: &EntryMeta) -> bool {
    purges(|epochs| epochs.purged(meta).is_some())
}

/// What a page asks.
pub(crate) struct Asked {
    pub(crate) head: RequestHead,
    /// Whether the page may not read the answer (mode `no-cors`), and shows all of it.
    pub(crate) is_blind: bool,
    /// It was begun anew.
    pub(crate) is_again: bool,
}

/// Answers a request of `client`'s, and does what goes on behind the answer.
pub(crate) async fn answer(client: String, destination: String, asked: Asked) {
    follow(client, destination, asked).await;
    ledger::rest().await;
}

async fn follow(client: String, destination: String, asked: Asked) {
    let Asked { head, is_blind, is_again } = asked;
    let user = identity::of(&client).await;
    let principal = user.clone().and_then(|id| Principal::new(id, CredentialSource::Device));
    let credential = principal.map_or(Credential::None, Credential::Verified);
    let mut way = Way { url: head.target.url(), user, client, destination, cache: String::new(), is_blind, is_again };
    let mut was_sliced = None;
    let fetch = match engine().receive(head, credential, now()) {
        Received::Refuse(delivery) => return way.respond(&delivery, "").await,
        Received::Pass(fetch) => fetch,
        Received::Lookup(mut lookup) => loop {
            let class = &*lookup.class().name;
            way.cache = store::name(way.user.as_deref(), class);
            let found = lookup.visible(store::get(&way.cache, lookup.key()).await, is_blind);
            if let Some(delivery) = lookup.for_another_user()
                && way.is_another().await
            {
                return way.respond(&delivery, "").await;
            }
            was_sliced = found.entry().is_some_and(|entry| !entry.has_body()).then_some(class);
            match purges(|epochs| lookup.resolve(&found, epochs, now())) {
                Resolved::Variant(next) => lookup = next,
                Resolved::Deliver(delivery) => return way.deliver(delivery, "").await,
                Resolved::DeliverStale(delivery, fetch) => return way.refresh(delivery, fetch, was_sliced).await,
                Resolved::Fetch(fetch) if fetch.wants_slice() && !fetch.has_waited() => {
                    let Some(key) = fetch.key().cloned() else { break fetch };
                    slices::lead(&way, &key).await;
                    // Whoever led before may have stored it.
                    match fetch.look_again() {
                        Some(again) => lookup = again,
                        None => return,
                    }
                }
                Resolved::Fetch(fetch) => break fetch,
            }
        },
    };
    let patience = purges(|epochs| fetch.patience(epochs));
    let outcome = match network::fetch(&fetch, way.navigates(), patience).await {
        Some(outcome) => outcome,
        None => match purges(|epochs| fetch.meanwhile(epochs, now())) {
            Some(delivery) => {
                way.deliver(delivery, if was_sliced.is_some() { "" } else { "stored" }).await;
                return way.store(fetch, network::late().await, was_sliced).await;
            }
            None => network::late().await,
        },
    };
    let (fetch, outcome, is_slice) = way.settle(fetch, outcome).await;
    if let Some(delivery) = fetch.for_another_user()
        && way.is_another().await
    {
        return way.respond(&delivery, "").await;
    }
    let (delivery, store) = if is_unread(&outcome) {
        (None, way.opaque(&fetch).map_or(StoreAction::Keep, StoreAction::Put))
    } else {
        let fallback = fetch.fallback().filter(|_| matches!(outcome, Outcome::Failed(_)));
        let Conclusion { mut delivery, store, .. } = conclude(fetch, outcome);
        if let Some(path) = fallback.filter(|_| delivery.served == Served::Failed)
            && let Some(shown) = store::fallback(path).await
        {
            delivery.shows(shown);
        }
        if is_slice || matches!(delivery.body, Body::Sliced(_)) {
            return slices::concluded(&way, delivery, store, is_slice, was_sliced).await;
        }
        (Some(delivery), store)
    };
    let copy = match &store {
        StoreAction::Put(_) => "fetched",
        StoreAction::Freshen(_) => "stored",
        StoreAction::Keep | StoreAction::Remove(_) => "",
    };
    match &delivery {
        Some(delivery) => way.respond(delivery, copy).await,
        // A redirect that the browser itself must follow; or what nobody may read.
        None => drop(effect::ask(&["respond", "fetched", copy, "0", ""]).await),
    }
    way.act(store, "copy", was_sliced).await;
}

fn conclude(fetch: Fetch<'_>, outcome: Outcome) -> Conclusion {
    PURGED.with_borrow(|epochs| fetch.conclude(outcome, &Facts::default(), epochs, now()))
}

fn is_unread(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Response(head) if head.status == 0)
}

/// The class of what is stored, where that is the head of a body in slices.
pub(crate) type WasSliced = Option<&'static str>;

/// What a request needs from beginning to end.
pub(crate) struct Way {
    url: String,
    pub(crate) user: Option<String>,
    pub(crate) client: String,
    destination: String,
    /// Where the class is stored; empty where none is.
    pub(crate) cache: String,
    is_blind: bool,
    pub(crate) is_again: bool,
}

impl Way {
    fn navigates(&self) -> bool {
        self.destination == "document"
    }

    /// Whether the page has become another user's since it asked.
    async fn is_another(&self) -> bool {
        identity::of(&self.client).await != self.user
    }

    /// What has come, or the whole where a slice was asked for and cannot be had; whether a slice has come.
    async fn settle(&self, mut fetch: Fetch<'static>, mut outcome: Outcome) -> (Fetch<'static>, Outcome, bool) {
        if matches!(&outcome, Outcome::Response(head) if fetch.wants_whole(head)) {
            fetch = fetch.without_slices();
            effect::ask(&["drop"]).await;
            outcome = network::part(fetch.request()).await;
        }
        let is_slice = fetch.wants_slice() && matches!(&outcome, Outcome::Response(head) if head.status == 206);
        (fetch, outcome, is_slice)
    }

    /// How to store what nobody may read.
    fn opaque(&self, fetch: &Fetch<'_>) -> Option<PutPlan> {
        if self.is_blind { purges(|epochs| fetch.opaque(epochs, now())) } else { None }
    }

    /// Sends a stored answer. `copy` is the response whose body will be stored: it is copied before anyone reads it.
    async fn deliver(&self, delivery: Delivery, copy: &str) {
        match delivery.body {
            Body::Sliced(_) => slices::send(self, delivery, None).await,
            _ => self.respond(&delivery, copy).await,
        }
    }

    /// Sends an answer that is not in slices.
    pub(crate) async fn respond(&self, delivery: &Delivery, copy: &str) {
        let mut parts = Vec::new();
        let body = match &delivery.body {
            Body::Stored => "stored",
            Body::Fetched => "fetched",
            // Pages are cut at the edge.
            Body::Empty | Body::Sliced(_) | Body::Page(_) => "-",
            Body::Text(text) => &["=", text].concat(),
            Body::StoredParts(pieces) => {
                parts.extend(pieces.iter().map(|piece| match piece {
                    Piece::Text(text) => ["=", text].concat(),
                    Piece::Bytes(range) => span(*range),
                }));
                "parts"
            }
        };
        self.reply(delivery, body, copy, &parts.join("\0")).await;
    }

    /// Sends the head of an answer with this body.
    pub(crate) async fn reply(&self, delivery: &Delivery, body: &str, copy: &str, parts: &str) {
        let head = &delivery.head;
        let sent = effect::ask(&["respond", body, copy, &head.status.to_string(), &head.fields.to_text(), parts]).await;
        if !self.cache.is_empty() {
            let is_stored = matches!(body, "stored" | "parts" | "slices");
            ledger::count(&self.cache, delivery, if is_stored { sent.parse().unwrap_or(0) } else { 0 });
        }
        if matches!(self.destination.as_str(), "video" | "audio") {
            // The page cannot read the headers that a media element gets.
            identity::report(&self.client, &self.url, &head.fields).await;
        }
    }

    /// A stale answer, and one refresh behind it.
    async fn refresh(&self, delivery: Delivery, fetch: Fetch<'static>, was_sliced: WasSliced) {
        let key = fetch.key().map(|key| key.as_str().to_owned()).filter(|key| refreshing::begin(key, now()));
        let Some(key) = key else { return self.deliver(delivery, "").await };
        self.deliver(delivery, if was_sliced.is_some() { "" } else { "stored" }).await;
        if let Some(outcome) = network::fetch(&fetch, self.navigates(), None).await {
            self.store(fetch, outcome, was_sliced).await;
        }
        refreshing::end(&key);
    }

    /// Does to the store what comes of a request whose answer nobody waits for.
    async fn store(&self, fetch: Fetch<'static>, outcome: Outcome, was_sliced: WasSliced) {
        let (fetch, outcome, is_slice) = self.settle(fetch, outcome).await;
        let opaque = if is_unread(&outcome) { self.opaque(&fetch) } else { None };
        let store = opaque.map_or_else(|| conclude(fetch, outcome).store, StoreAction::Put);
        match store {
            StoreAction::Put(plan) if is_slice => {
                let slice = slices::begin(self, plan, was_sliced).await;
                slices::keep(self, slice).await;
            }
            store => {
                let body = match &store {
                    StoreAction::Put(_) => "fetched",
                    _ if was_sliced.is_some() => "-",
                    _ => "copy",
                };
                self.act(store, body, was_sliced).await;
            }
        }
    }

    /// Does to the store what the core says.
    pub(crate) async fn act(&self, action: StoreAction, body: &str, was_sliced: WasSliced) {
        match action {
            StoreAction::Keep => {}
            StoreAction::Remove(keys) => {
                store::remove(&keys).await;
                if let (Some(class), Some(key)) = (was_sliced, keys.first()) {
                    store::sweep(class, &key.slices(), None).await;
                }
            }
            StoreAction::Put(plan) | StoreAction::Freshen(plan) => {
                let slices = was_sliced.filter(|_| body != "-").map(|_| plan.key.slices());
                if store::put(self.user.as_deref(), &plan, body, &self.client).await
                    && let Some(slices) = slices
                {
                    store::sweep(&plan.class, &slices, None).await;
                }
            }
        }
    }
}

/// A range as `js/effects.js` cuts it.
pub(crate) fn span(range: ByteRange) -> String {
    text![range.first, "-", range.last + 1]
}
