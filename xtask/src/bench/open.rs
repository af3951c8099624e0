//! A client that asks at planned moments, whether or not the answers before have come (an open loop).
//!
//! A latency counts from the planned moment: a server that stalls answers for everybody who would have come meanwhile.
//! Each user has a connection, and on it one request after the other; what waits there waits at the server's expense.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use mio::{Events, Poll, Token};

use super::load::{Connection, PATIENCE};

/// `epoll` counts whole milliseconds. What is less than that away is waited for awake, or it would be sent too late.
const AWAKE: Duration = Duration::from_millis(1);

/// Users with something to ask.
pub(crate) trait Users {
    /// Writes the next request of a user, whole, into an empty buffer.
    fn write(&mut self, user: usize, out: &mut Vec<u8>);
    /// Reads the head of the answer to it.
    fn read(&mut self, user: usize, head: &httparse::Response<'_, '_>);
}

/// One request, from beginning to end.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    /// When it was to be sent.
    pub(crate) planned: Instant,
    /// When its answer had come.
    pub(crate) answered: Instant,
    pub(crate) status: u16,
}

impl Asked {
    /// How long its user waited, in milliseconds.
    pub(crate) fn millis(&self) -> f64 {
        (self.answered - self.planned).as_secs_f64() * 1000.0
    }
}

struct Line {
    connection: Connection,
    /// When those were planned that have no answer yet. The first has been sent.
    waiting: VecDeque<Instant>,
}

impl Line {
    fn ask(&mut self, user: usize, users: &mut impl Users) -> Result<()> {
        self.connection.ask(&mut |out| users.write(user, out))
    }
}

/// Has `count` users ask `address` in turns, a request `every` so long, for `time`. Returns once all have their answers.
///
/// # Errors
/// When a connection breaks, an answer is no HTTP, or none comes for a long time.
pub(crate) fn run(
    address: SocketAddr,
    users: &mut impl Users,
    count: usize,
    every: Duration,
    time: Duration,
) -> Result<Vec<Asked>> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(count);
    let mut lines = Vec::with_capacity(count);
    for user in 0..count {
        lines.push(Line { connection: Connection::open(address, &poll, Token(user))?, waiting: VecDeque::new() });
    }
    let started = Instant::now();
    let (mut due, mut planned, mut under_way) = (started, 0, 0);
    let mut asked = Vec::new();
    let mut heard = started;
    loop {
        while due < started + time && due <= Instant::now() {
            let user = planned % count;
            lines[user].waiting.push_back(due);
            if lines[user].waiting.len() == 1 {
                lines[user].ask(user, users)?;
            }
            planned += 1;
            under_way += 1;
            due += every;
        }
        let is_over = due >= started + time;
        if is_over && under_way == 0 {
            return Ok(asked);
        }
        let left = if is_over { PATIENCE } else { due.saturating_duration_since(Instant::now()) };
        poll.poll(&mut events, Some(left.saturating_sub(AWAKE)))?;
        for event in &events {
            let user = event.token().0;
            let Some(status) = lines[user].connection.read(&mut |head| users.read(user, head))? else { continue };
            heard = Instant::now();
            under_way -= 1;
            if let Some(planned) = lines[user].waiting.pop_front() {
                asked.push(Asked { planned, answered: heard, status });
            }
            if !lines[user].waiting.is_empty() {
                lines[user].ask(user, users)?;
            }
        }
        ensure!(under_way == 0 || heard.elapsed() < PATIENCE, "{address} has not answered for {PATIENCE:?}");
    }
}
