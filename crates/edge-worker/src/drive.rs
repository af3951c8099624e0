//! Follows one request from `receive` to `conclude` and performs what the core decides.

use std::cell::RefCell;

use tiercel_core::engine::Engine;
use tiercel_core::exchange::{Conclusion, Delivery, Fetch, Found, Lookup, Outcome, Received, Resolved};
use tiercel_core::field::server_timing::{Phase, ServerTiming};
use tiercel_core::flights::Role;
use tiercel_core::head::RequestHead;
use tiercel_core::invalidation::{Facts, TagEpochs};
use tiercel_core::operator::operation;
use tiercel_core::principal::Credential;
use tiercel_core::time::Timestamp;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::Response;

use crate::origin::Answer;
use crate::runtime::{Context, Env, Result, Work};
use crate::send::AtHand;
use crate::store::Held;
use crate::{auth, behind, convert, epochs, facts, flights, memory, now, operator, origin, pages, ready, send, store};

/// What a request needs from beginning to end.
pub(crate) struct Way {
    pub(crate) engine: &'static Engine,
    pub(crate) env: Env,
    pub(crate) context: Context,
    request: web_sys::Request,
    timing: RefCell<ServerTiming>,
}

/// Where a request stands.
enum Step {
    /// It is answered.
    Ready(Result<Response>),
    /// Look in the store, unless memory had it.
    Look(Lookup<'static>, Option<Held>),
    /// Send this, with what was found.
    Deliver(Delivery, Held),
    /// Ask the origin, keeping what was found.
    Fill(Fetch<'static>, Held),
    /// Send it on as it came.
    Pass(Fetch<'static>),
}

/// What came of a request: at once, or later.
pub(crate) enum Driven {
    /// A response.
    Ready(Response),
    /// A response to come.
    Later(Work<Result<Response>>),
}

/// Answers a request. What is in memory and needs no credential is answered at once.
pub(crate) fn drive(
    engine: &'static Engine,
    request: web_sys::Request,
    env: Env,
    context: Context,
    question: Option<String>,
) -> Driven {
    if let Some(response) = question.and_then(|question| glance(engine, question, &env, &context)) {
        return Driven::Ready(response);
    }
    let head = convert::request_head(&request);
    if operation(engine.policy(), &head.target.path).is_some() {
        return Driven::Later(Box::pin(async move { operator::answer(&head, &request, &env, &context).await }));
    }
    let asks_who = engine.asks_who(&head.method, &head.target);
    let way = Way { engine, env, context, request, timing: RefCell::default() };
    if asks_who {
        return Driven::Later(Box::pin(async move {
            let credential = way.who(&head).await;
            let step = way.received(engine.receive(head, credential, now()));
            way.go(step).await
        }));
    }
    match way.received(engine.receive(head, Credential::None, now())) {
        Step::Ready(Ok(response)) => Driven::Ready(response),
        step => Driven::Later(Box::pin(async move { way.go(step).await })),
    }
}

/// The way of a hit in memory, from beginning to end: it reads no more of the request than decides, since reading all
/// of it takes longer than the decision. Where anything else comes of it, the request starts anew. What comes of it is
/// made ready for the next requests, as far as the core allows.
fn glance(engine: &'static Engine, question: String, env: &Env, context: &Context) -> Option<Response> {
    let now = now();
    let head = convert::head_of(&question);
    let Received::Lookup(lookup) = engine.receive(head, Credential::None, now) else { return None };
    let key = lookup.key().clone();
    let held = memory::get(&key, now)?;
    let policy = engine.policy();
    let epochs = epochs::at_hand(env, context, &held.found, policy)?;
    let Resolved::Deliver(mut delivery) = lookup.resolve(&held.found, &epochs, now) else { return None };
    let body = send::at_once(&delivery, &held)?;
    let mut timing = ServerTiming::default();
    timing.ended(Phase::Memory, now, now);
    delivery.timed(&timing);
    let AtHand::Again(body, made) = body else { return body.response(&delivery).ok() };
    let headers = send::headers_again(&delivery, &made).ok()?;
    let (status, body) = (delivery.head.status, &body);
    let until = delivery.good_until(epochs::good_until(&held.found, policy), memory::until(&key), now);
    if let Some(until) = until {
        ready::keep(&question, &ready::Answer { key: &key, status, headers: &headers, body }, now, until);
    }
    convert::with_headers(status, &headers, body).ok()
}

impl Way {
    async fn who(&self, head: &RequestHead) -> Credential {
        let Some(identity) = &self.engine.policy().identity else { return Credential::None };
        let since = now();
        let credential = auth::credential(identity, &head.fields, &self.env, &self.context).await;
        self.took(Phase::Auth, since);
        credential
    }

    fn received(&self, received: Received<'static>) -> Step {
        match received {
            Received::Refuse(delivery) => Step::Ready(convert::response(&delivery, None)),
            Received::Pass(fetch) => Step::Pass(fetch),
            Received::Lookup(lookup) => self.remembered(lookup),
        }
    }

    /// What memory has, judged by the purges that are known here within the policy's bound.
    fn remembered(&self, lookup: Lookup<'static>) -> Step {
        let Some(held) = memory::get(lookup.key(), now()) else { return Step::Look(lookup, None) };
        match epochs::at_hand(&self.env, &self.context, &held.found, self.engine.policy()) {
            Some(epochs) => {
                self.took(Phase::Memory, now());
                self.resolved(lookup, held, &epochs)
            }
            None => Step::Look(lookup, Some(held)),
        }
    }

    fn resolved(&self, lookup: Lookup<'static>, held: Held, epochs: &TagEpochs) -> Step {
        match lookup.resolve(&held.found, epochs, now()) {
            Resolved::Variant(next) => self.remembered(next),
            Resolved::Deliver(delivery) => self.deliver(delivery, held),
            Resolved::DeliverStale(delivery, fetch) => {
                self.refresh(fetch, &held);
                self.deliver(delivery, held)
            }
            Resolved::Fetch(fetch) => Step::Fill(fetch, held),
        }
    }

    fn deliver(&self, mut delivery: Delivery, held: Held) -> Step {
        match send::at_once(&delivery, &held) {
            Some(body) => {
                delivery.timed(&self.timing.borrow());
                Step::Ready(body.response(&delivery))
            }
            None => Step::Deliver(delivery, held),
        }
    }

    async fn go(&self, mut step: Step) -> Result<Response> {
        loop {
            step = match step {
                Step::Ready(response) => return response,
                Step::Look(lookup, held) => self.look(lookup, held).await,
                Step::Deliver(delivery, held) => return send::stored(self, delivery, held).await,
                Step::Fill(fetch, held) => self.fill(fetch, held).await,
                Step::Pass(fetch) => return self.pass(fetch).await,
            }
        }
    }

    async fn look(&self, lookup: Lookup<'static>, held: Option<Held>) -> Step {
        let policy = self.engine.policy();
        let held = match held {
            Some(held) => held,
            None => {
                let since = now();
                let held = store::get(lookup.key(), policy).await;
                let held = memory::keep(lookup.key(), held).await;
                self.took(Phase::Store, since);
                held
            }
        };
        let epochs = self.epochs(&held.found).await;
        self.resolved(lookup, held, &epochs)
    }

    /// The purges of what was found, as new as the policy asks for.
    async fn epochs(&self, found: &Found) -> TagEpochs {
        let policy = self.engine.policy();
        if let Some(epochs) = epochs::at_hand(&self.env, &self.context, found, policy) {
            return epochs;
        }
        let since = now();
        let epochs = epochs::read(&self.env, Some(&self.context), found, policy).await;
        self.took(Phase::Epochs, since);
        epochs
    }

    /// Asks the origin, or waits for the one who asks already.
    async fn fill(&self, fetch: Fetch<'static>, held: Held) -> Step {
        let settings = self.engine.policy().edge;
        let shared = fetch.shared_key().map(|key| key.as_str().to_owned());
        let role = match &shared {
            Some(key) if !fetch.has_waited() => flights::join(key, settings.remember_uncacheable, now()),
            _ => Role::Alone,
        };
        if let (Role::Follow, Some(key)) = (role, &shared) {
            let since = now();
            flights::wait(key, settings.collapse).await;
            self.took(Phase::Wait, since);
            return match fetch.look_again() {
                Some(lookup) => self.remembered(lookup),
                None => Step::Ready(Err("only what is looked up is waited for".into())),
            };
        }
        let is_uncacheable = role == Role::Alone && shared.is_some() && !fetch.has_waited();
        let fetch = if is_uncacheable { fetch.without_slices() } else { fetch };
        let lead = shared.filter(|_| role == Role::Lead);
        let since = now();
        let filled = behind::fill(self, fetch, held.clone(), lead).await;
        self.took(Phase::Origin, since);
        match filled {
            Some((conclusion, answer)) => Step::Ready(send::concluded(self, conclusion, held, answer).await),
            None => Step::Ready(Err("the answer was lost".into())),
        }
    }

    /// Sends a request on as it came, for as long as its client waits.
    async fn pass(&self, fetch: Fetch<'static>) -> Result<Response> {
        if fetch.is_mutation() {
            return self.mutate(fetch).await;
        }
        let since = now();
        let (conclusion, answer) = conclude(&self.env, fetch, Some(&self.request)).await;
        self.took(Phase::Origin, since);
        match answer {
            // A WebSocket: the runtime's own response carries it, and no other can.
            Some(answer) if answer.head.status == 101 => Ok(answer.response),
            answer => send::concluded(self, conclusion, Held::nothing(), answer).await,
        }
    }

    /// Sends a mutation on. What it makes untrue is made known although its client has gone, and before its answer goes
    /// out: who made it must not see the old state again.
    async fn mutate(&self, fetch: Fetch<'static>) -> Result<Response> {
        let (env, context) = (self.env.clone(), JsCast::unchecked_into(JsValue::clone(&self.context)));
        // The object, not its method: the body is sent, not copied.
        let request = Clone::clone(&self.request);
        let (policy, began) = (self.engine.policy(), now());
        let mutated = behind::hand_over(&self.context, move |hand| async move {
            let (mut conclusion, answer) = conclude(&env, fetch, Some(&request)).await;
            let answered = now();
            if let Some(invalidation) = &conclusion.invalidation {
                let is_told = epochs::record(&env, &context, invalidation, policy).await;
                conclusion.recorded(is_told, policy);
            }
            hand.over((conclusion, answer, answered));
        });
        let (conclusion, answer, answered) = mutated.await.ok_or("the answer was lost")?;
        self.timing.borrow_mut().ended(Phase::Origin, began, answered);
        if conclusion.invalidation.is_some() {
            self.took(Phase::Epochs, answered);
        }
        send::concluded(self, conclusion, Held::nothing(), answer).await
    }

    /// One refresh behind a stale answer.
    fn refresh(&self, fetch: Fetch<'static>, held: &Held) {
        let Some(key) = fetch.shared_key().map(|key| key.as_str().to_owned()) else { return };
        let settings = self.engine.policy().edge;
        if flights::join(&key, settings.remember_uncacheable, now()) != Role::Follow {
            behind::refresh(self, fetch, held.clone(), key);
        }
    }

    pub(crate) fn took(&self, phase: Phase, since: Timestamp) {
        self.timing.borrow_mut().ended(phase, since, now());
    }

    pub(crate) fn timed(&self, delivery: &mut Delivery) {
        delivery.timed(&self.timing.borrow());
    }
}

/// Asks the origin and judges its answer. `passed` is the client's own request when it goes on as it is.
pub(crate) async fn conclude(
    env: &Env,
    mut fetch: Fetch<'static>,
    passed: Option<&web_sys::Request>,
) -> (Conclusion, Option<Answer>) {
    let mut asked = origin::fetch(env, &fetch.request(), passed).await;
    if asked.as_ref().is_ok_and(|answer| fetch.wants_whole(&answer.head)) {
        fetch = fetch.without_slices();
        if let Ok(unused) = asked {
            unused.cancel();
        }
        asked = origin::fetch(env, &fetch.request(), passed).await;
    }
    let longest = asked.as_ref().ok().and_then(|answer| fetch.wants_list(&answer.head));
    asked = match (asked, longest) {
        (Ok(answer), Some(longest)) => match pages::made(&mut fetch, answer, longest).await {
            Ok(Some(listed)) => Ok(listed),
            Ok(None) => origin::fetch(env, &fetch.request(), passed).await,
            Err(failure) => Err(failure),
        },
        (asked, _) => asked,
    };
    let (outcome, answer) = match asked {
        Ok(answer) => (Outcome::Response(answer.head.clone()), Some(answer)),
        Err(failure) => (Outcome::Failed(failure), None),
    };
    let facts = match &answer {
        Some(answer) => facts::look_up(&fetch.facts_wanted(answer.head.status), &answer.response).await,
        None => Facts::default(),
    };
    let epochs = epochs::since(&fetch, answer.as_ref().map(|answer| &answer.head));
    (fetch.conclude(outcome, &facts, &epochs, now()), answer)
}
