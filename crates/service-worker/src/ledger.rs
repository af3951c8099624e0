//! What each cache holds and what was asked of it, in this worker's memory. It is written down now and then, into an entry of
//! the cache itself, so that it goes when the cache is deleted; and read when something is to be written, purged or
//! counted, never on the way of a hit.
//!
//! A worker may be killed at any time. What it had not written is found by comparing what was written with the cache.

use std::cell::{Cell, RefCell};

use tiercel_core::exchange::Delivery;
use tiercel_core::inventory::{Counters, Inventory, Kept};
use tiercel_core::meta::{EntryMeta, META};
use tiercel_core::policy::{Budget, OPAQUE_LENGTH};
use tiercel_core::text;
use tiercel_core::time::Timestamp;

use crate::kernel::now;
use crate::{effect, engine, identity, store};

/// Where it is written. No key has this URL.
const INDEX: &str = "https://tiercel.invalid/index";
/// How long changes are collected before they are written, in milliseconds.
const BATCH: &str = "3000";
/// How often a cache is listed anew when it changes meanwhile.
const TRIES: u8 = 3;

#[derive(Default)]
struct Book {
    cache: String,
    inventory: Inventory,
    counters: Counters,
    /// What was used before the inventory was read.
    used: Vec<(String, Timestamp)>,
    /// Entries that may be replaced by ones with other tags at any moment: they are not written.
    unsure: Vec<String>,
    /// Whether the inventory was compared with the cache.
    is_read: bool,
    /// Whether what workers before this one wrote is in it.
    is_whole: bool,
    /// Whether it is written in the cache.
    is_written: bool,
    /// Whether it may be: a write of it has begun.
    is_begun: bool,
    /// Counts what makes a list of the cache untrue that was begun before.
    turn: u32,
    is_changed: bool,
}

thread_local! {
    static BOOKS: RefCell<Vec<Book>> = const { RefCell::new(Vec::new()) };
    /// Whether somebody will write what has changed.
    static WAITS: Cell<bool> = const { Cell::new(false) };
}

fn with<T>(cache: &str, act: impl FnOnce(&mut Book) -> T) -> T {
    BOOKS.with_borrow_mut(|books| {
        let at = books.iter().position(|book| book.cache == cache).unwrap_or_else(|| {
            books.push(Book { cache: cache.to_owned(), ..Book::default() });
            books.len() - 1
        });
        act(&mut books[at])
    })
}

/// Notes that an entry was used.
pub(crate) fn touch(cache: &str, url: &str) {
    with(cache, |book| {
        book.is_changed = true;
        if book.is_read {
            return book.inventory.touch(url, now());
        }
        book.used.retain(|(known, _)| known != url);
        book.used.push((url.to_owned(), now()));
    });
}

/// Counts an answer, of whose body `bytes` came from the store.
pub(crate) fn count(cache: &str, delivery: &Delivery, bytes: u64) {
    with(cache, |book| {
        book.is_changed = true;
        book.counters.count(delivery, bytes);
    });
}

/// Remembers an entry that was stored.
pub(crate) fn keep(cache: &str, kept: Kept) {
    with(cache, |book| {
        book.is_changed = true;
        // What is being listed may not hold it.
        book.turn += u32::from(!book.is_read);
        book.unsure.retain(|url| *url != kept.url);
        book.inventory.keep(kept);
    });
}

/// Forgets entries that were removed.
pub(crate) fn forget(cache: &str, urls: &[String]) {
    with(cache, |book| {
        book.is_changed = true;
        book.turn += u32::from(!book.is_read);
        urls.iter().for_each(|url| book.inventory.forget(url));
    });
}

/// Makes room: for `bytes` more, or else until the budget is kept. Whether anything has gone for it.
pub(crate) async fn evict(cache: &str, budget: &Budget, bytes: Option<u64>) -> bool {
    let gone = with(cache, |book| {
        let gone = match bytes {
            Some(bytes) => book.inventory.free(bytes),
            None => book.inventory.trim(budget),
        };
        book.counters.evictions += gone.len() as u64;
        book.is_changed |= !gone.is_empty();
        gone
    });
    if gone.is_empty() {
        return false;
    }
    let is_done = store::delete(cache, &gone).await;
    if !is_done {
        // What is still there must be found by a purge.
        with(cache, Book::doubt);
    }
    is_done
}

/// The entries that one of `names` purges; `None` where they cannot be known.
pub(crate) async fn carrying(cache: &str, names: &[&str]) -> Option<Vec<String>> {
    read(cache).await.then(|| with(cache, |book| book.inventory.carrying(names)))
}

/// Sees to it that an entry can be stored with `meta` without making untrue what is written of it; whether that is so. The old
/// one is known until then: it may yet stay.
pub(crate) async fn is_ready(cache: &str, url: &str, meta: &EntryMeta) -> bool {
    if !read(cache).await {
        return false;
    }
    let misleads = with(cache, |book| {
        let misleads = (book.is_written || book.is_begun) && book.inventory.misleads(url, meta);
        if misleads && !book.unsure.iter().any(|unsure| unsure == url) {
            book.unsure.push(url.to_owned());
        }
        misleads
    });
    !misleads || write(cache).await
}

/// What was changed is written, by a task of its own, unless one is waiting to do so.
pub(crate) async fn rest() {
    if WAITS.get() || !BOOKS.with_borrow(|books| books.iter().any(|book| book.is_changed)) {
        return;
    }
    WAITS.set(true);
    effect::want(&["later", BATCH]);
    WAITS.set(effect::came().await.is_empty());
}

/// Writes everything that was changed.
pub(crate) async fn save() {
    WAITS.set(false);
    let changed = |books: &Vec<Book>| -> Vec<String> {
        books.iter().filter(|book| book.is_changed).map(|book| book.cache.clone()).collect()
    };
    for cache in BOOKS.with_borrow(changed) {
        // A cache that is another one by now is looked at, and written then.
        if !write(&cache).await {
            write(&cache).await;
        }
    }
}

/// Somebody may have deleted caches, as a logout does: what is known is compared with them before it is used or written.
pub(crate) fn doubt() {
    BOOKS.with_borrow_mut(|books| books.iter_mut().for_each(Book::doubt));
}

/// Tells a page what was asked of its user's caches: each user's own, so that nobody learns what another has looked at.
pub(crate) async fn counters(client: String) {
    let user = identity::of(&client).await;
    let mut said = String::new();
    for class in engine().policy().classes.iter().filter(|class| class.device.is_some()) {
        let cache = store::name(user.as_deref(), &class.name);
        read(&cache).await;
        let (counters, entries, bytes) =
            with(&cache, |book| (book.counters, book.inventory.len() as u64, book.inventory.bytes()));
        said.push_str(&class.name);
        let Counters { hits, misses, stale, bytes: served, evictions } = counters;
        for number in [hits, misses, stale, served, evictions, entries, bytes] {
            said.push(' ');
            said.push_str(&text![number]);
        }
        said.push('\n');
    }
    effect::want(&["counted", &said]);
    effect::came().await;
}

/// Writes what is known of a cache; whether that worked. Never makes a cache: one that is gone was deleted.
async fn write(cache: &str) -> bool {
    if !read(cache).await {
        return false;
    }
    let (text, witness) = with(cache, |book| {
        (book.is_changed, book.is_begun) = (false, true);
        let entry = book.inventory.any().filter(|_| !book.is_written);
        let witness = entry.map_or(INDEX, |kept| &kept.url).to_owned();
        (book.written(), witness)
    });
    effect::want(&["note", cache, INDEX, &text, &witness]);
    drop(text);
    match effect::came().await.as_str() {
        "" => {
            with(cache, |book| book.is_written = true);
            return true;
        }
        "gone" => BOOKS.with_borrow_mut(|books| books.retain(|book| book.cache != cache)),
        came => with(cache, |book| {
            book.is_changed = true;
            if came == "changed" {
                book.doubt();
            }
        }),
    }
    false
}

/// Reads what is written of a cache, if this has not been done, and compares what is known with the cache; whether it is
/// known now.
async fn read(cache: &str) -> bool {
    for _ in 0..TRIES {
        let (is_read, turn) = with(cache, |book| (book.is_read, book.turn));
        if is_read {
            return true;
        }
        effect::want(&["list", cache, INDEX]);
        let found = effect::came().await;
        let Some((urls, text)) = found.split_once(effect::SEPARATOR) else { return false };
        // What cannot be read is made anew from the entries.
        let (mut inventory, mut counters) = Inventory::read(text).unwrap_or_default();
        with(cache, |book| {
            if book.is_written && text.is_empty() {
                // The cache was deleted, and is another one.
                *book = Book { cache: cache.to_owned(), turn: book.turn, is_read: book.is_read, ..Book::default() };
            }
            if book.is_whole {
                inventory = book.inventory.clone();
                counters = Counters::default();
            }
        });
        let urls = urls.split('\n').filter(|url| !url.is_empty() && *url != INDEX);
        let unknown = inventory.reconcile(urls);
        let mut broken = Vec::new();
        if !unknown.is_empty() {
            effect::want(&["weigh", cache, META, &unknown.join("\0")]);
            let weighed = effect::came().await;
            let mut lines = weighed.split('\n');
            for url in unknown {
                let (Some(bytes), Some(meta)) = (lines.next(), lines.next()) else { return false };
                match (bytes, EntryMeta::decode(meta)) {
                    // It has gone meanwhile.
                    ("", _) => {}
                    (_, Some(meta)) => {
                        // What has no number is `opaque`.
                        let bytes = bytes.parse().unwrap_or(OPAQUE_LENGTH);
                        inventory.keep(Kept::new(url.to_owned(), bytes, meta.received, &meta));
                    }
                    // It is of another release or of nobody's, and answers nothing.
                    (_, None) => broken.push(url.to_owned()),
                }
            }
        }
        let is_done = with(cache, |book| {
            if book.turn != turn || book.is_read {
                return book.is_read;
            }
            for (url, at) in std::mem::take(&mut book.used) {
                inventory.touch(&url, at);
            }
            book.inventory = inventory;
            book.counters.add(counters);
            (book.is_read, book.is_whole) = (true, true);
            book.is_written |= !text.is_empty();
            true
        });
        if is_done {
            if !broken.is_empty() {
                store::delete(cache, &broken).await;
            }
            return true;
        }
    }
    false
}

impl Book {
    /// What is known, as it is written.
    fn written(&mut self) -> String {
        if self.unsure.is_empty() {
            return self.inventory.write(&self.counters);
        }
        let mut sure = self.inventory.clone();
        self.unsure.iter().for_each(|url| sure.forget(url));
        sure.write(&self.counters)
    }

    /// What is known is compared with the cache again.
    fn doubt(&mut self) {
        self.is_read = false;
        self.turn += 1;
    }
}
