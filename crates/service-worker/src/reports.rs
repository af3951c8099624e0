//! What became of mutations that had to wait: for pages that are open, and for those that come later.

use tiercel_core::field::cache_groups;
use tiercel_core::head::ResponseHead;
use tiercel_core::queue::Waiting;
use tiercel_core::text;

use crate::{effect, engine, identity, mutation, queue, store};

/// A mutation that was sent after all.
const REPLAYED: &str = "tiercel:replayed";
/// A mutation that was given up.
pub(crate) const FAILED: &str = "tiercel:replay-failed";

/// Where reports live as URLs, and what an SDK must still hear.
const REPORT: &str = "https://tiercel.invalid/report/";
const OWED: &str = "https://tiercel.invalid/owed/";
/// So many are kept for an SDK; an app without one does not gather them for ever.
const MOST_OWED: u64 = 64;

/// Tells apart whose tab it is: the name of the user's database.
pub(crate) fn scope(user: Option<&str>) -> String {
    engine().namespace(user).database()
}

/// Tells `user`'s pages what became of a mutation, or keeps it for the next one.
pub(crate) async fn tell(user: &str, kind: &str, waiting: &Waiting, status: u16) {
    let pages = identity::pages_of(user).await;
    let (cache, status) = (queue::cache(user), text![status]);
    let place = text![REPORT, waiting.number];
    let mut words = vec!["report", &cache, &place, kind, &waiting.method, &waiting.url, &status];
    words.extend(pages.iter().map(String::as_str));
    effect::want(&words);
    effect::came().await;
}

/// A mutation of `user`'s was sent after all, and answered.
pub(crate) async fn done(user: &str, waiting: &Waiting, answer: &ResponseHead) {
    let Waiting { method, url, .. } = waiting;
    let names = cache_groups::invalidated(method, answer.status, &answer.fields).join("\n");
    // Kept for an SDK that is opened later: it may have stored what is no longer true.
    let place = text![OWED, waiting.number % MOST_OWED];
    mutation::broadcast(&["purge", &scope(Some(user)), &names, method, url, &queue::cache(user), &place]).await;
    if !names.is_empty() {
        store::purge(names).await;
    }
    tell(user, REPLAYED, waiting, answer.status).await;
}

/// Tells a page of `user`'s what became of mutations while no page was open.
pub(crate) async fn deliver(client: &str, user: &str) {
    effect::want(&["deliver", &queue::cache(user), REPORT, "", client]);
    effect::came().await;
}

/// An SDK was opened: it hears what was made untrue while none was.
pub(crate) async fn opened(client: String, of: String) {
    // Another user's, or of a page that has not said yet whose it is: the next one hears it.
    if let Some(user) = identity::of(&client).await.filter(|user| scope(Some(user)) == of) {
        // Two tabs that are opened at once do not both have it said.
        queue::hold("tiercel:owed").await;
        effect::want(&["deliver", &queue::cache(&user), OWED, &mutation::channel(), ""]);
        effect::came().await;
    }
}
