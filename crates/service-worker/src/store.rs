//! The store: Cache Storage, one cache for each user and class. A store that fails is a miss or a write that did
//! not happen; never an error for the page.

use tiercel_core::exchange::{Found, PutPlan};
use tiercel_core::head::ResponseHead;
use tiercel_core::invalidation::{Epoch, Purge};
use tiercel_core::key::{CacheKey, escape};
use tiercel_core::meta::{EntryMeta, META};

use crate::kernel::now;
use crate::{drive, effect, engine};

/// What is stored for `user` under `key`.
pub(crate) async fn get(user: Option<&str>, class: &str, key: &CacheKey) -> Found {
    effect::want(&["match", &name(user, class), &url(key)]);
    let found = effect::came().await;
    effect::head(&found).map_or(Found::Nothing, |head| Found::read(head, None))
}

/// Stores `body` as `plan` says.
pub(crate) async fn put(user: Option<&str>, plan: &PutPlan, body: &str) {
    let cache = name(user, &plan.class);
    if let Some((key, head)) = &plan.marker {
        write(&cache, &url(key), "-", head).await;
    }
    write(&cache, &url(&plan.key), body, &plan.head).await;
}

/// Writes an entry, and tells whether that worked.
pub(crate) async fn write(cache: &str, url: &str, body: &str, head: &ResponseHead) -> bool {
    effect::want(&["put", cache, url, body, &head.status.to_string(), &head.fields.to_text()]);
    effect::came().await.is_empty()
}

/// Removes the entries from every user's caches: what the origin no longer has, nobody has.
pub(crate) async fn remove(keys: &[CacheKey]) {
    let urls: Vec<String> = keys.iter().map(url).collect();
    for cache in all().await {
        delete(&cache, &urls).await;
    }
}

/// Deletes entries of one cache, and tells whether that worked.
pub(crate) async fn delete(cache: &str, urls: &[String]) -> bool {
    effect::want(&["delete", cache, &urls.join("\0")]);
    effect::came().await.is_empty()
}

/// Removes every entry that one of `names` purges, a line each.
pub(crate) async fn purge(names: String) {
    let names: Vec<&str> = names.split('\n').collect();
    let epoch = Epoch { at: now(), purge: Purge::Hard };
    // At once, before the first wait: what is under way looks here before it is stored.
    drive::purge(|epochs| names.iter().for_each(|name| epochs.record(name, epoch)));
    let mut is_done = true;
    for cache in all().await {
        effect::want(&["scan", &cache, META]);
        let entries = effect::came().await;
        let mut lines = entries.split('\n');
        let mut hit = Vec::new();
        while let (Some(url), Some(meta)) = (lines.next(), lines.next()) {
            let meta = EntryMeta::decode(meta);
            // What cannot be read cannot be told apart, and goes too.
            if meta.is_none_or(|meta| meta.groups().iter().any(|group| names.contains(&group.as_str()))) {
                hit.push(url.to_owned());
            }
        }
        if !hit.is_empty() {
            is_done &= delete(&cache, &hit).await;
        }
    }
    if is_done {
        effect::want(&["done"]);
        effect::came().await;
    }
}

async fn all() -> Vec<String> {
    effect::want(&["caches"]);
    let names = effect::came().await;
    let policy = engine().policy();
    let (prefix, suffix) = (format!("{}_", escape(&policy.name)), format!("_v{}", policy.version));
    names.split('\n').filter(|name| name.starts_with(&prefix) && name.ends_with(&suffix)).map(str::to_owned).collect()
}

fn name(user: Option<&str>, class: &str) -> String {
    engine().namespace(user).cache(class, engine().policy().version)
}

fn url(key: &CacheKey) -> String {
    key.url(&engine().policy().name)
}
