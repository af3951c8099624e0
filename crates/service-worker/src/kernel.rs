//! The way in and out: a task is begun with a text, says what it wants of the browser, and goes on with what came of it.
//!
//! `js/core.js` writes a text to [`room`], calls [`step`] and reads what to do from [`wanted`]. A task never runs while
//! another does, and nothing here waits: each step returns at once.

#![expect(unsafe_code, reason = "the exports of a module without bindings, which only js/core.js calls")]

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tiercel_core::head::RequestHead;
use tiercel_core::time::Timestamp;

use crate::drive::Asked;
use crate::{drive, effect, identity, ledger, mutation, queue, reports, store};

type Task = Pin<Box<dyn Future<Output = ()>>>;

thread_local! {
    /// The tasks that wait, by the number that JavaScript gave them.
    static WAITING: RefCell<Vec<(u32, Task)>> = const { RefCell::new(Vec::new()) };
    /// What JavaScript writes.
    static ROOM: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    /// What JavaScript reads.
    static WANTED: RefCell<String> = const { RefCell::new(String::new()) };
    static NOW: Cell<Timestamp> = const { Cell::new(Timestamp::from_millis(0)) };
}

/// The moment of this step.
pub(crate) fn now() -> Timestamp {
    NOW.get()
}

/// Where to write a text of up to `length` bytes, until the next call of anything here.
#[unsafe(no_mangle)]
extern "C" fn room(length: usize) -> *mut u8 {
    ROOM.with_borrow_mut(|room| {
        room.resize(length, 0);
        room.as_mut_ptr()
    })
}

/// Where to read what the last [`step`] wants.
#[unsafe(no_mangle)]
extern "C" fn wanted() -> *const u8 {
    WANTED.with_borrow(|wanted| wanted.as_ptr())
}

/// Begins or goes on with a task, with `length` bytes of UTF-8 in the [`room`], at `now` in milliseconds since the Unix
/// epoch. Returns the length of what it wants in bytes; zero when it has ended.
#[unsafe(no_mangle)]
extern "C" fn step(number: u32, length: usize, now: f64) -> usize {
    NOW.set(Timestamp::from_millis(now as u64));
    let mut bytes = ROOM.take();
    bytes.truncate(length);
    bytes.shrink_to_fit();
    // JavaScript encodes; what is no UTF-8 is nothing.
    let text = String::from_utf8(bytes).unwrap_or_default();
    let waiting = WAITING.with_borrow_mut(|tasks| {
        let at = tasks.iter().position(|(waiting, _)| *waiting == number)?;
        Some(tasks.swap_remove(at).1)
    });
    let mut task = match waiting {
        Some(task) => {
            effect::answered(text);
            task
        }
        None => begin(&text),
    };
    let wants = match task.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(()) => String::new(),
        Poll::Pending => {
            WAITING.with_borrow_mut(|tasks| tasks.push((number, task)));
            effect::wanted()
        }
    };
    let length = wants.len();
    WANTED.set(wants);
    length
}

/// What the page or the browser asks for: words, the last of which may hold anything.
fn begin(text: &str) -> Task {
    let mut words = text.splitn(3, effect::SEPARATOR);
    let mut word = || words.next().unwrap_or_default();
    match (word(), word(), word()) {
        ("counters", client, _) => Box::pin(ledger::counters(client.to_owned())),
        ("save", ..) => Box::pin(ledger::save()),
        ("identify", client, user) => Box::pin(identified(client.to_owned(), user.to_owned())),
        ("purge", names, _) => Box::pin(store::purge(names.to_owned())),
        ("answered", client, answer) => Box::pin(mutation::answered(client.to_owned(), answer.to_owned())),
        ("logout", client, user) => Box::pin(mutation::log_out(client.to_owned(), user.to_owned())),
        ("write", client, request) => Box::pin(queue::write(client.to_owned(), request.to_owned())),
        ("replay", client, _) => Box::pin(queue::replay(client.to_owned())),
        ("opened", client, scope) => Box::pin(reports::opened(client.to_owned(), scope.to_owned())),
        (word, client, request) => {
            let mut words = request.splitn(3, effect::SEPARATOR);
            let mut next = || words.next().unwrap_or_default();
            let (destination, mode, head) = (next(), next(), next());
            let (url, fields) = head.split_once('\n').unwrap_or_default();
            // Always: the core's feature `mutations` is left out.
            let head = RequestHead::new("GET", url, effect::fields(fields));
            let is_blind = mode == "no-cors" && !head.fields.has("range");
            let asked = Asked { head, is_blind, is_again: word == "again" };
            Box::pin(answered(client.to_owned(), destination.to_owned(), asked))
        }
    }
}

/// Answers, and then sees to what waits for a network.
async fn answered(client: String, destination: String, asked: Asked) {
    drive::answer(client, destination, asked).await;
    queue::look().await;
}

/// Knows whose page it is, tells it what it has missed, and sends what waits.
async fn identified(client: String, user: String) {
    identity::set(client.clone(), user.clone()).await;
    if !user.is_empty() {
        reports::deliver(&client, &user).await;
        queue::begin(&client).await;
    }
}
