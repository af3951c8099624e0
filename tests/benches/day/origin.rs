//! Videomi's origin, as far as a day needs it, and what it would have read of D1 and R2 for its answers: one read for each
//! request for what is there.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tiercel_core::engine::Engine;
use tiercel_core::field::http_date;
use tiercel_core::head::Target;
use tiercel_core::time::Timestamp;
use tiercel_e2e::origin::{Arrived, Origin, Reply};

/// Classes that are answered from D1.
pub(crate) const D1: [&str; 6] = ["user-files", "user-stats", "file-info", "ratings", "watch-progress", "artists"];
/// Classes that are answered from R2.
pub(crate) const R2: [&str; 2] = ["thumbnail", "media"];

/// How many artists a user has.
const ARTISTS: usize = 400;
/// Of a thumbnail, in bytes.
const THUMBNAIL: usize = 2_000;

/// What has happened at the origin.
pub(crate) struct Library {
    engine: Engine,
    /// By what was changed, how often it was.
    changes: Mutex<BTreeMap<String, u64>>,
    /// Reads, by class.
    reads: Mutex<BTreeMap<String, u64>>,
    now: AtomicU64,
    artists: String,
}

impl Library {
    /// Starts an origin.
    pub(crate) fn start(engine: Engine) -> (Arc<Self>, Origin) {
        let artist = |n: usize| format!(r#"{{"id":"artist{n}","name":"Artist {n}","score":{}}}"#, n * 7_919 % 1_000);
        let list: Vec<String> = (0..ARTISTS).map(artist).collect();
        let library = Arc::new(Self {
            engine,
            changes: Mutex::default(),
            reads: Mutex::default(),
            now: AtomicU64::new(0),
            artists: list.join(","),
        });
        let answering = Arc::clone(&library);
        (library, Origin::start(move |request| answering.answer(request)))
    }

    /// Sets its clock.
    pub(crate) fn set_clock(&self, now: Timestamp) {
        self.now.store(now.as_millis(), Ordering::SeqCst);
    }

    /// The reads since the last call, by class.
    pub(crate) fn take_reads(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut *self.reads.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn answer(&self, request: &Arrived) -> Reply {
        let target = Target::parse(&request.target);
        let user = request.fields.get("x-tiercel-user").unwrap_or("nobody");
        let parts: Vec<&str> = target.path.split('/').skip(1).collect();
        if request.method != "GET" {
            return self.change(request, &parts, user);
        }
        let class = self.engine.class_of("GET", &target.path).map_or("*", |class| &class.name);
        *self.reads.lock().unwrap_or_else(PoisonError::into_inner).entry(class.to_owned()).or_default() += 1;
        let json = |body: String| self.tagged(request, "application/json", body);
        match parts.as_slice() {
            ["api", "upload", "user", _] | ["api", "stats"] => json(format!(
                r#"{{"success":true,"data":{{"edition":{}}}}}"#,
                self.changes_of(&format!("files {user}"))
            )),
            ["api", "files", _, id, "info"] => {
                json(format!(r#"{{"success":true,"data":{{"id":"{id}","edition":{}}}}}"#, self.changes_of(id)))
            }
            ["api", "ratings", id] => {
                let of = if *id == "top10" { "ratings".into() } else { format!("rating {id}") };
                json(format!(r#"{{"success":true,"data":{{"id":"{id}","edition":{}}}}}"#, self.changes_of(&of)))
            }
            ["api", "watch-progress", id] => {
                let seconds = self.changes_of(&format!("progress {user} {id}"));
                json(format!(r#"{{"success":true,"data":{{"seconds":{seconds}}}}}"#))
            }
            ["api", "user", "artists"] => {
                let edition = self.changes_of(&format!("artists {user}"));
                let data = format!(r#"{{"connected":true,"edition":{edition},"artists":[{}]}}"#, self.artists);
                json(format!(r#"{{"success":true,"data":{data}}}"#))
            }
            ["api", "files", _, id, "thumbnail"] => self.tagged(request, "image/webp", pattern(id, THUMBNAIL)),
            ["api", "files", _, id] => self.media(request, id),
            ["" | "assets" | "images", ..] => self.tagged(request, "text/plain", pattern(&target.path, 4_000)),
            _ => Reply::new(404, &[], "no such thing"),
        }
    }

    fn change(&self, request: &Arrived, parts: &[&str], user: &str) -> Reply {
        let files = format!("files {user}");
        let (status, changed, body) = match parts {
            ["api", "upload"] => (201, vec![files], r#"{"success":true,"data":{"file":{"category":"videos"}}}"#),
            ["api", "files", _, id] => (200, vec![files, (*id).into()], "{}"),
            ["api", "files", _, id, "info"] => (200, vec![files, (*id).into()], r#"{"data":{"changed":["name"]}}"#),
            ["api", "ratings", id] => (200, vec!["ratings".into(), format!("rating {id}")], "{}"),
            ["api", "watch-progress", id] => (200, vec![format!("progress {user} {id}")], "{}"),
            ["api", "user", "artists", "toggle"] => (200, vec![format!("artists {user}")], "{}"),
            _ => return Reply::new(404, &[], &request.line()),
        };
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        for name in changed {
            *changes.entry(name).or_default() += 1;
        }
        Reply::new(status, &["Content-Type: application/json", &self.date()], body)
    }

    fn changes_of(&self, name: &str) -> u64 {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied().unwrap_or(0)
    }

    fn date(&self) -> String {
        format!("Date: {}", http_date::write(Timestamp::from_millis(self.now.load(Ordering::SeqCst))))
    }

    /// An answer with an entity tag, or that it is still the same (RFC 9110 §13.1.2).
    fn tagged(&self, request: &Arrived, kind: &str, body: String) -> Reply {
        let sum = body
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let tag = format!("\"{sum:016x}\"");
        let same = request.fields.get("if-none-match").is_some_and(|tags| tags.contains(&tag));
        let fields = [format!("Content-Type: {kind}"), format!("ETag: {tag}"), self.date()];
        Reply::Answer { status: if same { 304 } else { 200 }, fields: fields.into(), body: body.into_bytes() }
    }

    /// A file, of which a range may be asked; its length is at the end of its id.
    fn media(&self, request: &Arrived, id: &str) -> Reply {
        let length: u64 = id.rsplit('-').next().and_then(|length| length.parse().ok()).unwrap_or(0);
        let range = request.fields.get("range").and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
        let mut fields = vec![
            "Content-Type: video/mp4".into(),
            "Accept-Ranges: bytes".into(),
            format!("ETag: \"{id}\""),
            self.date(),
        ];
        let whole = (0, length.saturating_sub(1));
        let (first, last) = range.map_or(whole, |(first, last)| {
            (first.parse().unwrap_or(0), last.parse().map_or(whole.1, |last: u64| last.min(whole.1)))
        });
        if range.is_some() {
            fields.push(format!("Content-Range: bytes {first}-{last}/{length}"));
        }
        let body = vec![b'x'; (last + 1 - first) as usize];
        Reply::Answer { status: if range.is_some() { 206 } else { 200 }, fields, body }
    }
}

fn pattern(text: &str, length: usize) -> String {
    text.chars().cycle().take(length).collect()
}
