//! One user's open cache.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::OnceLock;

use tiercel_core::engine::{Engine, Tier};
use tiercel_core::exchange::Received;
use tiercel_core::field::Fields;
use tiercel_core::head::{RequestHead, Target};
use tiercel_core::invalidation::{Facts, Invalidation, Purge};
use tiercel_core::key::Params;
use tiercel_core::policy::{Policy, USER_ID};
use tiercel_core::principal::{Credential, CredentialSource, Principal};
use tiercel_core::text;
use tiercel_core::time::{DeltaSeconds, Timestamp};

use crate::answer::Failure;
use crate::flights::Flights;
use crate::host::Host;
use crate::js::spawn;
use crate::local::Locals;
use crate::purges::Purges;
use crate::store::Store;
use crate::sync::Sync;
use crate::timer::{clock, sleep};
use crate::watchers::Watchers;
use crate::wipe;

/// Shortest memory of purges, in seconds.
const PURGE_MEMORY: DeltaSeconds = DeltaSeconds::new(600);
/// When expired records are first removed, in milliseconds: not while the page paints.
const FIRST_SWEEP: u64 = 5_000;
/// And then again, in milliseconds.
const SWEEP_EVERY: u64 = 3_600_000;

thread_local! {
    /// The sessions of this page.
    static OPEN: RefCell<Vec<Weak<Session>>> = const { RefCell::new(Vec::new()) };
}

/// Whether a session may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Open,
    Closed,
    LoggedOut,
}

/// A read, as the page asked for it.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) head: RequestHead,
}

/// One user's open cache. Everything of it ends when `state` is no longer open.
pub(crate) struct Session {
    pub(crate) engine: &'static Engine,
    pub(crate) user: Option<String>,
    base: String,
    /// Tells users apart among tabs: the name of the database.
    pub(crate) scope: String,
    pub(crate) store: Store,
    pub(crate) purges: RefCell<Purges>,
    pub(crate) flights: Flights,
    pub(crate) watchers: Rc<Watchers>,
    pub(crate) sync: Sync,
    pub(crate) locals: Locals,
    pub(crate) host: Rc<Host>,
    /// The browser's cookies say whose the answers are. All tabs share them.
    pub(crate) by_cookies: bool,
    state: Cell<State>,
}

impl Session {
    /// Opens the cache of `user`; requests go to `base` (scheme and authority, perhaps a path), `signed` where the app puts
    /// a credential of the user's into them.
    ///
    /// A session of another user in this page ends: the browser's cookies are now the new user's, and an answer to
    /// them must not be stored for the old one. So does one in another tab, unless either is `signed`; that nobody is
    /// signed in is no news there, since apps begin so.
    ///
    /// # Errors
    /// The embedded policy is of another release.
    pub(crate) fn open(user: Option<String>, base: &str, host: Host, signed: bool) -> Result<Rc<Self>, Failure> {
        let engine = engine()?;
        let scope = engine.namespace(user.as_deref()).database();
        for other in sessions().filter(|other| other.scope != scope) {
            other.give_way();
        }
        let longest = engine.policy().classes.iter().map(|class| class.timeout).max().unwrap_or_default();
        // Twice the head and the body of a request, retried once.
        let memory = PURGE_MEMORY.max(DeltaSeconds::new(longest.get() * 4));
        let host = Rc::new(host);
        let session = Rc::new(Self {
            engine,
            base: base.trim_end_matches('/').to_owned(),
            store: Store::open(&scope, &host),
            purges: RefCell::new(Purges::new(memory)),
            flights: Flights::default(),
            watchers: Rc::default(),
            sync: Sync::start(&engine.policy().name, Rc::clone(&host)),
            locals: Locals::default(),
            host,
            by_cookies: user.is_some() && !signed,
            state: Cell::new(State::Open),
            user,
            scope,
        });
        OPEN.with_borrow_mut(|open| open.push(Rc::downgrade(&session)));
        session.sync.opened(&session.scope, session.by_cookies);
        spawn(Box::pin(sweep(Rc::downgrade(&session))));
        Ok(session)
    }

    /// # Errors
    /// The session has ended.
    pub(crate) fn ensure_open(&self) -> Result<(), Failure> {
        match self.state.get() {
            State::Open => Ok(()),
            State::Closed => {
                Err(Failure::new("closed", "This cache was closed, or another user's was opened; open() again."))
            }
            State::LoggedOut => Err(Failure::new(
                "logged-out",
                "The user logged out and this cache is gone; open() again after signing in.",
            )),
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.state.get() == State::Open
    }

    /// Ends the session because another user's was opened.
    pub(crate) fn give_way(&self) {
        self.end(State::Closed);
        // Nothing of its user is on the screen of the next one.
        self.watchers.all_purged();
        self.locals.all_changed();
    }

    /// Ends the session: nothing is stored from now on, requests are given up, the database is closed.
    pub(crate) fn end(&self, state: State) {
        self.stop(state);
        self.store.close();
        self.sync.stop();
    }

    /// The first half of [`Self::end`]: nothing is stored from now on, requests are given up.
    pub(crate) fn stop(&self, state: State) {
        let before = self.state.get();
        if before != State::LoggedOut {
            self.state.set(state);
        }
        self.flights.abort();
        if before != self.state.get() {
            self.host.ended(state == State::LoggedOut);
        }
    }

    /// The moment for what begins now.
    pub(crate) fn moment(&self) -> Timestamp {
        self.purges.borrow().moment(clock())
    }

    /// A moment that is later than all that began before. From now on, nobody shares what did.
    pub(crate) fn mark(&self) -> Timestamp {
        self.flights.part();
        self.purges.borrow_mut().mark(clock())
    }

    /// The device belongs to its user.
    pub(crate) fn credential(&self) -> Credential {
        self.principal().map_or(Credential::None, Credential::Verified)
    }

    /// The user.
    pub(crate) fn principal(&self) -> Option<Principal> {
        Principal::new(self.user.as_deref()?, CredentialSource::Device)
    }

    /// A parameter that says whose it is, where the page did not.
    pub(crate) fn fill_user(&self, params: &mut Params) {
        if params.get(USER_ID).is_none() {
            params.set(USER_ID, self.user.as_deref());
        }
    }

    /// Path and query at the base.
    pub(crate) fn target(&self, path: &str) -> Target {
        Target { origin: self.base.clone(), ..Target::parse(path) }
    }

    /// Path and query of a URL at the base.
    pub(crate) fn path_of<'u>(&self, url: &'u str) -> Option<&'u str> {
        url.strip_prefix(self.base.as_str()).filter(|path| path.starts_with('/'))
    }

    /// The request for `class` with `params`.
    ///
    /// # Errors
    /// The policy has no such class, or a parameter is missing.
    pub(crate) fn ask(&self, class: &str, mut params: Params) -> Result<Ask, Failure> {
        let Some(known) = self.engine.policy().class(class) else {
            let names: Vec<&str> = self.engine.policy().classes.iter().map(|class| class.name.as_str()).collect();
            let message = text!["The policy has no class `", class, "`; it has ", names.join(", "), "."];
            return Err(Failure::new("unknown-class", message));
        };
        self.fill_user(&mut params);
        let Some(path) = self.engine.locate(&known.name, &params) else {
            let message = text![
                "A parameter in the path of `",
                class,
                "` is missing or empty; see `match` of the class in the policy."
            ];
            return Err(Failure::new("missing-parameter", message));
        };
        let mut fields = Fields::new();
        fields.set("accept", "application/json");
        Ok(Ask { head: RequestHead { method: "GET".into(), target: self.target(&path), fields } })
    }

    /// The key of a read, and the names under which it can be purged as far as the request tells; `None` when it is
    /// never stored.
    pub(crate) fn key_of(&self, ask: &Ask) -> Option<(String, Vec<String>)> {
        let now = self.moment();
        let Received::Lookup(lookup) = self.engine.receive(ask.head.clone(), self.credential(), now) else {
            return None;
        };
        Some((lookup.key().as_str().to_owned(), lookup.groups()))
    }

    /// A domain event happened: purges here, in other tabs and in the Service Worker.
    ///
    /// # Errors
    /// The policy has no such event, or the session has ended.
    pub(crate) async fn invalidate(self: Rc<Self>, event: &str, mut params: Params) -> Result<(), Failure> {
        self.ensure_open()?;
        params.set(USER_ID, self.user.as_deref());
        let Some(happened) = self.engine.policy().event(event, params) else {
            return Err(self.unknown_event(event));
        };
        let invalidation = self.engine.invalidate(&happened, &Facts::default());
        self.apply(Some(event), invalidation).await;
        Ok(())
    }

    /// The policy has no such event.
    pub(crate) fn unknown_event(&self, event: &str) -> Failure {
        let names: Vec<&str> = self.engine.policy().events.iter().map(|event| event.name.as_str()).collect();
        let message = ["The policy has no event `", event, "`; it has ", &names.join(", "), "."].concat();
        Failure::new("unknown-event", message)
    }

    /// A mutation that had waited was sent: what an SDK did not hear from its answer. `names` is what the answer named.
    pub(crate) async fn replayed(self: Rc<Self>, method: String, url: String, mut names: Vec<String>) {
        let happened = self.path_of(&url).and_then(|path| {
            let head = RequestHead::new(&method, path, Fields::new());
            self.engine.event_of(&head, self.principal().as_ref())
        });
        let mut name = None;
        if let Some(happened) = happened {
            // The answer is not at hand: what it would have said is unknown, which widens the purge.
            let invalidation = self.engine.invalidate(&happened, &Facts::default());
            if invalidation.wipe {
                wipe::log_out(&self).await;
                return;
            }
            names.extend(invalidation.names);
            name = Some(happened.name);
        }
        self.host.replayed(&method, &url, self.mark().as_millis() as f64);
        if !names.is_empty() {
            self.purge(name.as_deref(), &names, Purge::Hard).await;
        }
    }

    /// Carries an invalidation out, and tells everybody.
    pub(crate) async fn apply(self: Rc<Self>, event: Option<&str>, invalidation: Invalidation) {
        if invalidation.wipe {
            wipe::log_out(&self).await;
            return;
        }
        let Some(purge) = invalidation.purge else { return };
        // At once, so that they leave the page even if it is left now.
        self.sync.purged(&self.scope, event, &invalidation.names);
        self.purge(event, &invalidation.names, purge).await;
    }

    /// Carries a purge out in this page. From the call on, before the future is first polled to its end, nothing
    /// of it is served or stored.
    pub(crate) async fn purge(&self, event: Option<&str>, names: &[String], purge: Purge) {
        self.purges.borrow_mut().record(names, purge, clock());
        self.flights.part();
        let removed = self.store.purge(names).await;
        self.sync.announce(event, names);
        self.watchers.purged_soon(names, &removed);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.end(State::Closed);
    }
}

/// The sessions of this page that are open.
pub(crate) fn sessions() -> impl Iterator<Item = Rc<Session>> {
    let open: Vec<Rc<Session>> = OPEN.with_borrow_mut(|open| {
        open.retain(|session| session.upgrade().is_some_and(|session| session.is_open()));
        open.iter().filter_map(Weak::upgrade).collect()
    });
    open.into_iter()
}

/// Removes expired records now and then.
async fn sweep(session: Weak<Session>) {
    let mut pause = FIRST_SWEEP;
    loop {
        sleep(pause).await;
        pause = SWEEP_EVERY;
        match session.upgrade() {
            Some(session) if session.is_open() => {
                session.store.sweep(clock(), session.engine.policy().version).await;
            }
            _ => return,
        }
    }
}

fn engine() -> Result<&'static Engine, Failure> {
    static ENGINE: OnceLock<Option<Engine>> = OnceLock::new();
    let policy = || Policy::decode(include_bytes!(concat!(env!("OUT_DIR"), "/policy.bin"))).ok();
    let engine = ENGINE.get_or_init(|| policy().map(|policy| Engine::new(policy, Tier::Sdk)));
    engine.as_ref().ok_or_else(|| {
        Failure::new("bad-policy", "The policy inside is of another release; run `cargo xtask build` again.")
    })
}
