//! The store: Cache Storage, one cache for each user and class. A store that fails is a miss or a write that did
//! not happen; never an error for the page.

use tiercel_core::exchange::{Found, PutPlan};
use tiercel_core::head::ResponseHead;
use tiercel_core::inventory::Kept;
use tiercel_core::key::{CacheKey, escape};
use tiercel_core::meta::{EntryMeta, META};
use tiercel_core::policy::Budget;
use tiercel_core::text;

use crate::kernel::now;
use crate::{drive, effect, engine, identity, ledger};

/// Least that is made room for where the quota is exceeded, in bytes: browsers count more than bodies.
const LEAST_ROOM: u64 = 64 << 10;
/// How often room is made for one write, for twice as much each time.
const TRIES: u8 = 6;

/// What is stored in `cache` under `key`.
pub(crate) async fn get(cache: &str, key: &CacheKey) -> Found {
    let url = url(key);
    effect::want(&["match", cache, &url]);
    let found = effect::came().await;
    let Some(head) = effect::head(&found) else { return Found::Nothing };
    ledger::touch(cache, &url);
    Found::read(head, None)
}

/// What a class shows at `path` when all else fails; `None` when that is gone too.
pub(crate) async fn fallback(path: &str) -> Option<ResponseHead> {
    effect::want(&["fallback", path]);
    effect::head(&effect::came().await)
}

/// Stores `body` as `plan` says, for `client` as long as that is `user`'s, within the budget of the class. Whether it is stored.
pub(crate) async fn put(user: Option<&str>, plan: &PutPlan, body: &str, client: &str) -> bool {
    let Some(place) = Place::of(user, &plan.class, client).await else { return false };
    let length = if body == "-" { Some(0) } else { plan.length() };
    if !place.budget.admits(length.unwrap_or(0)) {
        return false;
    }
    if let Some((key, head)) = &plan.marker {
        place.keep(&url(key), "-", head, Some(0), "").await;
    }
    // What has no length, or another one than was announced, is counted.
    let most = if plan.length().is_none() { plan.max_body.to_string() } else { String::new() };
    let is_stored = place.keep(&url(&plan.key), body, &plan.head, length, &most).await;
    ledger::evict(&place.cache, &place.budget, None).await;
    is_stored
}

/// The same for the head of a body in slices.
pub(crate) async fn put_head(
    user: Option<&str>,
    class: &str,
    key: &CacheKey,
    head: &ResponseHead,
    client: &str,
) -> bool {
    match Place::of(user, class, client).await {
        Some(place) => place.keep(&url(key), "-", head, Some(0), "").await,
        None => false,
    }
}

/// Where a client's answers are stored, as long as it is its user's.
struct Place<'a> {
    cache: String,
    budget: Budget,
    user: Option<&'a str>,
    client: &'a str,
}

impl<'a> Place<'a> {
    /// `None`: whoever asked has logged out, or is another by now.
    async fn of(user: Option<&'a str>, class: &str, client: &'a str) -> Option<Self> {
        if identity::of(client).await.as_deref() != user {
            return None;
        }
        let device = engine().policy().class(class).and_then(|class| class.device.as_ref());
        let budget = device.map(|device| device.budget).unwrap_or_default();
        Some(Place { cache: name(user, class), budget, user, client })
    }

    /// Whether an answer may still be stored: it was not purged, and who asked is still who it was.
    fn is_open(&self, meta: &EntryMeta) -> bool {
        identity::is(self.client, self.user) && !drive::is_purged(meta)
    }

    /// Stores an entry, whose body has `length` bytes where that is known. Where the browser's quota is exceeded, what was not used
    /// for longest in this cache makes room, and nothing in others. Where it has no length, it has `most` bytes, if that is not
    /// empty. Whether it is stored.
    async fn keep(&self, url: &str, body: &str, head: &ResponseHead, length: Option<u64>, most: &str) -> bool {
        let Some(meta) = EntryMeta::of(&head.fields) else { return false };
        if !ledger::is_ready(&self.cache, url, &meta).await {
            return false;
        }
        let (status, fields) = (text![head.status], head.fields.to_text());
        let mut body = body;
        let mut room = length.unwrap_or(0).max(LEAST_ROOM);
        let mut tries = 0;
        loop {
            if !self.is_open(&meta) {
                return false;
            }
            effect::want(&["put", &self.cache, url, body, &status, &fields, most]);
            match effect::came().await.as_str() {
                "" => break,
                "quota" if tries < TRIES && ledger::evict(&self.cache, &self.budget, Some(room)).await => {
                    tries += 1;
                    room *= 2;
                    // What was tried has been read.
                    body = if body == "-" { body } else { "again" };
                }
                _ => return false,
            }
        }
        let bytes = match length {
            Some(length) => length,
            None => {
                effect::want(&["weigh", &self.cache, META, url]);
                let weighed = effect::came().await;
                weighed.split('\n').next().and_then(|bytes| bytes.parse().ok()).unwrap_or(0)
            }
        };
        ledger::keep(&self.cache, Kept::new(url.to_owned(), bytes, now(), &meta));
        let is_open = self.is_open(&meta);
        if !is_open {
            // It has come to be otherwise while this was written.
            remove_from(&self.cache, &[url.to_owned()]).await;
        }
        is_open
    }
}

/// Writes an entry, and tells whether that worked.
pub(crate) async fn write(cache: &str, url: &str, body: &str, head: &ResponseHead) -> bool {
    effect::want(&["put", cache, url, body, &text![head.status], &head.fields.to_text(), ""]);
    effect::came().await.is_empty()
}

/// Removes the entries from every user's caches: what the origin no longer has, nobody has.
pub(crate) async fn remove(keys: &[CacheKey]) {
    let urls: Vec<String> = keys.iter().map(url).collect();
    for cache in all().await {
        remove_from(&cache, &urls).await;
    }
}

/// Removes from every user's cache of `class` what stands under keys that begin with `prefix`, but not with `spare`.
pub(crate) async fn sweep(class: &str, prefix: &CacheKey, spare: Option<&CacheKey>) {
    let (prefix, spare) = (url(prefix), spare.map(url));
    let of_nobody = name(None, class);
    let suffix = text::from(&of_nobody, engine().namespace(None).cache_prefix().len());
    for cache in all().await.iter().filter(|cache| cache.ends_with(suffix)) {
        let is_old =
            |url: &str| url.starts_with(&*prefix) && spare.as_ref().is_none_or(|spare| !url.starts_with(&**spare));
        let entries = effect::ask(&["list", cache, ""]).await;
        let urls = entries.split(effect::SEPARATOR).next().unwrap_or_default();
        let old: Vec<String> = urls.split('\n').filter(|url| is_old(url)).map(str::to_owned).collect();
        drop(entries);
        if !old.is_empty() {
            remove_from(cache, &old).await;
        }
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
    // At once, before the first wait: what is under way looks here before it is stored.
    drive::purge(&names);
    let mut is_done = true;
    for cache in all().await {
        is_done &= match ledger::carrying(&cache, &names).await {
            Some(hit) => hit.is_empty() || remove_from(&cache, &hit).await,
            None => false,
        };
    }
    if is_done {
        effect::want(&["done"]);
        effect::came().await;
    }
    ledger::rest().await;
}

/// Deletes entries that are remembered, and tells whether that worked.
async fn remove_from(cache: &str, urls: &[String]) -> bool {
    let is_done = delete(cache, urls).await;
    if is_done {
        ledger::forget(cache, urls);
    }
    is_done
}

async fn all() -> Vec<String> {
    effect::want(&["caches"]);
    let names = effect::came().await;
    let policy = engine().policy();
    let (prefix, suffix) = (text![escape(&policy.name), "_"], text!["_v", policy.version]);
    names.split('\n').filter(|name| name.starts_with(&prefix) && name.ends_with(&suffix)).map(str::to_owned).collect()
}

/// The cache of a class.
pub(crate) fn name(user: Option<&str>, class: &str) -> String {
    engine().namespace(user).cache(class, engine().policy().version)
}

pub(crate) fn url(key: &CacheKey) -> String {
    key.url(&engine().policy().name)
}
