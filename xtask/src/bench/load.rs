//! A client that keeps connections open and busy: each asks again as soon as it has its answer (a closed loop).
//!
//! One thread over `mio`: on two cores a client in JavaScript takes more time for an answer than a Worker that returns
//! a constant. This one is idle most of the time ([`Round::idle`]).

use std::{
    io::{ErrorKind, Read, Write},
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use mio::{Events, Interest, Poll, Token, net::TcpStream};

/// How long the other side may be silent before the run is given up.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// Most fields that an answer may have.
const MOST_FIELDS: usize = 64;

/// When a run ends.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    /// After so long.
    Time(Duration),
    /// After so many answers.
    Answers(usize),
}

/// When a connection asks again.
#[derive(Clone, Copy)]
pub(crate) enum Pace {
    /// As soon as it has its answer.
    AtOnce,
    /// So long after its answer: what the server does behind it has then ended. For one connection.
    After(Duration),
}

/// What a run measured.
pub(crate) struct Round {
    /// Answers that came whole.
    pub(crate) answers: usize,
    /// Those with a status other than 200.
    pub(crate) others: usize,
    /// From the first request to the last answer.
    pub(crate) took: Duration,
    /// Part of that time in which the client had nothing to do, 0 to 1. Near 0 the client is the limit.
    pub(crate) idle: f64,
    /// How long each answer took, shortest first.
    latencies: Vec<Duration>,
}

impl Round {
    /// Answers a second.
    #[expect(clippy::cast_precision_loss, reason = "a count of some thousands")]
    pub(crate) fn rate(&self) -> f64 {
        self.answers as f64 / self.took.as_secs_f64()
    }

    /// What each answer had of `time`, in microseconds.
    #[expect(clippy::cast_precision_loss, reason = "a count of some thousands")]
    pub(crate) fn micros_each(&self, time: Duration) -> f64 {
        time.as_secs_f64() * 1e6 / self.answers as f64
    }

    /// The time within which half of the answers came, in milliseconds.
    pub(crate) fn median_ms(&self) -> f64 {
        self.latencies.get(self.latencies.len() / 2).map_or(0.0, |latency| latency.as_secs_f64() * 1000.0)
    }
}

/// Asks `address` over `connections` connections. `next` writes the next request, whole, into an empty buffer.
///
/// # Errors
/// When a connection breaks, an answer is no HTTP, or none comes for a long time.
pub(crate) fn run(
    address: SocketAddr,
    connections: usize,
    until: Until,
    pace: Pace,
    mut next: impl FnMut(&mut Vec<u8>),
) -> Result<Round> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(connections);
    let mut peers = Vec::with_capacity(connections);
    for at in 0..connections {
        // Connected before the clock starts.
        peers.push(Connection::open(address, &poll, Token(at))?);
    }
    let (mut answers, mut others, mut asked, mut idle) = (0, 0, 0, Duration::ZERO);
    let mut latencies = Vec::new();
    let started = Instant::now();
    let goes_on = |asked: usize| match until {
        Until::Time(time) => started.elapsed() < time,
        Until::Answers(count) => asked < count,
    };
    for peer in &mut peers {
        if goes_on(asked) {
            peer.ask(&mut next)?;
            asked += 1;
        }
    }
    while answers < asked {
        let waiting = Instant::now();
        poll.poll(&mut events, Some(PATIENCE))?;
        idle += waiting.elapsed();
        ensure!(!events.is_empty(), "{address} has not answered for {PATIENCE:?}");
        for event in &events {
            let peer = &mut peers[event.token().0];
            let Some(status) = peer.read(&mut |_| {})? else { continue };
            latencies.push(peer.asked.elapsed());
            answers += 1;
            others += usize::from(status != 200);
            if goes_on(asked) {
                if let Pace::After(pause) = pace {
                    thread::sleep(pause);
                }
                peer.ask(&mut next)?;
                asked += 1;
            }
        }
    }
    let took = started.elapsed();
    latencies.sort_unstable();
    Ok(Round { answers, others, took, idle: idle.as_secs_f64() / took.as_secs_f64(), latencies })
}

/// A connection to a server, for one request after the other.
pub(super) struct Connection {
    stream: TcpStream,
    out: Vec<u8>,
    answer: Answer,
    asked: Instant,
}

impl Connection {
    /// A new one, whose answers `poll` tells of as `token`.
    ///
    /// # Errors
    /// When nobody listens there.
    pub(super) fn open(address: SocketAddr, poll: &Poll, token: Token) -> Result<Self> {
        let stream = std::net::TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        poll.registry().register(&mut stream, token, Interest::READABLE)?;
        Ok(Self { stream, out: Vec::new(), answer: Answer::default(), asked: Instant::now() })
    }

    /// Sends what `next` writes.
    ///
    /// # Errors
    /// When the connection is broken.
    pub(super) fn ask(&mut self, next: &mut impl FnMut(&mut Vec<u8>)) -> Result<()> {
        self.out.clear();
        next(&mut self.out);
        self.asked = Instant::now();
        // A request is far smaller than the buffer of a socket that is otherwise empty.
        self.stream.write_all(&self.out).context("a request could not be sent")
    }

    /// Reads what is there; the status once the answer is whole. `seen` is shown its head.
    ///
    /// # Errors
    /// When the connection is broken, or what came is no HTTP.
    pub(super) fn read(&mut self, seen: &mut impl FnMut(&httparse::Response<'_, '_>)) -> Result<Option<u16>> {
        let mut buffer = [0; 64 << 10];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => bail!("the connection was closed before the answer was whole"),
                Ok(length) => {
                    if let Some(status) = self.answer.take(&buffer[..length], seen)? {
                        return Ok(Some(status));
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("an answer could not be read"),
            }
        }
    }
}

/// An answer that is on its way (RFC 9112).
#[derive(Default)]
struct Answer {
    /// What came and is not understood yet.
    pending: Vec<u8>,
    status: u16,
    part: Part,
}

/// What comes next.
#[derive(Default, Clone, Copy)]
enum Part {
    #[default]
    Head,
    /// So many bytes, and nothing after them.
    Body(u64),
    /// The line with the length of a chunk.
    ChunkLine,
    /// So many bytes of a chunk, the line break after it among them.
    Chunk(u64),
    /// The empty line after the last chunk.
    End,
}

impl Answer {
    /// Takes what came; the status once the answer is whole.
    fn take(&mut self, came: &[u8], seen: &mut impl FnMut(&httparse::Response<'_, '_>)) -> Result<Option<u16>> {
        self.pending.extend_from_slice(came);
        loop {
            let understood = match self.part {
                Part::Head => self.head(seen)?,
                Part::Body(0) => {
                    ensure!(self.pending.is_empty(), "more came than was asked for");
                    self.part = Part::Head;
                    return Ok(Some(self.status));
                }
                Part::Body(left) => self.up_to(left).map(|(taken, left)| (taken, Part::Body(left))),
                Part::ChunkLine => self.chunk_line()?,
                Part::Chunk(0) => Some((0, Part::ChunkLine)),
                Part::Chunk(left) => self.up_to(left).map(|(taken, left)| (taken, Part::Chunk(left))),
                Part::End if self.pending.len() < 2 => None,
                Part::End => {
                    ensure!(
                        self.pending.starts_with(b"\r\n"),
                        "an answer has trailers, which this client does not know"
                    );
                    Some((2, Part::Body(0)))
                }
            };
            let Some((length, next)) = understood else { return Ok(None) };
            self.pending.drain(..length);
            self.part = next;
        }
    }

    /// How much of `left` bytes is there, and how much is missing then.
    fn up_to(&self, left: u64) -> Option<(usize, u64)> {
        let taken = usize::try_from(left).unwrap_or(usize::MAX).min(self.pending.len());
        (taken > 0).then(|| (taken, left - taken as u64))
    }

    fn head(&mut self, seen: &mut impl FnMut(&httparse::Response<'_, '_>)) -> Result<Option<(usize, Part)>> {
        let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
        let mut head = httparse::Response::new(&mut fields);
        let httparse::Status::Complete(length) = head.parse(&self.pending)? else { return Ok(None) };
        self.status = head.code.unwrap_or(0);
        seen(&head);
        let field = |name: &str| head.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name));
        let part = match field("content-length") {
            // RFC 9112 §6.3: nothing follows, whatever it says of a length.
            _ if self.status == 304 => Part::Body(0),
            Some(stated) => Part::Body(std::str::from_utf8(stated.value)?.trim().parse()?),
            None if field("transfer-encoding").is_some() => Part::ChunkLine,
            None => bail!("an answer {} has neither a length nor chunks", self.status),
        };
        Ok(Some((length, part)))
    }

    fn chunk_line(&self) -> Result<Option<(usize, Part)>> {
        match httparse::parse_chunk_size(&self.pending) {
            Ok(httparse::Status::Complete((length, 0))) => Ok(Some((length, Part::End))),
            Ok(httparse::Status::Complete((length, size))) => Ok(Some((length, Part::Chunk(size + 2)))),
            Ok(httparse::Status::Partial) => Ok(None),
            Err(error) => bail!("an answer has a broken chunk: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Answer;

    #[test]
    fn answers_are_whole_however_they_are_cut() {
        for text in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nb\r\n hello\r\n0\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ] {
            let bytes = text.as_bytes();
            for step in 1..=bytes.len() {
                let mut answer = Answer::default();
                let parts: Vec<&[u8]> = bytes.chunks(step).collect();
                for (at, part) in parts.iter().enumerate() {
                    let taken = answer.take(part, &mut |_| {}).expect("HTTP");
                    assert_eq!(taken, (at == parts.len() - 1).then_some(200), "{text:?} in steps of {step}, at {at}");
                }
            }
        }
    }

    #[test]
    fn nothing_follows_what_has_not_changed() {
        for fields in ["", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"] {
            let text = format!("HTTP/1.1 304 Not Modified\r\n{fields}\r\n");
            let taken = Answer::default().take(text.as_bytes(), &mut |_| {}).expect("HTTP");
            assert_eq!(taken, Some(304), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        for text in ["nonsense\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab"] {
            assert!(Answer::default().take(text.as_bytes(), &mut |_| {}).is_err(), "{text:?}");
        }
    }
}
