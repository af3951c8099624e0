//! What was changed: the names that an answer invalidates, and a user who leaves.

use tiercel_core::field::cache_groups;
use tiercel_core::head::ResponseHead;

use crate::{effect, engine, identity, reports, store};

/// A mutation of `client`'s was answered: its method, and the head of the answer.
pub(crate) async fn answered(client: String, answer: String) {
    let (method, head) = answer.split_once(effect::SEPARATOR).unwrap_or_default();
    if let Some(head) = effect::head(head) {
        let user = identity::of(&client).await;
        heard(user.as_deref(), method, &head).await;
    }
}

/// Does what the answer to `user`'s mutation says, here and in every tab.
pub(crate) async fn heard(user: Option<&str>, method: &str, answer: &ResponseHead) {
    let names = cache_groups::invalidated(method, answer.status, &answer.fields).join("\n");
    if !names.is_empty() {
        broadcast(&["purge", &reports::scope(user), &names]).await;
        store::purge(names).await;
    }
}

/// Tells every tab, over the channel that the SDKs use; those of another user do not listen. `said` is kind, scope and names;
/// where a mutation was sent again its method and URL, by which the SDKs find out what else it makes untrue; and cache and
/// place where that is kept.
pub(crate) async fn broadcast(said: &[&str]) {
    let channel = channel();
    let mut words = vec!["broadcast", &channel];
    words.extend(said);
    effect::want(&words);
    effect::came().await;
}

/// The channel of all tabs.
pub(crate) fn channel() -> String {
    ["tiercel:", &engine().policy().name].concat()
}

/// `user` logs out on `client`; where that is empty, whoever's page it is. Needs no network.
pub(crate) async fn log_out(client: String, user: String) {
    // An SDK that names the user has told the tabs itself. Told once more, the one of who signs in meanwhile would end.
    let is_told = !user.is_empty();
    let user = if user.is_empty() { identity::of(&client).await } else { Some(user) };
    if let Some(user) = user {
        // First: what is under way looks there before it stores.
        identity::leave(&client, &user).await;
        effect::want(&["wipe", &engine().namespace(Some(&user)).cache_prefix(), &user]);
        effect::came().await;
        if !is_told {
            broadcast(&["logout", &reports::scope(Some(&user))]).await;
        }
    }
    effect::want(&["done"]);
    effect::came().await;
}
