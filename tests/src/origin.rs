//! An HTTP/1.1 origin that the test rules: what it answers, how it misbehaves, and a log of what reached it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tiercel_core::field::{Fields, http_date};
use tiercel_core::time::Timestamp;

/// A request that reached the origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// The method.
    pub method: String,
    /// Path and query, as they stood on the request line.
    pub target: String,
    /// Every field.
    pub fields: Fields,
    /// The body, where it has a length.
    pub body: String,
}

impl Arrived {
    /// `METHOD path?query`.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }
}

/// `METHOD path?query` of each.
#[must_use]
pub fn lines(log: &[Arrived]) -> Vec<String> {
    log.iter().map(Arrived::line).collect()
}

/// How the origin answers.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Properly.
    Answer {
        /// The status.
        status: u16,
        /// Field lines, `Name: value`. `Date`, `Content-Length` and `Connection` are added.
        fields: Vec<String>,
        /// The body.
        body: Vec<u8>,
    },
    /// Properly, after so long.
    Slow(Duration, Box<Reply>),
    /// Properly, but with so long a pause before each byte of the body.
    Drip(Duration, Box<Reply>),
    /// These bytes as they are, and then it closes the connection; see [`crate::broken`].
    Raw(Vec<u8>),
    /// It closes the connection without an answer.
    Reset,
    /// It announces 1,000 bytes, sends ten, and closes the connection.
    Truncated,
}

impl Reply {
    /// An answer with a text.
    #[must_use]
    pub fn new(status: u16, fields: &[&str], body: &str) -> Self {
        let fields = fields.iter().map(|line| (*line).to_owned()).collect();
        Self::Answer { status, fields, body: body.as_bytes().to_vec() }
    }
}

type Rule = dyn Fn(&Arrived) -> Reply + Send + Sync;

struct Shared {
    rule: Mutex<Arc<Rule>>,
    log: Mutex<Vec<Arrived>>,
    /// What the test's clock is ahead of the machine's, in milliseconds.
    ahead: AtomicI64,
    ended: AtomicBool,
}

/// A running origin. It ends when dropped.
pub struct Origin {
    shared: Arc<Shared>,
    address: SocketAddr,
}

impl Origin {
    /// Starts an origin on a free port. `rule` answers each request.
    ///
    /// # Panics
    /// When the machine has no free port.
    #[must_use]
    pub fn start(rule: impl Fn(&Arrived) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            rule: Mutex::new(Arc::new(rule)),
            log: Mutex::default(),
            ahead: AtomicI64::new(0),
            ended: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if accepting.ended.load(Ordering::SeqCst) {
                    break;
                }
                let shared = Arc::clone(&accepting);
                // A client that went away is no matter of the test.
                thread::spawn(move || stream.and_then(|stream| serve(&shared, stream)));
            }
        });
        Self { shared, address }
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers by another rule from now on.
    pub fn answer_by(&self, rule: impl Fn(&Arrived) -> Reply + Send + Sync + 'static) {
        *lock(&self.shared.rule) = Arc::new(rule);
    }

    /// Answers everything alike from now on.
    pub fn answer(&self, reply: Reply) {
        self.answer_by(move |_| reply.clone());
    }

    /// Puts its clock, and so its `Date`, ahead of the machine's by so many milliseconds.
    pub fn set_clock(&self, ahead: i64) {
        self.shared.ahead.store(ahead, Ordering::SeqCst);
    }

    /// Everything that has arrived since the last call.
    pub fn take_log(&self) -> Vec<Arrived> {
        std::mem::take(&mut *lock(&self.shared.log))
    }

    /// Waits until `count` requests have arrived since the log was last taken, and takes it. A moment more is waited
    /// for one too many.
    ///
    /// # Panics
    /// When they do not come within ten seconds.
    #[must_use]
    pub fn wait_for(&self, count: usize) -> Vec<Arrived> {
        let deadline = Instant::now() + Duration::from_secs(10);
        while lock(&self.shared.log).len() < count {
            assert!(Instant::now() < deadline, "of {count} requests these came: {:?}", lock(&self.shared.log));
            thread::sleep(Duration::from_millis(5));
        }
        self.take_log()
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // Wakes the listener, which then sees that it is over.
        let _ = TcpStream::connect(self.address);
    }
}

/// A test that panicked has said why already.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(shared: &Shared, stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let Some(arrived) = read(&mut reader)? else { return Ok(()) };
    lock(&shared.log).push(arrived.clone());
    let rule = Arc::clone(&lock(&shared.rule));
    write(shared, stream, &arrived, rule(&arrived))
}

fn read(reader: &mut BufReader<TcpStream>) -> std::io::Result<Option<Arrived>> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
    let (method, target) = (method.to_owned(), target.to_owned());
    let mut fields = Fields::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => fields.append(name, value.trim()),
            None => break,
        }
    }
    let length = fields.get("content-length").and_then(|l| l.parse::<u64>().ok()).unwrap_or(0);
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body)?;
    Ok(Some(Arrived { method, target, fields, body: String::from_utf8_lossy(&body).into_owned() }))
}

fn write(shared: &Shared, mut stream: TcpStream, arrived: &Arrived, reply: Reply) -> std::io::Result<()> {
    match reply {
        Reply::Slow(wait, reply) => {
            thread::sleep(wait);
            write(shared, stream, arrived, *reply)
        }
        Reply::Drip(pause, reply) => match *reply {
            Reply::Answer { status, fields, body } => answer(shared, stream, arrived, (status, fields, &body), pause),
            other => write(shared, stream, arrived, other),
        },
        Reply::Raw(bytes) => {
            stream.write_all(&bytes)?;
            end(stream)
        }
        Reply::Reset => stream.shutdown(Shutdown::Both),
        Reply::Truncated => {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nCache-Control: max-age=60\r\n\r\n0123456789")?;
            stream.shutdown(Shutdown::Both)
        }
        Reply::Answer { status, fields, body } => {
            answer(shared, stream, arrived, (status, fields, &body), Duration::ZERO)
        }
    }
}

fn answer(
    shared: &Shared,
    mut stream: TcpStream,
    arrived: &Arrived,
    (status, fields, body): (u16, Vec<String>, &[u8]),
    pause: Duration,
) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {status} X\r\nConnection: close\r\n");
    let has = |name: &str| fields.iter().any(|line| line.to_ascii_lowercase().starts_with(name));
    if !has("date:") {
        head.push_str(&format!("Date: {}\r\n", http_date::write(now(shared))));
    }
    let bodiless = matches!(status, 204 | 304);
    if !bodiless && !has("content-length:") && !has("transfer-encoding:") {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    for line in fields {
        head.push_str(&line);
        head.push_str("\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    let body = if bodiless || arrived.method == "HEAD" { &[] } else { body };
    if pause.is_zero() {
        stream.write_all(body)?;
    } else {
        for byte in body {
            thread::sleep(pause);
            stream.write_all(std::slice::from_ref(byte))?;
        }
    }
    end(stream)
}

/// Reading to the end lets the other side close first, so that no byte of the answer is lost to a reset.
fn end(mut stream: TcpStream) -> std::io::Result<()> {
    stream.shutdown(Shutdown::Write)?;
    std::io::copy(&mut stream, &mut std::io::sink()).map(|_| ())
}

fn now(shared: &Shared) -> Timestamp {
    let machine = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis());
    let machine = i64::try_from(machine).unwrap_or(0);
    Timestamp::from_millis((machine + shared.ahead.load(Ordering::SeqCst)).unsigned_abs())
}
