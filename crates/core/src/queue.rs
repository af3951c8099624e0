//! Mutations that wait for a network: what is kept of one, and what becomes of it once it is sent.
//!
//! A tier keeps the body and what [`Waiting::write`] says; never a credential. It sends what waits in the order of
//! [`Waiting::number`], one after the other, and does with each what [`Waiting::judge`] says.

use crate::field::Fields;
use crate::field::cache_status::{CacheStatus, Forward};
use crate::field::http_date;
use crate::head::{RequestHead, ResponseHead};
use crate::text;
use crate::tier::Tier;
use crate::time::{DeltaSeconds, Timestamp};

/// Most mutations of one user that wait at once.
pub const MAX_WAITING: usize = 200;
/// Longest body that waits, in bytes.
pub const MAX_BODY: u64 = 64 << 10;
/// By this field an origin tells a repeat (draft-ietf-httpapi-idempotency-key-header).
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// What waits for longer is given up, in seconds.
const LONGEST: DeltaSeconds = DeltaSeconds::new(7 * 86_400);
/// So often an origin may ask to wait, or fail.
const MOST_ATTEMPTS: u32 = 20;
/// The pause after the first failure, in seconds; it doubles with each.
const FIRST_PAUSE: u64 = 15;
/// The longest pause of our own, in seconds.
const LONGEST_PAUSE: u64 = 3_600;
/// The longest pause that an origin may ask for, in seconds.
const LONGEST_WISH: u64 = 86_400;
/// First word of the written form.
const FORM: &str = "1";

/// A mutation that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its place: lower ones go first.
    pub number: u64,
    /// The method.
    pub method: String,
    /// The whole URL.
    pub url: String,
    /// Whether the page sent a credential in `Authorization`, which only a page can give again.
    pub wants_credential: bool,
    /// The value of `Idempotency-Key`: the page's own, or a new one.
    key: String,
    content_type: String,
    since: Timestamp,
    attempts: u32,
    not_before: Timestamp,
}

/// What becomes of a mutation that was sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum After {
    /// It is done.
    Done,
    /// The origin will not have it: it is given up, and the page told.
    Refused,
    /// It waits on, and so does what comes behind it.
    Later(Waiting),
}

impl Waiting {
    /// What is kept of `request`, with a random `key`; `None` where it means something else later, or cannot be written.
    #[must_use]
    pub fn new(request: &RequestHead, key: &str, number: u64, now: Timestamp) -> Option<Self> {
        let fields = &request.fields;
        // A condition is about what there is now, and a part or a coding needs its fields.
        let is_plain = fields
            .iter()
            .all(|(name, _)| !name.starts_with("if-") && !matches!(name, "content-encoding" | "content-range"));
        let key = fields.get(IDEMPOTENCY_KEY).map_or_else(|| ["\"", key, "\""].concat(), str::to_owned);
        let content_type = fields.get("content-type").unwrap_or_default().to_owned();
        let url = request.target.url();
        let is_word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
        let is_text = content_type.bytes().all(|b| matches!(b, b' '..=b'~'));
        if !(is_plain && is_word(&key) && is_word(&url) && is_word(&request.method) && is_text) {
            return None;
        }
        Some(Self {
            number,
            method: request.method.clone().into_owned(),
            url,
            wants_credential: fields.has("authorization"),
            key,
            content_type,
            since: now,
            attempts: 0,
            not_before: now,
        })
    }

    /// The fields that it is sent with.
    #[must_use]
    pub fn fields(&self) -> Fields {
        let mut fields = Fields::new();
        fields.set(IDEMPOTENCY_KEY, &self.key);
        if !self.content_type.is_empty() {
            fields.set("content-type", &self.content_type);
        }
        fields
    }

    /// Whether this one makes `other`, which waits, needless: both put a whole, and to the same place.
    #[must_use]
    pub fn replaces(&self, other: &Self) -> bool {
        self.method == "PUT" && other.method == "PUT" && self.url == other.url && self.number > other.number
    }

    /// Whether it has waited too long to be sent at all.
    #[must_use]
    pub fn is_given_up(&self, now: Timestamp) -> bool {
        now.seconds_since(self.since) >= LONGEST
    }

    /// Whether it may be sent by now. A clock that was set back does not hold it up.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        now >= self.not_before || self.not_before.seconds_since(now) > DeltaSeconds::new(LONGEST_WISH)
    }

    /// What the answer means. No answer at all means that there is still no network, and is no attempt.
    #[must_use]
    pub fn judge(&self, answer: &ResponseHead, now: Timestamp) -> After {
        match answer.status {
            200..=399 => return After::Done,
            // Whoever is asked to sign in, to wait, or meets a failure is not refused.
            401 | 408 | 425 | 429 | 500.. => {}
            _ => return After::Refused,
        }
        let attempts = self.attempts + 1;
        if attempts >= MOST_ATTEMPTS {
            return After::Refused;
        }
        let wish = answer.fields.get("retry-after").and_then(|text| retry_after(text, now));
        let pause = wish.map_or_else(
            || (FIRST_PAUSE << (attempts - 1).min(10)).min(LONGEST_PAUSE),
            |wish| wish.get().min(LONGEST_WISH),
        );
        After::Later(Self { attempts, not_before: now + DeltaSeconds::new(pause), ..self.clone() })
    }

    /// The written form: one line of ASCII.
    #[must_use]
    pub fn write(&self) -> String {
        let numbers = [self.number, self.since.as_millis(), u64::from(self.attempts), self.not_before.as_millis()];
        let [number, since, attempts, not_before] = numbers.map(|number| text![number]);
        let credential = if self.wants_credential { "c" } else { "-" };
        [
            FORM,
            &number,
            &since,
            &attempts,
            &not_before,
            credential,
            &self.key,
            &self.method,
            &self.url,
            &self.content_type,
        ]
        .join(" ")
    }

    /// Reads the written form; `None` where it is none.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let mut words = text.splitn(10, ' ');
        let mut word = || words.next();
        if word()? != FORM {
            return None;
        }
        Some(Self {
            number: word()?.parse().ok()?,
            since: Timestamp::from_millis(word()?.parse().ok()?),
            attempts: word()?.parse().ok()?,
            not_before: Timestamp::from_millis(word()?.parse().ok()?),
            wants_credential: word()? == "c",
            key: word()?.to_owned(),
            method: word()?.to_owned(),
            url: word()?.to_owned(),
            content_type: word()?.to_owned(),
        })
    }
}

/// What a page gets for a mutation that waits: head and body.
#[must_use]
pub fn accepted(tier: Tier) -> (ResponseHead, &'static str) {
    let status = CacheStatus::forward(Forward::Method).because("queued").member(tier.cache_name());
    let mut fields: Fields =
        [("content-type", "application/json"), ("cache-control", "no-store")].into_iter().collect();
    fields.set("cache-status", status);
    (ResponseHead { status: 202, fields }, r#"{"success":true,"queued":true}"#)
}

/// `Retry-After = HTTP-date / delay-seconds` (RFC 9110 §10.2.3).
fn retry_after(text: &str, now: Timestamp) -> Option<DeltaSeconds> {
    DeltaSeconds::parse(text).or_else(|| Some(http_date::parse(text)?.seconds_since(now)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000_000);

    fn later(secs: u64) -> Timestamp {
        Timestamp::from_secs(1_000_000 + secs)
    }

    fn request(method: &str, fields: &[(&str, &str)]) -> RequestHead {
        RequestHead::new(method, "https://a.example/api/ratings/f1?x=%20", fields.iter().copied().collect())
    }

    fn waiting(method: &str) -> Waiting {
        Waiting::new(&request(method, &[("content-type", "application/json; charset=utf-8")]), "k", 7, NOW)
            .expect("it can wait")
    }

    fn answer(status: u16, retry_after: Option<&str>) -> ResponseHead {
        ResponseHead { status, fields: retry_after.map(|text| ("retry-after", text)).into_iter().collect() }
    }

    #[test]
    fn what_means_something_else_later_does_not_wait() {
        for (fields, waits) in [
            (&[][..], true),
            (&[("accept", "*/*"), ("x-csrf", "1")], true),
            (&[("if-match", "\"1\"")], false),
            (&[("if-unmodified-since", "x")], false),
            (&[("content-encoding", "gzip")], false),
            (&[("content-range", "bytes 0-1/2")], false),
            (&[("content-type", "text/é")], false),
            (&[("idempotency-key", "two words")], false),
        ] {
            assert_eq!(Waiting::new(&request("PUT", fields), "k", 1, NOW).is_some(), waits, "{fields:?}");
        }
    }

    #[test]
    fn no_credential_is_written() {
        let fields = [("authorization", "Bearer secret"), ("cookie", "session=secret"), ("content-type", "a/b")];
        let waiting = Waiting::new(&request("POST", &fields), "k", 1, NOW).expect("it can wait");
        assert!(waiting.wants_credential);
        assert!(!waiting.write().contains("secret"), "{}", waiting.write());
        assert_eq!(waiting.fields().to_text(), "idempotency-key\n\"k\"\ncontent-type\na/b\n");
        let own = Waiting::new(&request("POST", &[("idempotency-key", "\"mine\"")]), "k", 1, NOW).expect("it can wait");
        assert_eq!(own.fields().get(IDEMPOTENCY_KEY), Some("\"mine\""));
    }

    #[test]
    fn what_is_written_is_read() {
        for method in ["PUT", "POST"] {
            let mut waiting = waiting(method);
            (waiting.attempts, waiting.not_before) = (3, later(60));
            assert_eq!(Waiting::read(&waiting.write()), Some(waiting.clone()));
            waiting.content_type = String::new();
            assert_eq!(Waiting::read(&waiting.write()), Some(waiting));
        }
        for broken in ["", "1", "2 7 1 0 1 - k PUT u t", "1 x 1 0 1 - k PUT u t", "1 7 1 0 1 - k PUT u"] {
            assert_eq!(Waiting::read(broken), None, "{broken}");
        }
    }

    #[test]
    fn only_a_put_replaces_what_waits_for_the_same_place() {
        let newer = |method| Waiting { number: 8, ..waiting(method) };
        assert!(newer("PUT").replaces(&waiting("PUT")));
        for (new, old) in [
            (newer("POST"), waiting("POST")),
            (newer("PUT"), waiting("POST")),
            (newer("DELETE"), waiting("PUT")),
            (newer("PUT"), Waiting { url: "https://a.example/other".into(), ..waiting("PUT") }),
            (waiting("PUT"), newer("PUT")),
        ] {
            assert!(!new.replaces(&old), "{new:?} {old:?}");
        }
    }

    #[test]
    fn answers_are_judged() {
        for (status, done) in [(200, true), (201, true), (204, true), (303, true)] {
            assert_eq!(waiting("PUT").judge(&answer(status, None), NOW) == After::Done, done, "{status}");
        }
        for status in [400, 403, 404, 409, 410, 412, 413, 422] {
            assert_eq!(waiting("PUT").judge(&answer(status, None), NOW), After::Refused, "{status}");
        }
        for (status, wish, pause) in [
            (500, None, 15),
            (503, Some("120"), 120),
            (429, Some("0"), 0),
            (429, Some("99999999"), 86_400),
            (503, Some("soon"), 15),
            (401, None, 15),
            (408, None, 15),
        ] {
            let After::Later(waiting) = waiting("PUT").judge(&answer(status, wish), NOW) else { panic!("{status}") };
            assert_eq!((waiting.attempts, waiting.not_before), (1, later(pause)), "{status} {wish:?}");
            assert_eq!((waiting.is_due(later(pause)), pause == 0 || !waiting.is_due(NOW)), (true, true), "{status}");
        }
        let date = http_date::write(later(90));
        let After::Later(dated) = waiting("PUT").judge(&answer(503, Some(&date)), NOW) else { panic!("it waits") };
        assert_eq!(dated.not_before, later(90));
    }

    #[test]
    fn nothing_is_tried_for_ever() {
        let (mut waiting, mut attempts, mut pauses) = (waiting("PUT"), 0, Vec::new());
        loop {
            attempts += 1;
            match waiting.judge(&answer(503, None), NOW) {
                After::Later(next) => waiting = next,
                end => break assert_eq!(end, After::Refused),
            }
            pauses.push(waiting.not_before.seconds_since(NOW).get());
        }
        assert_eq!((attempts, &pauses[..4], pauses[18]), (20, &[15, 30, 60, 120][..], 3_600));
        assert!(!waiting_at(0).is_given_up(later(7 * 86_400 - 1)) && waiting_at(0).is_given_up(later(7 * 86_400)));
        let far = Waiting { not_before: later(2 * 86_400), ..waiting_at(0) };
        assert!(far.is_due(NOW), "the clock was set back");
    }

    fn waiting_at(secs: u64) -> Waiting {
        Waiting { since: later(secs), ..waiting("PUT") }
    }

    #[test]
    fn a_page_is_told_that_it_waits() {
        let (head, body) = accepted(Tier::ServiceWorker);
        assert_eq!(
            (head.status, head.fields.get("cache-status")),
            (202, Some("tiercel-sw; fwd=method; detail=\"queued\""))
        );
        assert_eq!(body, r#"{"success":true,"queued":true}"#);
    }
}
