//! One request to Spotify and its answer: within the time that there is, and waiting where Spotify says so.

use super::{Settings, failed};
use crate::respond::Failure;
use futures_util::lock::Mutex;
use js_sys::futures::JsFuture;
use serde::de::DeserializeOwned;
use std::cell::Cell;
use std::time::Duration;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{AbortSignal, Headers, RequestInit, RequestRedirect, WorkerGlobalScope};
use worker::Delay;

/// How long one request of ours waits in all because Spotify limits its rate, in seconds.
const PATIENCE: u32 = 3;

/// All of Spotify that one request of ours gets: its calls share the time and the patience.
pub(crate) struct Line {
    signal: AbortSignal,
    /// Held while a call waits because of a limit: that is the limit of all calls.
    waiting: Mutex<()>,
    /// How often, and how many seconds, was waited.
    pauses: Cell<u32>,
    waited: Cell<u32>,
}

/// A request: GET without a body, POST of a form with one.
pub(super) struct Ask<'a> {
    pub(super) url: &'a str,
    pub(super) authorization: &'a str,
    pub(super) form: Option<&'a str>,
}

/// An answer, whatever its status.
pub(super) struct Reply {
    pub(super) status: u16,
    body: String,
}

impl Reply {
    /// # Errors
    /// 502 where the body is not what was asked for.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        // Not in the words of the error, which may quote what stands there: a token.
        serde_json::from_str(&self.body)
            .map_err(|error| failed(&format!("its JSON is not as documented ({:?})", error.classify())))
    }
}

impl Line {
    /// The time runs from here.
    pub(crate) fn open(settings: &Settings) -> Self {
        Self {
            signal: AbortSignal::timeout_with_u32(settings.timeout),
            waiting: Mutex::new(()),
            pauses: Cell::new(0),
            waited: Cell::new(0),
        }
    }

    /// Whether the time is over.
    pub(super) fn is_over(&self) -> bool {
        self.signal.aborted()
    }

    /// Sends a request, and again after a limit that is short.
    ///
    /// # Errors
    /// 504 when the time is over, 502 when there is no connection, 503 with `Retry-After` for a limit that is long.
    pub(super) async fn send(&self, ask: &Ask<'_>) -> Result<Reply, Failure> {
        loop {
            drop(self.waiting.lock().await);
            let pauses = self.pauses.get();
            let (reply, retry_after) = self.once(ask).await.map_err(|error| self.broken(&error))?;
            if reply.status != 429 {
                return Ok(reply);
            }
            self.pause(pauses, retry_after).await?;
        }
    }

    /// The 504 of this line.
    pub(super) fn timeout() -> Failure {
        Failure::new(504, "spotify_timeout", "Spotify did not answer in time: try again later")
    }

    async fn once(&self, ask: &Ask<'_>) -> Result<(Reply, Option<u32>), JsValue> {
        let headers = Headers::new()?;
        headers.set("Authorization", ask.authorization)?;
        let init = RequestInit::new();
        if let Some(form) = ask.form {
            init.set_method("POST");
            headers.set("Content-Type", "application/x-www-form-urlencoded")?;
            init.set_body(&form.into());
        }
        init.set_headers(&headers);
        init.set_signal(Some(&self.signal));
        // Neither service redirects, and no other host may get the credentials.
        init.set_redirect(RequestRedirect::Manual);
        let scope: WorkerGlobalScope = js_sys::global().unchecked_into();
        let response = JsFuture::from(scope.fetch_with_str_and_init(ask.url, &init)).await?;
        let response: web_sys::Response = response.unchecked_into();
        let retry_after = response.headers().get("Retry-After")?.and_then(|value| value.trim().parse().ok());
        let body = JsFuture::from(response.text()?).await?.as_string().unwrap_or_default();
        Ok((Reply { status: response.status(), body }, retry_after))
    }

    fn broken(&self, error: &JsValue) -> Failure {
        if self.is_over() {
            return Self::timeout();
        }
        worker::console_error!("origin: no connection to Spotify: {error:?}");
        Failure::new(502, "spotify_unreachable", "Spotify cannot be reached: try again later")
    }

    /// Waits for the end of a limit, unless another call has done so since this one began, before its pause number `begun`.
    async fn pause(&self, begun: u32, retry_after: Option<u32>) -> Result<(), Failure> {
        let _waiting = self.waiting.lock().await;
        if self.pauses.get() != begun {
            return Ok(());
        }
        let seconds = retry_after.map(|seconds| seconds.max(1));
        let Some(seconds) = seconds.filter(|seconds| seconds.saturating_add(self.waited.get()) <= PATIENCE) else {
            let failure =
                Failure::new(503, "spotify_rate_limited", "Spotify has had too many requests: try again later");
            return Err(match retry_after {
                Some(seconds) => failure.with_header("Retry-After", seconds.to_string()),
                None => failure,
            });
        };
        Delay::from(Duration::from_secs(seconds.into())).await;
        self.pauses.set(begun + 1);
        self.waited.set(self.waited.get() + seconds);
        Ok(())
    }
}
