//! The built edge, running in workerd on this machine, and a client of it.

mod demo;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tiercel_core::field::Fields;
use ureq::http::Request;

use crate::jwt;
use crate::origin::{Arrived, Origin, Reply};

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// The edge that `cargo xtask build` makes of the built-in policy: `$TIERCEL_DIST/edge`.
///
/// # Panics
/// When it was not built.
#[must_use]
pub fn videomi_edge() -> PathBuf {
    built("TIERCEL_DIST", "dist", "cargo xtask build --only edge")
}

/// The edge of policies/http.json: `$TIERCEL_DIST_HTTP/edge`.
///
/// # Panics
/// When it was not built.
#[must_use]
pub fn http_edge() -> PathBuf {
    built("TIERCEL_DIST_HTTP", "dist/http", "cargo xtask build --only edge --policy policies/http.json --out dist/http")
}

/// The edge of tests/policies/history.json: `$TIERCEL_DIST_HISTORY/edge`.
///
/// # Panics
/// When it was not built.
#[must_use]
pub fn history_edge() -> PathBuf {
    let how = "cargo xtask build --only edge --policy tests/policies/history.json --out dist/history";
    built("TIERCEL_DIST_HISTORY", "dist/history", how)
}

/// The edge of a policy in tests/cases/auth, by its name: `$TIERCEL_DIST_AUTH/NAME/edge`.
///
/// # Panics
/// When it was not built.
#[must_use]
pub fn auth_edge(name: &str) -> PathBuf {
    let dist = std::env::var_os("TIERCEL_DIST_AUTH").map_or_else(|| PathBuf::from("dist/auth"), PathBuf::from);
    let edge = root().join(dist).join(name).join("edge");
    assert!(
        edge.join("index.js").is_file(),
        "{} holds no edge; run `cargo xtask build --only edge --policy tests/cases/auth/{name}.json --out dist/auth/{name}`",
        edge.display()
    );
    edge
}

fn built(variable: &str, usual: &str, how: &str) -> PathBuf {
    let dist = std::env::var_os(variable).map_or_else(|| root().join(usual), PathBuf::from);
    let edge = root().join(dist).join("edge");
    assert!(edge.join("index.js").is_file(), "{} holds no edge; run `{how}`, or set {variable}", edge.display());
    edge
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}

/// A running world: one or more isolates of the edge in front of a test's own origin, with a clock that the test
/// sets. It ends when dropped.
pub struct World {
    child: Child,
    stdin: Option<ChildStdin>,
    agent: ureq::Agent,
    control: String,
    /// The origin behind the edge.
    pub origin: Origin,
    /// The isolates of the edge, one after the other.
    pub edges: Vec<String>,
    /// Where the stand-in for Spotify is, in a world that has one.
    spotify: Option<String>,
    /// What the world's clock is ahead of the machine's, in milliseconds.
    ahead: i64,
}

/// What a client got.
#[derive(Clone, Debug)]
pub struct Got {
    /// The status.
    pub status: u16,
    /// Every field.
    pub fields: Fields,
    /// The body as text; what could be read of it.
    pub body: String,
    /// Whether the body came to its end (RFC 9112 §8).
    pub whole: bool,
}

impl Got {
    /// Our member of `Cache-Status`, without the name.
    #[must_use]
    pub fn cache(&self) -> &str {
        let line = self.fields.get("cache-status").unwrap_or("no Cache-Status");
        line.rsplit("tiercel-edge; ").next().unwrap_or(line)
    }

    /// Whether it came from the store.
    #[must_use]
    pub fn is_hit(&self) -> bool {
        self.cache().starts_with("hit")
    }
}

/// What came of the faults of the wasm, since the world began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Toll {
    /// How often one struck.
    pub struck: u64,
    /// How many wasm instances there have been, in the one isolate.
    pub instances: u64,
}

/// An origin's rule: it says what it was asked and for whom, so that a stored answer gives itself away.
#[must_use]
pub fn echo(request: &Arrived) -> Reply {
    let user = request.fields.get("x-tiercel-user").unwrap_or("nobody");
    Reply::new(200, &["Content-Type: text/plain", "ETag: \"e1\""], &format!("{} for {user}", request.line()))
}

impl World {
    /// Starts one isolate of the edge of the built-in policy, in front of an origin that answers by [`echo`].
    ///
    /// # Panics
    /// When it was not built, or does not start.
    #[must_use]
    pub fn videomi() -> Self {
        Self::start(&videomi_edge(), 1, Origin::start(echo))
    }

    /// Starts the edge in `dir` with so many isolates, and waits until it answers.
    ///
    /// # Panics
    /// When it does not start; the reason is on stderr.
    #[must_use]
    pub fn start(dir: &Path, isolates: usize, origin: Origin) -> Self {
        Self::with(&json!({ "dir": dir, "isolates": isolates }), origin)
    }

    /// The same in several data centres, each with a cache of its own and so many isolates: those of the first come first.
    ///
    /// # Panics
    /// When it does not start; the reason is on stderr.
    #[must_use]
    pub fn across(dir: &Path, colos: usize, isolates: usize, origin: Origin) -> Self {
        Self::begin(colos, &json!({ "dir": dir, "isolates": isolates }), origin)
    }

    /// The same with settings of the edge of your own; tools/world/config.mjs lists them.
    ///
    /// # Panics
    /// When it does not start; the reason is on stderr.
    #[must_use]
    pub fn with(edge: &Value, origin: Origin) -> Self {
        Self::begin(1, edge, origin)
    }

    /// The same with what is stored kept in a directory, where the next world of the kind finds it.
    ///
    /// # Panics
    /// When it does not start; the reason is on stderr.
    #[must_use]
    pub fn kept_in(dir: &Path, edge: &Value, origin: Origin) -> Self {
        Self::configured(json!({ "colos": 1, "persist": dir }), edge, origin)
    }

    /// The same with a clock that goes by the requests: each says when it comes, in the field `Tiercel-Moment` (milliseconds
    /// since the Unix epoch), and what goes on behind earlier answers comes first.
    ///
    /// # Panics
    /// When it does not start; the reason is on stderr.
    #[must_use]
    pub fn by_moments(edge: &Value, origin: Origin) -> Self {
        Self::configured(json!({ "clock": "requests" }), edge, origin)
    }

    fn begin(colos: usize, edge: &Value, origin: Origin) -> Self {
        Self::configured(json!({ "colos": colos }), edge, origin)
    }

    fn configured(world: Value, edge: &Value, origin: Origin) -> Self {
        let mut config = json!({
            "edge": { "originUrl": origin.url(), "vars": { "JWT_SECRET": jwt::SECRET } },
            "clock": true,
        });
        for (name, value) in world.as_object().into_iter().flatten() {
            config[name] = value.clone();
        }
        for (name, value) in edge.as_object().into_iter().flatten() {
            config["edge"][name] = value.clone();
        }
        Self::run(&config, origin)
    }

    /// Starts what `config` says; tools/world/config.mjs says what it may.
    fn run(config: &Value, origin: Origin) -> Self {
        let node = std::env::var_os("NODE").unwrap_or_else(|| "node".into());
        let mut child = Command::new(node)
            .arg(root().join("tools/world.mjs"))
            .arg(config.to_string())
            .current_dir(root())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr())
            .spawn()
            .expect("node runs; `cargo xtask test` says how to install what is missing");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("stdout is piped");
        BufReader::new(stdout).read_line(&mut line).expect("stdout can be read");
        assert!(!line.is_empty(), "the local Workers did not start; run with TIERCEL_TEST_LOG=1 to see why");
        let ready: Value = serde_json::from_str(&line).expect("tools/world.mjs prints one line of JSON");
        let text = |value: &Value| value.as_str().expect("a URL").to_owned();
        let edges = ready["edges"].as_array().expect("a list of edges").iter().map(|edge| text(&edge["url"])).collect();
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .allow_non_standard_methods(true)
            .timeout_global(Some(PATIENCE))
            // workerd closes a connection on which it has not read a request to its end, as it may.
            .max_idle_connections(0)
            .build()
            .into();
        let stdin = child.stdin.take();
        let spotify = ready["spotifyUrl"].as_str().map(str::to_owned);
        Self { child, stdin, agent, control: text(&ready["controlUrl"]), origin, edges, spotify, ahead: 0 }
    }

    /// Sends a request to the first isolate. Fields are lines, `Name: value`.
    ///
    /// # Panics
    /// When there is no answer at all.
    #[must_use]
    pub fn send(&self, method: &str, path: &str, fields: &[&str]) -> Got {
        self.send_to(0, method, path, fields)
    }

    /// Sends a request to one isolate.
    ///
    /// # Panics
    /// When there is no answer at all.
    #[must_use]
    pub fn send_to(&self, isolate: usize, method: &str, path: &str, fields: &[&str]) -> Got {
        let answer = self.try_send(isolate, method, path, fields, usual_body(method));
        answer.unwrap_or_else(|error| panic!("{method} {path}: no answer: {error}"))
    }

    /// Sends a request with a body of your own to one isolate.
    ///
    /// # Panics
    /// When there is no answer at all.
    #[must_use]
    pub fn send_body(&self, isolate: usize, method: &str, path: &str, fields: &[&str], body: &str) -> Got {
        let answer = self.try_send(isolate, method, path, fields, body);
        answer.unwrap_or_else(|error| panic!("{method} {path}: no answer: {error}"))
    }

    /// The same as [`Self::send_to`].
    ///
    /// # Errors
    /// When there is no answer at all; what is wrong, in words.
    pub fn try_send_to(&self, isolate: usize, method: &str, path: &str, fields: &[&str]) -> Result<Got, String> {
        self.try_send(isolate, method, path, fields, usual_body(method))
    }

    fn try_send(&self, at: usize, method: &str, path: &str, fields: &[&str], body: &str) -> Result<Got, String> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.edges[at]));
        for line in fields {
            let (name, value) = line.split_once(':').expect("a field line is `Name: value`");
            request = request.header(name, value.trim());
        }
        let answer = if body.is_empty() {
            self.agent.run(request.body(()).expect("a request"))
        } else {
            self.agent.run(request.body(body.to_owned()).expect("a request"))
        };
        let mut answer = answer.map_err(|error| error.to_string())?;
        let fields = answer.headers().iter().map(|(n, v)| (n.as_str(), String::from_utf8_lossy(v.as_bytes())));
        let fields: Fields = fields.collect();
        let mut body = Vec::new();
        // A body that breaks off is a matter of the test, not of the client.
        let whole = answer.body_mut().as_reader().read_to_end(&mut body).is_ok();
        let body = String::from_utf8_lossy(&body).into_owned();
        Ok(Got { status: answer.status().as_u16(), fields, body, whole })
    }

    /// Gets `path` until it comes from the store, and forgets what the origin saw of that.
    ///
    /// # Panics
    /// When it never does.
    #[must_use]
    pub fn warm(&self, path: &str, fields: &[&str]) -> Got {
        let got = self.until(path, fields, Got::is_hit);
        self.origin.take_log();
        got
    }

    /// Gets `path` until the answer is `enough`: writing to the store goes on behind an answer.
    ///
    /// # Panics
    /// When it never is.
    #[must_use]
    pub fn until(&self, path: &str, fields: &[&str], enough: impl Fn(&Got) -> bool) -> Got {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let got = self.send("GET", path, fields);
            if enough(&got) {
                return got;
            }
            assert!(Instant::now() < deadline, "GET {path} never gets there: {got:?}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Where an isolate listens: host and port.
    #[must_use]
    pub fn address(&self, isolate: usize) -> &str {
        self.edges[isolate].trim_start_matches("http://")
    }

    /// Sends a request to the first isolate and leaves the answer to [`answer`], or to nobody.
    ///
    /// # Panics
    /// When there is no connection.
    #[must_use]
    pub fn send_off(&self, method: &str, path: &str, fields: &[&str]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address(0)).expect("the edge listens");
        let host = format!("Host: {}", self.address(0));
        let lines = [&[host.as_str(), "Connection: close", "Content-Length: 2"], fields].concat().join("\r\n");
        stream.write_all(format!("{method} {path} HTTP/1.1\r\n{lines}\r\n\r\n{{}}").as_bytes()).expect("it reads");
        stream
    }

    /// Sends bytes as they are and reads what comes until the connection closes, or for five seconds.
    ///
    /// # Panics
    /// When there is no connection.
    #[must_use]
    pub fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address(0)).expect("the edge listens");
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout can be set");
        // It may refuse before it has read everything.
        let _ = stream.write_all(bytes).and_then(|()| stream.shutdown(Shutdown::Write));
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// Moves the clock of every isolate and of the origin.
    ///
    /// # Panics
    /// When the world has ended.
    pub fn advance(&mut self, seconds: u32) {
        self.ahead += i64::from(seconds) * 1000;
        self.tell("clock", &json!({ "advance_seconds": seconds }));
        self.origin.set_clock(self.ahead);
    }

    /// Sets the clock of every isolate back; the origin's goes on.
    ///
    /// # Panics
    /// When the world has ended.
    pub fn set_back(&self, seconds: u32) {
        self.tell("clock", &json!({ "advance_seconds": -i64::from(seconds) }));
    }

    /// Stops the clock of every isolate: it moves only by [`Self::advance`] from now on.
    ///
    /// # Panics
    /// When the world has ended.
    pub fn stop_the_clock(&self) {
        self.tell("clock", &json!({ "stop": true }));
    }

    /// Runs the scheduled work of the first isolate, as its cron trigger does.
    ///
    /// # Panics
    /// When the world has ended, or the work fails.
    pub fn scheduled(&self, cron: &str) {
        let said = self.tell("scheduled", &json!({ "cron": cron }));
        assert_eq!(said["outcome"], json!("ok"), "{said}");
    }

    /// How often the wasm of the first isolate has called the runtime. An answer that it is not asked for calls nothing.
    ///
    /// # Panics
    /// When the world has ended.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.tell("sabotage", &json!({ "edge": 0, "faults": {} }))["calls"].as_u64().expect("a number")
    }

    /// How often the first isolate has told the object of statistics what it counted, and was heard.
    ///
    /// # Panics
    /// When the world has ended.
    #[must_use]
    pub fn batches(&self) -> u64 {
        self.tell("sabotage", &json!({ "edge": 0, "faults": {} }))["told"].as_u64().expect("a number")
    }

    /// The points that the first isolate has written to Analytics Engine, which `{"analytics": "record"}` stands in for.
    ///
    /// # Panics
    /// When the world has ended.
    #[must_use]
    pub fn points(&self) -> Vec<Value> {
        let said = self.tell("sabotage", &json!({ "edge": 0, "faults": {} }));
        said["points"].as_array().expect("a list").clone()
    }

    /// Breaks parts of the first isolate's tier, such as `{"store": "throw"}`, or mends them, by `false`.
    /// tools/world/sabotage.js lists the faults.
    ///
    /// # Panics
    /// When there is no such fault.
    pub fn sabotage(&self, faults: &Value) -> Toll {
        self.sabotage_at(0, faults)
    }

    /// The same in one isolate.
    ///
    /// # Panics
    /// When there is no such fault.
    pub fn sabotage_at(&self, isolate: usize, faults: &Value) -> Toll {
        let said = self.tell("sabotage", &json!({ "edge": isolate, "faults": faults }));
        let number = |name: &str| said[name].as_u64().expect("a number");
        Toll { struck: number("struck"), instances: number("instances") }
    }

    /// Mends everything that [`Self::sabotage`] broke.
    ///
    /// # Panics
    /// When the world has ended.
    pub fn mend(&self) -> Toll {
        self.sabotage(&json!({ "store": false, "epochs": false, "wasm": false }))
    }

    /// What the first isolate has put into its store since the last call and is still there: the URL of each key, and
    /// the body. The first call begins to watch.
    ///
    /// # Panics
    /// When the world has ended.
    #[must_use]
    pub fn kept(&self) -> Vec<(String, String)> {
        let said = self.tell("kept", &json!({}));
        let text = |kept: &Value, name: &str| kept[name].as_str().expect("a text").to_owned();
        let all = said["kept"].as_array().expect("a list");
        all.iter().map(|kept| (text(kept, "url"), text(kept, "body"))).collect()
    }

    fn tell(&self, what: &str, told: &Value) -> Value {
        self.ask(&format!("{}/{what}", self.control), told)
    }

    fn ask(&self, url: &str, told: &Value) -> Value {
        let mut answer = self.agent.post(url).send(told.to_string()).expect("the control server answers");
        let said = answer.body_mut().read_to_string().expect("the control server's answer is text");
        assert_eq!(answer.status(), 200, "{url} {told}: {said}");
        serde_json::from_str(&said).expect("the control server's answer is JSON")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
        // It did not end by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn usual_body(method: &str) -> &'static str {
    if matches!(method, "POST" | "PUT" | "PATCH") { "{}" } else { "" }
}

/// What comes of a request that was sent off: head and body.
///
/// # Panics
/// When nothing does.
#[must_use]
pub fn answer(mut stream: TcpStream) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

/// The edge tells on stderr of every failure, and failures are what the tests are about.
fn stderr() -> Stdio {
    if std::env::var_os("TIERCEL_TEST_LOG").is_some() { Stdio::inherit() } else { Stdio::null() }
}
