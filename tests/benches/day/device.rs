//! A user's device: the SDK's database and the Service Worker's caches, without their bodies. What the shells do in a browser;
//! the core decides. tests/src/tier.rs is the same with bodies, and without slices.

use std::collections::{BTreeMap, HashSet};

use tiercel_core::engine::{Engine, Tier};
use tiercel_core::exchange::{
    Body, Delivery, Fetch, Found, Outcome, Piece, PutPlan, Received, Resolved, Sliced, StoreAction,
};
use tiercel_core::field::Fields;
use tiercel_core::field::range::ByteRange;
use tiercel_core::head::{RequestHead, ResponseHead, Target};
use tiercel_core::invalidation::{Facts, Invalidation, TagEpochs};
use tiercel_core::meta::EntryMeta;
use tiercel_core::policy::document::{for_sdk, for_service_worker};
use tiercel_core::policy::{Collection, Policy, ResourceClass};
use tiercel_core::principal::{Credential, CredentialSource, Principal};
use tiercel_core::time::Timestamp;
use tiercel_e2e::jar::Jar;
use tiercel_e2e::tier::strings_at;

use crate::script::Ask;

/// What the network answers: head and body.
pub(crate) type Reply = (ResponseHead, String);

/// The two engines of a device.
pub(crate) struct Tiers {
    pub(crate) sdk: Engine,
    worker: Engine,
    /// As the SDK's JavaScript knows the list of each class that pages are cut from.
    lists: BTreeMap<String, Collection>,
}

impl Tiers {
    /// Those of a policy, as the builds make them.
    pub(crate) fn of(policy: &Policy) -> Self {
        let list = |class: &ResourceClass| Some((class.name.clone(), class.collection.clone()?));
        Self {
            sdk: Engine::new(for_sdk(policy.clone()), Tier::Sdk),
            worker: Engine::new(for_service_worker(policy.clone()), Tier::ServiceWorker),
            lists: policy.classes.iter().filter_map(list).collect(),
        }
    }

    /// What the SDK asks for a page of a list: the longest page that it is in (crates/client-sdk/js/lists.js).
    fn whole_page(&self, target: &mut Target) {
        let class = self.sdk.class_of("GET", &target.path);
        let (Some(list), Some(query)) = (class.and_then(|class| self.lists.get(&class.name)), &target.query) else {
            return;
        };
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let number = |wanted: &str| pairs.clone().find(|(name, _)| *name == wanted).and_then(|(_, n)| n.parse().ok());
        let limit: u64 = number(&list.limit).unwrap_or(list.usual);
        let page: u64 = number(&list.page).unwrap_or(list.first);
        if limit > 0 && list.most.is_multiple_of(limit) {
            let whole = list.first + (page - list.first) * limit / list.most;
            target.query = Some(format!("{}={whole}&{}={}", list.page, list.limit, list.most));
        }
    }
}

/// A device of a user.
#[derive(Default)]
pub(crate) struct Device {
    sdk: Store,
    worker: Store,
    pub(crate) cookies: Jar,
    /// Paths that were asked for.
    asked: HashSet<String>,
}

/// By key, the head of what is stored and the length of its body.
type Store = BTreeMap<String, (ResponseHead, u64)>;

/// What came of a request of the page.
pub(crate) struct Came {
    /// Whether the answer came from the device, whatever was asked behind it.
    pub(crate) is_hit: bool,
    /// Whether the device may answer such requests from what it has, and this one was asked for before.
    pub(crate) is_repeat: bool,
}

impl Device {
    /// Answers a request of the page of `user`; `network` answers what the device asks. `is_blank`: the device has
    /// neither a Service Worker nor the SDK.
    pub(crate) fn ask(
        &mut self,
        tiers: &Tiers,
        user: &str,
        ask: &Ask,
        now: Timestamp,
        is_blank: bool,
        network: &mut dyn FnMut(&mut Jar, &RequestHead) -> Reply,
    ) -> Came {
        let mut fields = Fields::new();
        fields.set("accept", "*/*");
        if let Some((from, _)) = ask.watched {
            fields.set("range", format!("bytes={from}-"));
        }
        let mut head = RequestHead::new(ask.method, &format!("https://videomi.example{}", ask.path), fields);
        let is_workers = tiers.worker.covers(&head.method, &head.target);
        let engine = if is_workers { &tiers.worker } else { &tiers.sdk };
        let lifetimes = engine.class_of(ask.method, &head.target.path).and_then(|class| engine.tier().lifetimes(class));
        // The page itself comes from the network first, by the policy.
        let is_kept = lifetimes.is_some_and(|lifetimes| lifetimes.ttl.get() > 0);
        let is_repeat = !self.asked.insert(ask.path.clone()) && is_kept && ask.method == "GET";
        if is_blank {
            network(&mut self.cookies, &head);
            return Came { is_hit: false, is_repeat };
        }
        tiers.whole_page(&mut head.target);
        let store = if is_workers { &mut self.worker } else { &mut self.sdk };
        let cookies = &mut self.cookies;
        let mut place = Place {
            store,
            engine,
            now,
            watched: ask.watched.map(|(_, bytes)| bytes),
            network: &mut |head| network(cookies, head),
        };
        let credential = Principal::new(user, CredentialSource::Device).map_or(Credential::None, Credential::Verified);
        let (is_hit, invalidation) = place.answer(head, credential);
        if let Some(invalidation) = invalidation {
            // The page's SDK tells the Service Worker what it learns.
            purge(&mut self.sdk, &invalidation);
            purge(&mut self.worker, &invalidation);
        }
        Came { is_hit, is_repeat }
    }
}

/// What carries a purged name goes at once, so that nothing of it is read any more.
fn purge(store: &mut Store, invalidation: &Invalidation) {
    if invalidation.wipe {
        store.clear();
    }
    let is_hit = |head: &ResponseHead| {
        let groups = EntryMeta::of(&head.fields).map(|meta| meta.groups()).unwrap_or_default();
        groups.iter().any(|group| invalidation.names.contains(group))
    };
    store.retain(|_, (head, _)| !is_hit(head));
}

/// One of its tiers at one moment.
struct Place<'a> {
    store: &'a mut Store,
    engine: &'a Engine,
    now: Timestamp,
    /// How many bytes of a range are watched. A stream that nobody reads is not fetched.
    watched: Option<u64>,
    network: &'a mut dyn FnMut(&RequestHead) -> Reply,
}

impl Place<'_> {
    /// Whether the answer was stored, and what was made untrue.
    fn answer(&mut self, head: RequestHead, credential: Credential) -> (bool, Option<Invalidation>) {
        let mut lookup = match self.engine.receive(head, credential, self.now) {
            Received::Refuse(_) => return (false, None),
            Received::Pass(fetch) => return (false, self.fill(fetch)),
            Received::Lookup(lookup) => lookup,
        };
        loop {
            let found = self.found(lookup.key().as_str());
            match lookup.resolve(&found, &TagEpochs::new(), self.now) {
                Resolved::Variant(one) => lookup = one,
                Resolved::Deliver(delivery) => return (self.slices(&delivery), None),
                Resolved::DeliverStale(delivery, fetch) => {
                    let is_hit = self.slices(&delivery);
                    return (is_hit, self.fill(fetch));
                }
                Resolved::Fetch(fetch) => return (false, self.fill(fetch)),
            }
        }
    }

    fn found(&self, key: &str) -> Found {
        self.store.get(key).map_or(Found::Nothing, |(head, length)| Found::read(head.clone(), Some(*length)))
    }

    fn fill(&mut self, mut fetch: Fetch<'_>) -> Option<Invalidation> {
        let (mut head, mut body) = (self.network)(&fetch.request().head);
        if fetch.wants_whole(&head) {
            fetch = fetch.without_slices();
            (head, body) = (self.network)(&fetch.request().head);
        }
        let mut facts = Facts::default();
        for pointer in fetch.facts_wanted(head.status) {
            if let Some(values) = strings_at(body.as_bytes(), &pointer) {
                facts.record(&pointer, values);
            }
        }
        let conclusion = fetch.conclude(Outcome::Response(head), &facts, &TagEpochs::new(), self.now);
        match conclusion.store {
            StoreAction::Put(plan) => self.put(plan, body.len() as u64),
            StoreAction::Freshen(plan) => {
                if let Some((head, _)) = self.store.get_mut(plan.key.as_str()) {
                    *head = plan.head;
                }
            }
            StoreAction::Remove(keys) => keys.iter().for_each(|key| drop(self.store.remove(key.as_str()))),
            StoreAction::Keep => {}
        }
        self.slices(&conclusion.delivery);
        conclusion.invalidation
    }

    fn put(&mut self, plan: PutPlan, length: u64) {
        if let Some((key, head)) = plan.marker {
            self.store.insert(key.as_str().to_owned(), (head, 0));
        }
        self.store.insert(plan.key.as_str().to_owned(), (plan.head, length));
    }

    /// Has the slices that are watched; whether all of them were there.
    fn slices(&mut self, delivery: &Delivery) -> bool {
        let Body::Sliced(sliced) = &delivery.body else { return true };
        let mut left = self.watched.unwrap_or(u64::MAX);
        let mut are_there = true;
        for piece in &sliced.pieces {
            let Piece::Bytes(range) = piece else { continue };
            let watched = range.len().min(left);
            left -= watched;
            if watched == 0 {
                continue;
            }
            for part in sliced.parts(ByteRange { first: range.first, last: range.first + watched - 1 }) {
                are_there &= sliced.is_fetched(part.index) || self.slice(sliced, part.index);
            }
        }
        are_there
    }

    /// Whether a slice was there; it is now.
    fn slice(&mut self, sliced: &Sliced, index: u64) -> bool {
        let found = self.found(sliced.key(index).as_str());
        if sliced.accepts(index, &found, &TagEpochs::new()) {
            return true;
        }
        let (head, body) = (self.network)(&sliced.request(index).head);
        if let Ok(Some(plan)) = sliced.conclude(index, &head, &TagEpochs::new(), self.now, self.now) {
            self.put(plan, body.len() as u64);
        }
        false
    }
}
