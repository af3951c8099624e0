//! A stand-in for Cloudflare's API: it takes purges by tag, remembers when, and may take its time.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// The zone whose purges it takes.
pub(crate) const ZONE: &str = "bench";

/// A running stand-in. Nobody listens any more once it is dropped.
pub(crate) struct Cloudflare {
    shared: Arc<Shared>,
    address: SocketAddr,
}

/// A call that came, whole.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    pub(crate) began: Instant,
    /// How many tags it had purged.
    pub(crate) tags: usize,
}

struct Shared {
    calls: Mutex<Vec<Call>>,
    /// How long it takes over a call.
    holds: Duration,
    is_over: AtomicBool,
}

impl Cloudflare {
    /// Starts one that holds each call for so long before it answers.
    ///
    /// # Errors
    /// When no port is free.
    pub(crate) fn start(holds: Duration) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("no port is free")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { calls: Mutex::default(), holds, is_over: AtomicBool::new(false) });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if accepting.is_over.load(Ordering::SeqCst) {
                    break;
                }
                let shared = Arc::clone(&accepting);
                // Who breaks a call off has called: `take` has noted it before it answers.
                thread::spawn(move || take(&shared, stream?));
            }
        });
        Ok(Self { shared, address })
    }

    /// What `CLOUDFLARE_API_URL` is set to.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every call that has come, the first first.
    pub(crate) fn calls(&self) -> Vec<Call> {
        lock(&self.shared.calls).clone()
    }
}

impl Drop for Cloudflare {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        // Wakes the listener, which then sees that it is over.
        let _ = TcpStream::connect(self.address);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes the one call of a connection.
fn take(shared: &Shared, mut stream: TcpStream) -> Result<()> {
    let began = Instant::now();
    let (path, body) = read(&mut stream)?;
    let tags = serde_json::from_slice(&body).ok().and_then(|told: Value| Some(told["tags"].as_array()?.len()));
    let is_purge = path == format!("/zones/{ZONE}/purge_cache");
    let (status, tags) = if is_purge && tags.is_some() { ("200 OK", tags) } else { ("400 Bad Request", None) };
    lock(&shared.calls).push(Call { began, tags: tags.unwrap_or(0) });
    thread::sleep(shared.holds);
    const ANSWER: &str = r#"{"success":true}"#;
    let length = ANSWER.len();
    write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{ANSWER}")?;
    Ok(())
}

/// Path and body of a request (RFC 9112), whose length it says.
fn read(stream: &mut TcpStream) -> Result<(String, Vec<u8>)> {
    let mut came = Vec::new();
    let mut buffer = [0; 16 << 10];
    loop {
        let length = stream.read(&mut buffer)?;
        ensure!(length > 0, "the call broke off");
        came.extend_from_slice(&buffer[..length]);
        let mut fields = [httparse::EMPTY_HEADER; 64];
        let mut head = httparse::Request::new(&mut fields);
        let httparse::Status::Complete(start) = head.parse(&came)? else { continue };
        let stated = head.headers.iter().find(|field| field.name.eq_ignore_ascii_case("content-length"));
        let stated: usize = std::str::from_utf8(stated.context("a call without a length")?.value)?.trim().parse()?;
        if came.len() >= start + stated {
            let path = head.path.unwrap_or_default().to_owned();
            return Ok((path, came[start..].to_vec()));
        }
    }
}
