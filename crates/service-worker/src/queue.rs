//! Mutations that could not be sent: kept in a cache of their user's, and sent in order when there is a network.

use std::cell::Cell;

use tiercel_core::field::Fields;
use tiercel_core::head::{RequestHead, ResponseHead};
use tiercel_core::queue::{After, MAX_BODY, MAX_WAITING, Waiting, accepted};
use tiercel_core::text;
use tiercel_core::time::Timestamp;

use crate::kernel::now;
use crate::{effect, engine, identity, mutation, reports, store};

/// Where what is kept of a mutation stands.
const WAITING: &str = "x-tiercel-waiting";
/// Where mutations live as URLs.
const PLACE: &str = "https://tiercel.invalid/waiting/";

thread_local! {
    /// When to look for what waits, once the network is reached; `None` while nothing does. A worker that has just started
    /// does not know, and looks.
    static LOOK: Cell<Option<Timestamp>> = const { Cell::new(Some(Timestamp::from_millis(0))) };
    /// Whether the network was reached since.
    static REACHED: Cell<bool> = const { Cell::new(true) };
    /// No mutation gets a number below it.
    static NEXT: Cell<u64> = const { Cell::new(0) };
}

/// The network was reached.
pub(crate) fn reached() {
    REACHED.set(true);
}

/// Sends what waits, if it is time to look.
pub(crate) async fn look() {
    if REACHED.get() && LOOK.get().is_some_and(|at| at <= now()) {
        begin("").await;
    }
}

/// Has [`replay`] run as a task of its own: its code is there once.
pub(crate) async fn begin(client: &str) {
    effect::want(&["replay", client]);
    effect::came().await;
}

/// Sends a mutation of `client`'s that may wait, or keeps it where there is no network. The request is words: method, mode,
/// credentials mode, and URL and fields.
pub(crate) async fn write(client: String, request: String) {
    let words: Vec<&str> = request.splitn(4, effect::SEPARATOR).collect();
    let &[method, mode, credentials, head] = words.as_slice() else { return };
    let (url, fields) = head.split_once('\n').unwrap_or_default();
    let head = RequestHead::new(method, url, effect::fields(fields));
    // A form shows what it gets as a page; and what goes without credentials is not the user's.
    let can_wait = mode != "navigate" && credentials != "omit";
    let user = identity::of(&client).await.filter(|_| can_wait);
    // One after the other for each place: a later write must not come first.
    hold(&["tiercel:write:", url].concat()).await;
    if let Some(user) = &user {
        let cache = cache(user);
        if first(&cache).await.is_some_and(|first| first.is_due(now())) {
            begin(&client).await;
        }
        if waiting(&cache).await.iter().any(|waiting| waiting.url == url) && keep(&client, user, &head).await {
            return;
        }
    }
    effect::want(&["send"]);
    let answer = effect::came().await;
    match (effect::head(&answer), &user) {
        (Some(answer), user) => mutation::heard(user.as_deref(), method, &answer).await,
        (None, Some(user)) if answer == "network" => {
            keep(&client, user, &head).await;
        }
        _ => {}
    }
}

/// Keeps a mutation and answers the page, unless it cannot wait.
async fn keep(client: &str, user: &str, head: &RequestHead) -> bool {
    effect::want(&["keep", &text![MAX_BODY]]);
    let key = effect::came().await;
    let cache = cache(user);
    let waits = waiting(&cache).await;
    let number = waits.iter().map(|old| old.number + 1).fold(0, u64::max).max(NEXT.get()).max(now().as_millis());
    NEXT.set(number + 1);
    let Some(new) = Waiting::new(head, &key, number, now()).filter(|_| !key.is_empty()) else { return false };
    let replaced =
        waits.iter().filter(|old| old.url == new.url).max_by_key(|old| old.number).filter(|old| new.replaces(old));
    // Whoever asked may have logged out, or be another by now.
    if waits.len() - usize::from(replaced.is_some()) >= MAX_WAITING
        || identity::of(client).await.as_deref() != Some(user)
        || !put(&cache, &new).await
    {
        return false;
    }
    if let Some(old) = replaced {
        store::delete(&cache, &[place(old)]).await;
    }
    LOOK.set(Some(now()));
    REACHED.set(false);
    effect::want(&["sync"]);
    effect::came().await;
    let (head, body) = accepted(engine().tier());
    let body = ["=", body].concat();
    effect::want(&["respond", &body, "", &text![head.status], &head.fields.to_text(), ""]);
    effect::came().await;
    true
}

/// Sends what waits of the user of `client`, or of whoever was named last where that is empty: in order, until something
/// has to wait on.
pub(crate) async fn replay(client: String) {
    let user = if client.is_empty() { identity::last().await } else { identity::of(&client).await };
    LOOK.set(None);
    let Some(user) = user else { return };
    // Another replay may be under way, perhaps in a worker that is being replaced.
    hold("tiercel:replay").await;
    let cache = cache(&user);
    REACHED.set(false);
    while let Some(next) = first(&cache).await {
        if next.is_given_up(now()) {
            store::delete(&cache, &[place(&next)]).await;
            reports::tell(&user, reports::FAILED, &next, 0).await;
            continue;
        }
        LOOK.set(Some(now()));
        if !next.is_due(now()) || !is_allowed(&user, &next).await {
            break;
        }
        let fields = next.fields().to_text();
        let credential = if next.wants_credential { "c" } else { "" };
        effect::want(&["repeat", &cache, &place(&next), &next.method, &next.url, &fields, credential]);
        let answer = effect::came().await;
        let Some(answer) = effect::head(&answer) else { break };
        let after = next.judge(&answer, now());
        // Whoever has logged out meanwhile has nothing left to change.
        if !identity::is_here(&user) {
            break;
        }
        match after {
            After::Later(next) => {
                put(&cache, &next).await;
                break;
            }
            After::Done => {
                store::delete(&cache, &[place(&next)]).await;
                reports::done(&user, &next, &answer).await;
            }
            After::Refused => {
                store::delete(&cache, &[place(&next)]).await;
                reports::tell(&user, reports::FAILED, &next, answer.status).await;
            }
        }
        LOOK.set(None);
    }
    if LOOK.get().is_some() {
        effect::want(&["remains"]);
        effect::came().await;
    }
}

/// Whether `waiting` may go out as `user`'s now: with a credential that a page of that user gives, or else with the browser's
/// cookies, which are those of whoever was named last.
async fn is_allowed(user: &str, waiting: &Waiting) -> bool {
    if !waiting.wants_credential {
        return identity::last().await.as_deref() == Some(user);
    }
    let pages = identity::pages_of(user).await;
    let mut words = vec!["credential", user];
    words.extend(pages.iter().map(String::as_str));
    effect::want(&words);
    !effect::came().await.is_empty()
}

/// Waits until no other task holds `name`, and holds it until this one ends.
pub(crate) async fn hold(name: &str) {
    effect::want(&["hold", name]);
    effect::came().await;
}

async fn put(cache: &str, waiting: &Waiting) -> bool {
    let fields: Fields = [(WAITING, waiting.write().as_str())].into_iter().collect();
    store::write(cache, &place(waiting), "kept", &ResponseHead { status: 200, fields }).await
}

/// What waits. What cannot be read was not written here.
async fn waiting(cache: &str) -> Vec<Waiting> {
    effect::want(&["values", cache, WAITING]);
    let lines = effect::came().await;
    lines.split('\n').filter_map(Waiting::read).collect()
}

/// What goes first.
async fn first(cache: &str) -> Option<Waiting> {
    waiting(cache).await.into_iter().min_by_key(|waiting| waiting.number)
}

/// The cache of what waits: one of the user's, so that it goes with the others, and of no class, so that no purge does.
pub(crate) fn cache(user: &str) -> String {
    [&engine().namespace(Some(user)).cache_prefix(), "queue"].concat()
}

fn place(waiting: &Waiting) -> String {
    text![PLACE, waiting.number]
}
