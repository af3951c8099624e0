//! A minute of many clients in two data centres, with isolates that crash and others that are new, and Durable Objects that
//! cannot be reached, judged by [`judge`]: no writer sees what was before its own write, others not for longer than
//! the bound, and nobody what is another user's. `cargo xtask test edge` builds the edge first.
//!
//! `TIERCEL_HISTORY_SECONDS` says how long it runs, `TIERCEL_HISTORY_SEED` what the clients do. A seed says who asks for
//! what, not in which order it all arrives: with the same one a run may go another way.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write as _;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tiercel_core::epochs::SKEW;
use tiercel_core::policy::document::read;
use tiercel_e2e::fields;
use tiercel_e2e::history::{Operation, Promise, Seen, Verdict, What, judge};
use tiercel_e2e::jar::Jar;
use tiercel_e2e::jwt::{bearer, token};
use tiercel_e2e::live::{Got, World, history_edge};
use tiercel_e2e::origin::Origin;
use tiercel_e2e::random::Random;
use tiercel_e2e::versions::{Lived, NOBODY, Versions, changed, made, seen, shown};

const POLICY: &str = include_str!("../policies/history.json");
/// What is said of a request that got none.
const NO_ANSWER: &str = "no answer";
/// Most broken promises that are told in full.
const MOST_SHOWN: usize = 20;
const FILES: [&str; 3] = ["f1", "f2", "f3"];
const USERS: [&str; 4] = ["ada", "ada:files", "bob", NOBODY];

/// Who the clients are, whether they write, and whether they are browsers. Those keep cookies, the session's among them;
/// the others send a bearer's token, and the last `Tiercel-Consistency` that they were given. Each has its own, so that
/// the devices of one user are others to one another.
const CLIENTS: [(&str, bool, bool); 8] = [
    ("ada", true, true),
    ("ada", true, false),
    ("ada", false, true),
    ("ada:files", true, false),
    ("ada:files", false, false),
    ("bob", true, true),
    ("bob", true, false),
    (NOBODY, false, false),
];

/// What they read.
const READS: [&str; 9] = [
    "/api/upload/user/{user}",
    "/api/upload/user/{user}?category=videos",
    "/api/upload/user/{user}?category=images",
    "/api/stats",
    "/api/user/artists",
    "/api/files/videos/{file}/info",
    "/api/files/videos/{file}/thumbnail",
    "/api/ratings/{file}",
    "/api/ratings/top10",
];

/// What they write, and which of [`READS`] show it.
const WRITES: [Write; 8] = [
    ("POST", "/api/upload?videos", &[0, 1, 3]),
    ("POST", "/api/upload?images", &[0, 2, 3]),
    ("POST", "/api/upload", &[0, 1, 2, 3]),
    ("DELETE", "/api/files/videos/{file}", &[0, 1, 3, 5, 6]),
    ("PATCH", "/api/files/videos/{file}/info?name", &[0, 1, 5]),
    ("PATCH", "/api/files/videos/{file}/info", &[5]),
    ("POST", "/api/ratings/{file}", &[7, 8]),
    ("POST", "/api/user/artists/toggle", &[4]),
];

type Write = (&'static str, &'static str, &'static [usize]);

/// In which isolates requests arrive at first. The first three are one data centre, the others another one.
const OPEN: [usize; 4] = [0, 1, 3, 4];
const ALL: [usize; 6] = [0, 1, 2, 3, 4, 5];

/// Something happens to isolates.
enum Happens {
    /// At their next call to the runtime the wasm fails, and with it all that they know and have under way.
    Crash(&'static [usize]),
    /// The first one gets no more requests, and the other one, which knows nothing, gets them instead.
    Replaced(usize, usize),
    /// They cannot reach the Durable Objects: these throw, or never answer.
    Epochs(&'static [usize], &'static str),
    /// Their store fails.
    Store(&'static [usize], &'static str),
    /// Nothing is wrong any more.
    Mended,
}

/// What happens, and when, in hundredths of the run.
const HAPPENS: [(u32, Happens); 16] = [
    (10, Happens::Crash(&[1])),
    (15, Happens::Crash(&[4])),
    (20, Happens::Replaced(1, 2)),
    // Ten seconds of a minute.
    (30, Happens::Epochs(&[0, 1, 2, 5], "throw")),
    (30, Happens::Epochs(&[3, 4], "hang")),
    (38, Happens::Crash(&[2])),
    (40, Happens::Replaced(4, 5)),
    (47, Happens::Mended),
    // The objects of all run in the first one.
    (56, Happens::Crash(&[0])),
    (60, Happens::Crash(&[2, 3, 5])),
    (66, Happens::Epochs(&[3, 5], "hang")),
    (72, Happens::Mended),
    (76, Happens::Store(&[2], "throw-on-put")),
    (76, Happens::Store(&[5], "hang-on-match")),
    (82, Happens::Mended),
    (90, Happens::Crash(&[3, 0])),
];

/// Where all of them are.
struct Run {
    world: World,
    versions: Versions,
    open: Mutex<Vec<usize>>,
    began: Instant,
    length: Duration,
}

/// Somebody who reads and perhaps writes, one after the other.
struct Client<'r> {
    run: &'r Run,
    index: usize,
    user: &'static str,
    jar: Jar,
    /// Of one that is no browser: the line that says who it is, and the one that says what it has changed, and until when.
    bearer: Option<String>,
    changed: Option<(String, Duration)>,
    random: Random,
    log: Vec<Operation>,
    /// What the tier said, and how often.
    said: BTreeMap<String, usize>,
}

impl Run {
    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// Has everything happen in its time.
    fn disturb(&self) {
        for (at, happens) in &HAPPENS {
            thread::sleep((self.length * *at / 100).saturating_sub(self.now()));
            let each = |isolates: &[usize], faults: Value| {
                for isolate in isolates {
                    self.world.sabotage_at(*isolate, &faults);
                }
            };
            match happens {
                Happens::Crash(isolates) => each(isolates, json!({ "wasm": { "trap": 1 } })),
                Happens::Replaced(old, new) => {
                    let mut open = self.open.lock().expect("no client panics with it");
                    open.retain(|isolate| isolate != old);
                    open.push(*new);
                }
                Happens::Epochs(isolates, how) => each(isolates, json!({ "epochs": how })),
                Happens::Store(isolates, how) => each(isolates, json!({ "store": how })),
                Happens::Mended => each(&ALL, json!({ "epochs": false, "store": false })),
            }
        }
    }

    /// How many faults struck, and how often the wasm of an isolate was replaced.
    fn toll(&self) -> (u64, u64) {
        let tolls = ALL.map(|isolate| self.world.sabotage_at(isolate, &json!({})));
        (tolls.iter().map(|toll| toll.struck).sum(), tolls.iter().map(|toll| toll.instances.saturating_sub(1)).sum())
    }
}

impl<'r> Client<'r> {
    fn new(run: &'r Run, index: usize, seed: u64) -> Self {
        let (user, _, is_browser) = CLIENTS[index];
        let mut jar = Jar::default();
        if is_browser {
            jar.take(&fields(&[format!("Set-Cookie: videomi_session={}", token(user))]), run.now());
        }
        let bearer = (!is_browser && user != NOBODY).then(|| bearer(user));
        let random = Random::new(seed.wrapping_mul(1_000).wrapping_add(index as u64));
        Self { run, index, user, jar, bearer, changed: None, random, log: Vec::new(), said: BTreeMap::new() }
    }

    fn live(mut self) -> Self {
        let (_, writes, _) = CLIENTS[self.index];
        while self.run.now() < self.run.length {
            if writes && self.random.percent(8) {
                let ((method, path, shown_by), file) = self.next_write();
                self.write(method, &filled(path, self.user, file));
                // At once, and wherever it may be: what is older now must not be seen any more.
                for _ in 0..3 {
                    let path = READS[*self.random.one(shown_by)];
                    self.read(&filled(path, self.user, file));
                }
            } else {
                let (path, file) = (*self.random.one(&READS), *self.random.one(&FILES));
                // A few of them want somebody else's.
                let user = if self.random.percent(3) { *self.random.one(&USERS) } else { self.user };
                self.read(&filled(path, user, file));
                thread::sleep(Duration::from_millis(self.random.below(15)));
            }
        }
        self
    }

    /// Any, or one that overtakes an answer which is under way.
    fn next_write(&mut self) -> (Write, &'static str) {
        let mut all: Vec<(Write, &str)> = Vec::new();
        for file in FILES {
            all.extend(WRITES.map(|write| (write, file)));
        }
        let under_way = self.run.versions.under_way();
        let overtakes = |((method, path, _), file): &(Write, &str)| {
            changed(method, &filled(path, self.user, file), self.user).iter().any(|it| under_way.contains(it))
        };
        let racing: Vec<(Write, &str)> = all.iter().copied().filter(overtakes).collect();
        let races = !racing.is_empty() && self.random.percent(70);
        *self.random.one(if races { &racing } else { &all })
    }

    fn read(&mut self, path: &str) {
        let (resource, owner) = shown(path, self.user).expect("it is one of those");
        let (resource, owner) = (resource, owner.to_owned());
        self.send("GET", path, |got| {
            let good = got.filter(|got| got.status == 200);
            // A whole answer that says nothing of itself is none of the origin's.
            let nothing = || Seen { resource: "nothing".into(), version: 0, owners: vec![] };
            What::Read { resource, owner, seen: good.map(|got| seen(&got.body).unwrap_or_else(nothing)) }
        });
    }

    fn write(&mut self, method: &str, path: &str) {
        let resources = changed(method, path, self.user);
        self.send(method, path, |got| {
            let made = got.filter(|got| got.status == 200).and_then(|got| made(&got.body));
            What::Write { resources, made, pending: got.is_some_and(|got| got.cache().contains("purge-pending")) }
        });
    }

    /// Keeps what it is to send from now on.
    fn keep(&mut self, got: &Got, now: Duration) {
        let (_, _, is_browser) = CLIENTS[self.index];
        if is_browser {
            self.jar.take(&got.fields, now);
        } else if let Some(changed) = consistency(got, now) {
            self.changed = Some(changed);
        }
    }

    fn send(&mut self, method: &str, path: &str, what: impl FnOnce(Option<&Got>) -> What) {
        let isolate = *self.random.one(&self.run.open.lock().expect("no client panics with it"));
        // Whoever says who he is in a field of ours is not believed.
        let lie = self.random.percent(3).then(|| format!("X-Tiercel-User: {}", self.random.one(&USERS)));
        let began = self.run.now();
        let cookies = self.jar.line(began);
        self.changed.take_if(|(_, until)| *until <= began);
        let changed = self.changed.as_ref().map(|(line, _)| line);
        let lines = [self.bearer.as_ref(), cookies.as_ref(), changed, lie.as_ref()];
        let lines: Vec<&str> = lines.into_iter().flatten().map(String::as_str).collect();
        let got = self.run.world.try_send_to(isolate, method, path, &lines);
        let ended = self.run.now();
        if let Ok(got) = &got {
            self.keep(got, ended);
        }
        let said = match &got {
            Ok(got) if !got.whole => format!("{method} {} {}, broken off", got.status, without_ttl(got.cache())),
            Ok(got) => format!("{method} {} {}", got.status, without_ttl(got.cache())),
            Err(_) => format!("{method} {NO_ANSWER}"),
        };
        let whole = got.as_ref().ok().filter(|got| got.whole);
        let note = format!("isolate {isolate}, {method} {path}, {}", got.as_ref().map_or(NO_ANSWER, Got::cache));
        *self.said.entry(said).or_default() += 1;
        self.log.push(Operation { client: self.index, user: self.user.into(), note, began, ended, what: what(whole) });
    }
}

/// The line that tells the edge what was changed, as it told, and until when; `Tiercel-Consistency: TOKEN;max-age=SECONDS`.
fn consistency(got: &Got, now: Duration) -> Option<(String, Duration)> {
    let (token, seconds) = got.fields.get("tiercel-consistency")?.split_once(";max-age=")?;
    Some((format!("Tiercel-Consistency: {token}"), now + Duration::from_secs(seconds.parse().ok()?)))
}

fn filled(path: &str, user: &str, file: &str) -> String {
    path.replace("{user}", user).replace("{file}", file)
}

/// What the tier said, without what is different each time.
fn without_ttl(cache: &str) -> String {
    cache.split("; ").filter(|parameter| !parameter.starts_with("ttl=")).collect::<Vec<_>>().join("; ")
}

fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name)
        .map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number, not {text:?}")))
}

/// What a run was like.
struct Figures {
    run: String,
    said: BTreeMap<String, usize>,
    reads: usize,
    writes: usize,
    acknowledged: usize,
    pending: usize,
    lived: Lived,
    struck: u64,
    replaced: u64,
    verdict: Verdict,
}

impl Figures {
    /// How many answers the tier said something of that is `what`.
    fn count(&self, what: impl Fn(&str) -> bool) -> usize {
        self.said.iter().filter(|(said, _)| what(said)).map(|(_, count)| count).sum()
    }

    fn hits(&self) -> usize {
        self.count(|said| said.starts_with("GET 200 hit"))
    }

    fn lost(&self) -> usize {
        self.count(|said| said.ends_with(NO_ANSWER))
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { run, said, reads, writes, acknowledged, pending, lived, struck, replaced, verdict } = self;
        let (hits, lost, stale, longest) = (self.hits(), self.lost(), verdict.stale, verdict.staleness.as_millis());
        writeln!(f, "{run}: {reads} reads, {hits} of them hits; {lost} requests without an answer")?;
        writeln!(f, "  {writes} writes, {acknowledged} of them acknowledged, {pending} of those with a purge to come")?;
        writeln!(f, "  the origin: {lived:?}; {struck} faults struck, the wasm was replaced {replaced} times")?;
        writeln!(f, "  others saw what was before a write {stale} times, at most {longest} ms after it")?;
        for (said, count) in said {
            writeln!(f, "  {count:7}  {said}")?;
        }
        let of = |promise| verdict.violations.iter().filter(|it| it.promise == promise).count();
        let kinds = [Promise::OwnWrite, Promise::Bound, Promise::Owner, Promise::Resource, Promise::Made];
        let kinds = kinds.map(|promise| format!("{promise:?} {}", of(promise))).join(", ");
        writeln!(f, "  promises broken: {kinds}")?;
        for violation in verdict.violations.iter().take(MOST_SHOWN) {
            writeln!(f, "{violation}")?;
        }
        Ok(())
    }
}

/// HISTORY-1 (product.md, "Events", "Keys, names and isolation"): whatever happens, no promise is broken.
#[test]
fn no_promise_is_broken() {
    let (seed, seconds) = (setting("TIERCEL_HISTORY_SEED", 2_027), setting("TIERCEL_HISTORY_SECONDS", 60));
    let bound = read(POLICY).policy.expect("a policy without errors").bound;
    let versions = Versions::new(seed);
    let answering = versions.clone();
    let world = World::across(&history_edge(), 2, 3, Origin::start(move |request| answering.answer(request)));
    let open = Mutex::new(OPEN.to_vec());
    let run = Run { world, versions, open, began: Instant::now(), length: Duration::from_secs(seconds) };
    let clients: Vec<Client<'_>> = thread::scope(|scope| {
        scope.spawn(|| run.disturb());
        let clients = (0..CLIENTS.len()).map(|index| Client::new(&run, index, seed));
        let clients: Vec<_> = clients.map(|client| scope.spawn(|| client.live())).collect();
        clients.into_iter().map(|client| client.join().expect("a client ends")).collect()
    });
    let mut said: BTreeMap<String, usize> = BTreeMap::new();
    let mut history = Vec::new();
    for client in clients {
        history.extend(client.log);
        client.said.into_iter().for_each(|(what, count)| *said.entry(what).or_default() += count);
    }
    let count = |is: fn(&What) -> bool| history.iter().filter(|operation| is(&operation.what)).count();
    let (struck, replaced) = run.toll();
    let figures = Figures {
        run: format!("seed {seed}, {seconds} s, a bound of {} s", bound.get()),
        said,
        reads: count(|what| matches!(what, What::Read { .. })),
        writes: count(|what| matches!(what, What::Write { .. })),
        acknowledged: count(|what| matches!(what, What::Write { made: Some(_), .. })),
        pending: count(|what| matches!(what, What::Write { made: Some(_), pending: true, .. })),
        lived: run.versions.lived(),
        struck,
        replaced,
        // By so much the product lets two clocks differ.
        verdict: judge(&history, Duration::from_secs(bound.get()) + Duration::from_millis(SKEW)),
    };
    assert!(figures.verdict.violations.is_empty(), "promises were broken:\n{figures}");

    // A run in which little happened would prove nothing. How fast the machine is does not matter.
    let (seconds, per_second) = (seconds as usize, |count: usize| count as f64 / seconds as f64);
    let enough = |what: &str, is: bool| assert!(is, "too few {what} in {seconds} s:\n{figures}");
    enough("reads", per_second(figures.reads) >= 5.0);
    enough("hits", figures.hits() * 100 > figures.reads * 30);
    enough("acknowledged writes", per_second(figures.acknowledged) >= 0.3);
    enough("fetches overtaken by a write", per_second(figures.lived.overtaken) >= 0.05);
    enough("answers", figures.lost() * 100 <= history.len());
    enough("crashes", figures.replaced >= 6);
    enough("other faults", figures.struck >= figures.replaced + 10);
    // Past what the test runner catches: they are worth reading when it passes, too.
    let _ = write!(std::io::stderr(), "{figures}");
}
