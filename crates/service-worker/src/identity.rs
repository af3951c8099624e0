//! Whose page is asking. The SDK tells; the worker remembers across its own restarts, in a cache of nobody's.

use std::cell::RefCell;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use tiercel_core::field::Fields;
use tiercel_core::head::ResponseHead;
use tiercel_core::key::{LAST_CLIENT as LAST, client_url as url};

use crate::{effect, engine, ledger, store};

/// What was said of a client.
#[derive(Clone)]
enum Said {
    /// Nothing, here or in the store.
    Nothing,
    Nobody,
    User(String),
}

thread_local! {
    /// What is known of each client (a tab or window), by its id.
    static KNOWN: RefCell<Vec<(String, Said)>> = const { RefCell::new(Vec::new()) };
}

/// What the store remembers of a page that is nobody's, or whose user has logged out. No user's id is written like that.
const NOBODY: &str = "-";

/// The user of a client; `None` is nobody. A page asks for its first pictures before it can say whose it is (and a
/// reload makes a new client of it): until then it counts as the user's who was named last.
pub(crate) async fn of(client: &str) -> Option<String> {
    learn(client).await;
    let said = match known(client) {
        Some(Said::Nothing) | None => known(LAST),
        said => said,
    };
    match said {
        Some(Said::User(user)) => Some(user),
        _ => None,
    }
}

/// The user who was named last.
pub(crate) async fn last() -> Option<String> {
    of(LAST).await
}

/// Whether anybody is known to be `user`, as far as is known without asking the store.
pub(crate) fn is_here(user: &str) -> bool {
    KNOWN.with_borrow(|known| known.iter().any(|(_, said)| matches!(said, Said::User(id) if id == user)))
}

/// The open pages that have said that they are `user`'s.
pub(crate) async fn pages_of(user: &str) -> Vec<String> {
    effect::want(&["pages"]);
    let open = effect::came().await;
    let mut pages = Vec::new();
    for client in open.split('\n').filter(|client| !client.is_empty()) {
        learn(client).await;
        if matches!(known(client), Some(Said::User(id)) if id == user) {
            pages.push(client.to_owned());
        }
    }
    pages
}

/// Has the store say whose `client` is, unless that is known.
async fn learn(client: &str) {
    if known(client).is_none() || known(LAST).is_none() {
        effect::want(&["read", &state(), &url(client), &url(LAST)]);
        let texts = effect::came().await;
        // A store that fails says nothing, and is asked again.
        if let Some((of_client, of_last)) = texts.split_once('\n') {
            for (slot, text) in [(client, of_client), (LAST, of_last)] {
                // Unless the page has said meanwhile whose it is.
                if known(slot).is_none() {
                    note(slot, remembered(text));
                }
            }
        }
    }
}

/// Whether a client that was asked for with [`of`] is `user`'s by now.
pub(crate) fn is(client: &str, user: Option<&str>) -> bool {
    match known(client) {
        Some(Said::Nothing) | None => known(LAST),
        said => said,
    }
    .is_some_and(|said| match said {
        Said::User(id) => user == Some(&id),
        Said::Nobody | Said::Nothing => user.is_none(),
    })
}

fn known(client: &str) -> Option<Said> {
    KNOWN.with_borrow(|known| known.iter().find(|(id, _)| id == client).map(|(_, said)| said.clone()))
}

fn note(client: &str, said: Said) {
    KNOWN.with_borrow_mut(|known| {
        known.retain(|(id, _)| id != client);
        known.push((client.to_owned(), said));
    });
}

/// What the store remembers. What is no text was not written here.
fn remembered(text: &str) -> Said {
    if text == NOBODY {
        return Said::Nobody;
    }
    match String::from_utf8(percent_decode_str(text).collect()) {
        Ok(user) if !user.is_empty() => Said::User(user),
        _ => Said::Nothing,
    }
}

/// Has the store remember that `client` is `user`'s, or nobody's where that is empty: what it has no word of counts as the
/// user's who was named last. Whether it does.
async fn remember(cache: &str, client: &str, user: &str) -> bool {
    let text = if user.is_empty() { NOBODY.to_owned() } else { written(user) };
    let head = ResponseHead { status: 200, fields: Fields::new() };
    store::write(cache, &url(client), &["=", &text].concat(), &head).await
}

/// A user as the store has it. Escaped: between words nothing may be taken for their end.
fn written(user: &str) -> String {
    utf8_percent_encode(user, NON_ALPHANUMERIC).collect()
}

/// Notes that `client` is `user`'s from now on; nobody's where that is empty.
pub(crate) async fn set(client: String, user: String) {
    let said = if user.is_empty() { Said::Nobody } else { Said::User(user.clone()) };
    // At once, before the first wait: what is under way looks here before it stores.
    for slot in [&client, LAST] {
        note(slot, said.clone());
    }
    let cache = state();
    let is_done = remember(&cache, &client, &user).await & remember(&cache, LAST, &user).await;
    if is_done {
        forget_closed(&cache).await;
        ledger::doubt();
        effect::want(&["done"]);
        effect::came().await;
    }
}

/// Notes that `user` has logged out on `client`: from now on all pages of that user are nobody's.
pub(crate) async fn leave(client: &str, user: &str) {
    note(client, Said::Nobody);
    forget(user);
    let cache = state();
    effect::want(&["replace", &cache, &written(user), NOBODY]);
    effect::came().await;
    // A page that never said whose it is has no text to be replaced, and would count as the next user's.
    if is(client, None) {
        remember(&cache, client, "").await;
    }
    // Again: a page that asked meanwhile was still looked up in the store.
    forget(user);
}

/// Whoever was `user` is nobody.
fn forget(user: &str) {
    KNOWN.with_borrow_mut(|known| {
        for (_, said) in known.iter_mut().filter(|(_, said)| matches!(said, Said::User(id) if id == user)) {
            *said = Said::Nobody;
        }
    });
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
    effect::want(&["list", cache, ""]);
    let entries = effect::came().await;
    let clients = url("");
    let ids = entries.split(['\n', effect::SEPARATOR]).filter_map(|url| url.strip_prefix(&*clients));
    let ids = ids.filter(|id| *id != LAST);
    effect::want(&std::iter::once("gone").chain(ids).collect::<Vec<_>>());
    drop(entries);
    let gone = effect::came().await;
    let gone: Vec<String> = gone.split('\n').filter(|id| !id.is_empty()).map(|id| [&clients, id].concat()).collect();
    if !gone.is_empty() {
        store::delete(cache, &gone).await;
    }
}

fn state() -> String {
    engine().namespace(None).identity()
}
