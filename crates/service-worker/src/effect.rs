//! What can be asked of the browser: words, a verb in front. `js/effects.js` has a function for each verb and says what came
//! of it.
//!
//! ```text
//! match    CACHE URL                        the stored head, or nothing; the tier keeps the response as `stored`
//! read     CACHE URL…                       the stored texts, a line each
//! put      CACHE URL BODY STATUS FIELDS MOST    nothing, or why not: `quota`; the body is kept as `again`. `MOST`: a stream
//!          fails when it has more bytes
//! delete   CACHE URL…                       nothing, or why not
//! caches                                    the names of all caches, a line each
//! list     CACHE URL                        the URLs of all entries, a line each; SEPARATOR; the stored text of that one
//! weigh    CACHE FIELD URL…                 length of the body (or `opaque`) and that field of each, a line each
//! note     CACHE URL TEXT WITNESS           nothing, or why not: `gone` is the cache, `changed` where it has no WITNESS
//! later    MILLIS                           nothing, or why not: after that time the task `save` is begun
//! fetch    METHOD URL MILLIS CACHE REDIRECT AHEAD PATIENCE FIELDS    the head, or why there is none; kept as `fetched`.
//!          With `AHEAD` what the browser has asked for already will do. After `PATIENCE` milliseconds `late`: then
//! wait                                      the same, when it comes
//! fallback PATH                             as `match`, of what was fetched when the worker was installed
//! respond  BODY COPY STATUS FIELDS PART…    the length of what came from the store, if known; `COPY` is kept as `copy`
//! again                                     nothing: the task was begun anew, with `again` in front, and has ended
//! tell     CLIENT URL STATUS RANGE AGE      nothing: the page is told what a media element got
//! gone     CLIENT…                          those that are closed, a line each
//! done                                      nothing: whoever sent the message is told
//! counted  TEXT                             the same, with counters: a line for each class, its name and numbers
//! wipe     PREFIX USER                      nothing: every cache whose name begins with it is deleted, and none is opened until a
//!          page says that it is that user's
//! broadcast CHANNEL TYPE SCOPE NAMES METHOD URL CACHE PLACE   nothing: every tab is told; names a line each
//! pages                                     the ids of the open pages, a line each
//! report   CACHE PLACE TYPE METHOD URL STATUS CLIENT…   nothing: the pages are told, or it is kept where there is none
//! deliver  CACHE PREFIX CHANNEL CLIENT      nothing: what is kept is told, and kept no more
//! replace  CACHE TEXT TEXT                  nothing: every entry that is the one text becomes the other
//! hold     NAME                             nothing: this task alone has the lock, until it ends
//! send                                      the head, or why there is none: the page's own mutation; kept as `fetched`
//! keep     BYTES                            a random id, or nothing where the mutation's body is longer; kept as `kept`
//! values   CACHE FIELD                      that field of every entry that has it, a line each
//! repeat   CACHE URL METHOD TARGET FIELDS CREDENTIAL  the head, or why there is none: sends what is stored; kept as `kept`
//! credential USER CLIENT…                   something, where one of the pages has a credential; the tier keeps it
//! sync                                      nothing: the browser says when there is a network again, where it can
//! replay   CLIENT                           nothing: a task of its own
//! remains                                   nothing: the browser is asked to come again
//! ```
//!
//! For bodies in slices (`js/slices.js`):
//!
//! ```text
//! lead     CACHE URL MILLIS       nothing: whoever wants the same waits for this task from now on, until it puts it, ends, or
//!                                 says `land`; or it has waited itself for the one that was first
//! land                            nothing: nobody waits for this task any more
//! slices   CACHE URL…             for each, with NUL between: nothing, or its length and its head; kept as `slices`
//! have     MILLIS CACHE URL       the same of one; where there is nothing, `lead` and a second look come first
//! drop                            nothing: nobody wants the body of `fetched`
//! ready                           nothing when the stream's reader wants more, or `gone`
//! write    TEXT                   nothing: it goes into the stream
//! pass     FROM TO                nothing, or `gone`: these bytes of the first of `slices` have gone into the stream
//! take     LENGTH MILLIS FROM TO  nothing, or `broken` where the body of `fetched` has another length, or nothing came of it
//!                                 for so long; it is the first of `slices` then, and these bytes went into the stream
//! close                           nothing: the stream ends. One that is not closed breaks off with its task.
//! ```
//!
//! A head is its status and its fields, a line for each name and each value. Status 0 is what nobody may read: it goes as it
//! came, and its fields stand with the request that it is stored under. `BODY` is `stored`, `fetched`, `copy`, `again` (what could
//! not be put), `slice` (the first of `slices`), `parts` of what is stored, `slices`, `stream`, `-` for none, or `=` and the text.

use std::cell::RefCell;
use std::future::poll_fn;
use std::task::Poll;

use tiercel_core::field::Fields;
use tiercel_core::head::ResponseHead;

/// Stands between words. No URL, field or name holds it.
pub(crate) const SEPARATOR: char = '\0';

thread_local! {
    static WANTED: RefCell<String> = const { RefCell::new(String::new()) };
    static ANSWER: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Wants the browser to do something; [`came`] waits for what comes of it. They are two so that nothing of the words is
/// kept while the task waits.
pub(crate) fn want(words: &[&str]) {
    WANTED.set(words.join("\0"));
}

/// What came of what this task wanted last.
pub(crate) fn came() -> impl Future<Output = String> + use<> {
    let mut is_asked = false;
    poll_fn(move |_| {
        if is_asked {
            return Poll::Ready(ANSWER.take());
        }
        is_asked = true;
        Poll::Pending
    })
}

/// Both at once.
pub(crate) fn ask(words: &[&str]) -> impl Future<Output = String> + use<> {
    want(words);
    came()
}

/// What came of what the task that goes on now had wanted.
pub(crate) fn answered(text: String) {
    ANSWER.set(text);
}

/// What the task that has just stopped wants.
pub(crate) fn wanted() -> String {
    WANTED.take()
}

/// Reads fields, a line each for name and value.
pub(crate) fn fields(text: &str) -> Fields {
    Fields::from_text(text.to_owned())
}

/// Reads a head; `None` where there is none.
pub(crate) fn head(text: &str) -> Option<ResponseHead> {
    let (status, lines) = text.split_once('\n')?;
    Some(ResponseHead { status: status.parse().ok()?, fields: fields(lines) })
}
