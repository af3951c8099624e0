//! Read your writes: with any order of fetches, mutations, purges that others never hear of, and failures, whoever changed
//! something is given nothing older, and nobody is given more than without a token.

#![cfg(feature = "document")]

mod support;

use std::collections::HashMap;
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use support::{HTTP, VIDEOMI, cases, engine, user};
use tiercel_core::consistency::{CONSISTENCY, SEEN_COOKIE};
use tiercel_core::engine::{Engine, Tier};
use tiercel_core::epochs::SKEW;
use tiercel_core::exchange::{Delivery, Fetch, FetchFailure, Found, Lookup, Outcome, Received, Resolved, StoreAction};
use tiercel_core::field::Fields;
use tiercel_core::head::{RequestHead, ResponseHead};
use tiercel_core::invalidation::{Epoch, Facts, Purge, TagEpochs};
use tiercel_core::time::Timestamp;

static ENGINES: LazyLock<[Engine; 2]> = LazyLock::new(|| [engine(VIDEOMI, Tier::Edge), engine(HTTP, Tier::Edge)]);

const HOST: &str = "https://videomi.example";
const BEGAN: u64 = 1_800_000_000_000;
/// Each data centre has a store and a clock of its own.
const COLOS: usize = 2;
/// Clocks are at most so far from the true time, in milliseconds.
const OFF: i64 = SKEW as i64 / 2;
/// After so long every isolate has heard of a purge that was recorded, in milliseconds.
const BOUND: u64 = 5_000;
/// Users, by the way that their clients carry tokens: the last one is a SDK.
const CLIENTS: [(&str, Carries); 3] = [("a", Carries::Cookies), ("b", Carries::Cookies), ("a", Carries::Field)];
/// What is read; the last one has variants where the origin's word rules.
const PATHS: [&str; 6] =
    ["/api/ratings/f1", "/api/ratings/f2", "/api/ratings/top10", "/api/stats", "/api/files/videos/f1/info", "/varied"];
/// What is changed, and what of [`PATHS`] changes by the events of the built-in policy, and where the origin's word rules
/// (RFC 9111 §4.4).
const CHANGES: [(&str, &str, [&[usize]; 2]); 4] = [
    ("POST", "/api/ratings/f1", [&[0, 2], &[0]]),
    ("POST", "/api/ratings/f2", [&[1, 2], &[1]]),
    ("DELETE", "/api/files/videos/f1", [&[3, 4], &[]]),
    ("PUT", "/varied", [&[], &[5]]),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carries {
    Cookies,
    Field,
}

#[derive(Clone, Debug)]
enum Step {
    Pass(u64),
    /// A client changes something; the objects may be out of reach.
    Change {
        client: usize,
        colo: usize,
        change: usize,
        is_told: bool,
    },
    /// Two changes of a client at the same time: neither request carries what the other is told.
    Both {
        client: usize,
        colos: [usize; 2],
        changes: [usize; 2],
    },
    /// A client reads; if the origin is asked, its answer is held back.
    Read {
        client: usize,
        colo: usize,
        path: usize,
        method: &'static str,
        follows: bool,
    },
    /// The answer that was held back longest arrives, or the origin has failed.
    Arrive {
        fails: bool,
    },
    /// The clock of a data centre is off by so much.
    Shift {
        colo: usize,
        clock: i64,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (client, colo) = (0..CLIENTS.len(), 0..COLOS);
    let read = (client.clone(), colo.clone(), 0..PATHS.len(), prop::bool::weighted(0.1), any::<bool>());
    let step = prop_oneof![
        4 => prop_oneof![0u64..200, 0u64..3_000, 0u64..700_000].prop_map(Step::Pass),
        4 => (client.clone(), colo.clone(), 0..CHANGES.len(), any::<bool>())
            .prop_map(|(client, colo, change, is_told)| Step::Change { client, colo, change, is_told }),
        1 => (client, [colo.clone(), colo.clone()], [0..CHANGES.len(), 0..CHANGES.len()])
            .prop_map(|(client, colos, changes)| Step::Both { client, colos, changes }),
        12 => read.prop_map(|(client, colo, path, is_head, follows)| {
            Step::Read { client, colo, path, method: if is_head { "HEAD" } else { "GET" }, follows }
        }),
        8 => prop::bool::weighted(0.1).prop_map(|fails| Step::Arrive { fails }),
        1 => (colo, -OFF..=OFF).prop_map(|(colo, clock)| Step::Shift { colo, clock }),
    ];
    prop::collection::vec(step, 1..120)
}

#[derive(Default)]
struct Client {
    cookies: HashMap<String, (String, u64)>,
    /// The tokens of a SDK, and until when they count.
    tokens: Vec<(String, u64)>,
    /// The version of each path that it must not see anything older than.
    owed: [u64; PATHS.len()],
}

/// What the origin was asked, and has answered already.
struct Asked {
    colo: usize,
    fetch: Fetch<'static>,
    answer: ResponseHead,
    /// Nobody waits for a refresh.
    owed: Option<u64>,
}

struct Waiting {
    colo: usize,
    fetch: Fetch<'static>,
    path: usize,
    owed: u64,
}

struct Purged {
    names: Vec<String>,
    purge: Purge,
    at: u64,
}

struct World {
    by_origin: bool,
    engine: &'static Engine,
    now: u64,
    clocks: [i64; COLOS],
    stores: [HashMap<String, ResponseHead>; COLOS],
    clients: [Client; CLIENTS.len()],
    versions: [u64; PATHS.len()],
    asked: Vec<Asked>,
    waiting: Vec<Waiting>,
    /// What everybody hears of within the bound.
    purged: Vec<Purged>,
}

impl World {
    fn new(by_origin: bool) -> Self {
        let engine = &ENGINES[usize::from(by_origin)];
        let (stores, clients) = (<[_; COLOS]>::default(), <[_; CLIENTS.len()]>::default());
        let (now, clocks, versions) = (BEGAN, [0; COLOS], [0; PATHS.len()]);
        Self {
            by_origin,
            engine,
            now,
            clocks,
            stores,
            clients,
            versions,
            asked: vec![],
            waiting: vec![],
            purged: vec![],
        }
    }

    fn clock(&self, colo: usize) -> Timestamp {
        Timestamp::from_millis(self.now.saturating_add_signed(self.clocks[colo]))
    }

    /// The purges that an isolate has heard of, which is as late as it may be.
    fn epochs(&self) -> TagEpochs {
        let mut epochs = TagEpochs::new();
        for purged in self.purged.iter().filter(|purged| purged.at + BOUND <= self.now) {
            let epoch = Epoch { at: Timestamp::from_millis(purged.at + SKEW), purge: purged.purge };
            purged.names.iter().for_each(|name| epochs.record(name, epoch));
        }
        epochs
    }

    /// The tokens that a client sends, as docs/headers.md asks it to.
    fn carried(&mut self, client: usize) -> Fields {
        let (now, jar) = (self.now, &mut self.clients[client]);
        jar.cookies.retain(|_, (_, until)| *until > now);
        jar.tokens.retain(|(_, until)| *until > now);
        let mut fields = Fields::new();
        let mut cookies: Vec<String> = jar.cookies.iter().map(|(name, (value, _))| format!("{name}={value}")).collect();
        cookies.push("theme=dark".into());
        fields.set("cookie", cookies.join("; "));
        let tokens: Vec<&str> = jar.tokens.iter().map(|(token, _)| token.as_str()).collect();
        if !tokens.is_empty() {
            fields.set(CONSISTENCY, tokens.join(", "));
        }
        fields
    }

    fn remember(&mut self, client: usize, sent: &Fields, got: &Fields) {
        let (now, jar) = (self.now, &mut self.clients[client]);
        let ends = |seconds: &str| now + seconds.parse::<u64>().expect("seconds") * 1_000;
        if CLIENTS[client].1 == Carries::Field {
            let (token, age) = got.get(CONSISTENCY).and_then(|member| member.split_once(";max-age=")).expect("a token");
            let sent = sent.get(CONSISTENCY).unwrap_or_default();
            jar.tokens.retain(|(token, _)| !sent.split(", ").any(|sent| sent == token));
            jar.tokens.push((token.to_owned(), ends(age)));
            return;
        }
        for line in got.all("set-cookie") {
            let (pair, rest) = line.split_once("; Path=/; HttpOnly; SameSite=Lax; Max-Age=").expect("a cookie of ours");
            let (name, value) = pair.split_once('=').expect("a pair");
            assert!(name.starts_with(SEEN_COOKIE) && rest.ends_with("; Secure"), "{line}");
            jar.cookies.insert(name.to_owned(), (value.to_owned(), ends(rest.split(';').next().unwrap_or_default())));
        }
    }

    /// Sends a change and gives what the client has to remember of it, and owes its reads from then on.
    fn change(&mut self, client: usize, colo: usize, change: usize, is_told: bool) -> Option<(Fields, Fields, usize)> {
        let (method, path, _) = CHANGES[change];
        let sent = self.carried(client);
        let request = RequestHead::new(method, &format!("{HOST}{path}"), sent.clone());
        let Received::Pass(fetch) = self.engine.receive(request, user(CLIENTS[client].0), self.clock(colo)) else {
            panic!("{method} {path} is passed on");
        };
        let forwarded = fetch.request().head.fields;
        assert_eq!((forwarded.get("cookie"), forwarded.has(CONSISTENCY)), (Some("theme=dark"), false));
        for path in CHANGES[change].2[usize::from(self.by_origin)] {
            self.versions[*path] += 1;
        }
        let outcome = Outcome::Response(ResponseHead { status: 204, fields: Fields::new() });
        let mut conclusion = fetch.conclude(outcome, &Facts::default(), &TagEpochs::new(), self.clock(colo));
        let invalidation = conclusion.invalidation.clone()?;
        conclusion.recorded(is_told, self.engine.policy());
        if let Some(purge) = invalidation.purge.filter(|_| is_told) {
            self.purged.push(Purged { names: invalidation.names, purge, at: self.now });
        }
        Some((sent, conclusion.delivery.head.fields, change))
    }

    fn changed(&mut self, client: usize, changed: Option<(Fields, Fields, usize)>) {
        let Some((sent, got, change)) = changed else { return };
        self.remember(client, &sent, &got);
        for path in CHANGES[change].2[usize::from(self.by_origin)] {
            self.clients[client].owed[*path] = self.versions[*path];
        }
    }

    fn read(&mut self, client: usize, colo: usize, path: usize, method: &str, follows: bool) -> TestCaseResult {
        let (tokens, who) = (self.carried(client), CLIENTS[client].0);
        let owed = self.clients[client].owed[path];
        let request = |fields| RequestHead::new(method, &format!("{HOST}{}", PATHS[path]), fields);
        let receive = |fields| self.engine.receive(request(fields), user(who), self.clock(colo));
        let plain: Fields = [("cookie", "theme=dark")].into_iter().collect();
        let without = match receive(plain) {
            Received::Lookup(lookup) => Some(self.look(lookup, colo)),
            _ => None,
        };
        match (receive(tokens), without) {
            (Received::Lookup(lookup), Some(without)) => {
                let resolved = self.look(lookup, colo);
                if let Resolved::Deliver(delivery) | Resolved::DeliverStale(delivery, _) = &resolved {
                    let (Resolved::Deliver(plain) | Resolved::DeliverStale(plain, _)) = &without else {
                        return Err(TestCaseError::fail("a token makes it an answer"));
                    };
                    prop_assert_eq!(delivery, plain, "a token changes no answer, it only refuses some");
                }
                self.resolved(resolved, colo, path, owed, follows)
            }
            (Received::Pass(fetch), None) => {
                self.ask(fetch, colo, path, Some(owed));
                Ok(())
            }
            (other, _) => Err(TestCaseError::fail(format!("{other:?}"))),
        }
    }

    fn look(&self, mut lookup: Lookup<'static>, colo: usize) -> Resolved<'static> {
        loop {
            let found = self.stores[colo].get(lookup.key().as_str()).cloned();
            let found = found.map_or(Found::Nothing, |head| Found::read(head, Some(10)));
            match lookup.resolve(&found, &self.epochs(), self.clock(colo)) {
                Resolved::Variant(next) => lookup = next,
                other => return other,
            }
        }
    }

    fn resolved(
        &mut self,
        resolved: Resolved<'static>,
        colo: usize,
        path: usize,
        owed: u64,
        follows: bool,
    ) -> TestCaseResult {
        match resolved {
            Resolved::Deliver(delivery) => is_paid(&delivery, owed)?,
            Resolved::DeliverStale(delivery, fetch) => {
                is_paid(&delivery, owed)?;
                self.ask(fetch, colo, path, None);
            }
            Resolved::Fetch(fetch) => {
                let leads = |asked: &Asked| asked.colo == colo && asked.fetch.shared_key() == fetch.shared_key();
                if follows && !fetch.has_waited() && fetch.shared_key().is_some() && self.asked.iter().any(leads) {
                    self.waiting.push(Waiting { colo, fetch, path, owed });
                } else {
                    self.ask(fetch, colo, path, Some(owed));
                }
            }
            Resolved::Variant(_) => unreachable!("looked up"),
        }
        Ok(())
    }

    /// The origin answers with what it has now; it arrives later.
    fn ask(&mut self, fetch: Fetch<'static>, colo: usize, path: usize, owed: Option<u64>) {
        let version = self.versions[path].to_string();
        let tag = format!("\"{version}\"");
        let is_known = fetch.request().head.fields.get("if-none-match") == Some(&tag);
        let fields = [
            ("x-version", version.as_str()),
            ("etag", &tag),
            ("cache-control", "max-age=600, stale-while-revalidate=60, stale-if-error=6000"),
            ("vary", if path == 5 { "cookie" } else { "accept-encoding" }),
            ("content-length", "10"),
        ];
        let answer = ResponseHead { status: if is_known { 304 } else { 200 }, fields: fields.into_iter().collect() };
        self.asked.push(Asked { colo, fetch, answer, owed });
    }

    fn arrive(&mut self, fails: bool) -> TestCaseResult {
        if self.asked.is_empty() {
            return Ok(());
        }
        let Asked { colo, fetch, answer, owed } = self.asked.remove(0);
        let key = fetch.shared_key().cloned();
        let outcome = if fails { Outcome::Failed(FetchFailure::Network) } else { Outcome::Response(answer) };
        let conclusion = fetch.conclude(outcome, &Facts::default(), &self.epochs(), self.clock(colo));
        if let Some(owed) = owed {
            is_paid(&conclusion.delivery, owed)?;
        }
        let store = &mut self.stores[colo];
        match conclusion.store {
            StoreAction::Put(plan) | StoreAction::Freshen(plan) => {
                if let Some((key, head)) = plan.marker {
                    store.insert(key.as_str().to_owned(), head);
                }
                store.insert(plan.key.as_str().to_owned(), plan.head);
            }
            StoreAction::Remove(keys) => keys.iter().for_each(|key| drop(store.remove(key.as_str()))),
            StoreAction::Keep => {}
        }
        let is_over = |waiting: &Waiting| waiting.colo == colo && waiting.fetch.shared_key() == key.as_ref();
        let (over, waiting) = std::mem::take(&mut self.waiting).into_iter().partition(is_over);
        self.waiting = waiting;
        for Waiting { fetch, path, owed, .. } in over {
            let lookup = fetch.look_again().expect("it was looked up");
            let resolved = self.look(lookup, colo);
            self.resolved(resolved, colo, path, owed, false)?;
        }
        Ok(())
    }
}

/// Whether a delivery is at least of the version that its client knows, or honestly none.
fn is_paid(delivery: &Delivery, owed: u64) -> TestCaseResult {
    let version = delivery.head.fields.get("x-version").and_then(|version| version.parse::<u64>().ok());
    match version {
        Some(version) => prop_assert!(version >= owed, "{version} for {owed}: {delivery:?}"),
        None => prop_assert!(delivery.head.status >= 500, "{delivery:?}"),
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(500))]

    /// product.md, "Events and what they invalidate": whoever made a change never sees older data again, through any
    /// data centre.
    #[test]
    fn nobody_reads_what_is_older_than_their_writes(steps in steps(), by_origin in any::<bool>()) {
        let mut world = World::new(by_origin);
        for step in steps {
            match step {
                Step::Pass(millis) => world.now += millis,
                Step::Change { client, colo, change, is_told } => {
                    let changed = world.change(client, colo, change, is_told);
                    world.changed(client, changed);
                }
                Step::Both { client, colos, changes } => {
                    let both = [0, 1].map(|at| world.change(client, colos[at], changes[at], true));
                    both.into_iter().for_each(|changed| world.changed(client, changed));
                }
                Step::Read { client, colo, path, method, follows } => world.read(client, colo, path, method, follows)?,
                Step::Arrive { fails } => world.arrive(fails)?,
                Step::Shift { colo, clock } => world.clocks[colo] = clock,
            }
        }
    }
}
