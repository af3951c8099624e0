//! Whose page is asking. The SDK tells; the worker remembers across its own restarts, in a cache of nobody's.

use std::cell::RefCell;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use tiercel_core::field::Fields;
use tiercel_core::head::ResponseHead;
use tiercel_core::key::escape;

use crate::{effect, engine, store};

type Known = Vec<(String, Option<String>)>;

thread_local! {
    /// What is known of each client (a tab or window), by its id.
    static KNOWN: RefCell<Known> = const { RefCell::new(Vec::new()) };
}

/// In the place of a client's id: whoever was named last. No browser gives a client such an id.
const LAST: &str = "last";

/// Where clients live as URLs.
const CLIENT: &str = "https://tiercel.invalid/client/";

/// The user of a client; `None` is nobody. A page asks for its first pictures before it can say whose it is (and a
/// reload makes a new client of it): until then it counts as the user's who was named last.
pub(crate) async fn of(client: &str) -> Option<String> {
    if let Some(known) = known(client) {
        return known;
    }
    if let Some(user) = remembered(client).await {
        // Unless the page has said meanwhile whose it is.
        return known(client).unwrap_or_else(|| {
            note(client, Some(user.clone()));
            Some(user)
        });
    }
    match known(LAST) {
        Some(last) => last,
        None => remembered(LAST).await,
    }
}

fn known(client: &str) -> Option<Option<String>> {
    KNOWN.with_borrow(|known| known.iter().find(|(id, _)| id == client).map(|(_, user)| user.clone()))
}

fn note(client: &str, user: Option<String>) {
    KNOWN.with_borrow_mut(|known| {
        known.retain(|(id, _)| id != client);
        known.push((client.to_owned(), user));
    });
}

async fn remembered(client: &str) -> Option<String> {
    effect::want(&["read", &state(), &url(client)]);
    let text = effect::came().await;
    let user = percent_decode_str(&text).decode_utf8_lossy().into_owned();
    (!user.is_empty()).then_some(user)
}

/// Notes that `client` is `user`'s from now on; nobody's where that is empty.
pub(crate) async fn set(client: String, user: String) {
    let user = Some(user).filter(|user| !user.is_empty());
    // At once, before the first wait: what is under way looks here before it stores.
    for slot in [&client, LAST] {
        note(slot, user.clone());
    }
    let cache = state();
    let urls = [url(&client), url(LAST)];
    let is_done = match &user {
        None => store::delete(&cache, &urls).await,
        Some(user) => {
            // Escaped: between words nothing may be taken for their end.
            let body = format!("={}", utf8_percent_encode(user, NON_ALPHANUMERIC));
            let head = ResponseHead { status: 200, fields: Fields::new() };
            let mut is_done = true;
            for url in urls {
                is_done &= store::write(&cache, &url, &body, &head).await;
            }
            is_done
        }
    };
    if is_done {
        forget_closed(&cache).await;
        effect::want(&["done"]);
        effect::came().await;
    }
}

/// Tells a page what a media element of its got.
pub(crate) async fn report(client: &str, request: &str, answer: &Fields) {
    let [status, range, age] =
        ["cache-status", "content-range", "age"].map(|name| answer.get(name).unwrap_or_default());
    effect::want(&["tell", client, request, status, range, age]);
    effect::came().await;
}

/// Clients come and go; what is known of those that went is of no more use.
async fn forget_closed(cache: &str) {
    effect::want(&["scan", cache, ""]);
    let entries = effect::came().await;
    let ids = entries.split('\n').step_by(2).filter_map(|url| url.strip_prefix(CLIENT)).filter(|id| *id != LAST);
    effect::want(&std::iter::once("gone").chain(ids).collect::<Vec<_>>());
    drop(entries);
    let gone = effect::came().await;
    let gone: Vec<String> = gone.split('\n').filter(|id| !id.is_empty()).map(|id| format!("{CLIENT}{id}")).collect();
    if !gone.is_empty() {
        store::delete(cache, &gone).await;
    }
}

fn state() -> String {
    format!("{}identity", engine().namespace(None).cache_prefix())
}

fn url(client: &str) -> String {
    format!("{CLIENT}{}", escape(client))
}
