//! One request, as the routes see it.

use crate::respond::Failure;
use crate::session::{self, Session};
use js_sys::futures::JsFuture;
use js_sys::{Function, Promise};
use serde::de::DeserializeOwned;
use wasm_bindgen::{JsCast, JsValue};
use worker::{Context, D1Database, Env};

/// The longest JSON body that a route reads, in bytes.
const MAX_JSON_BYTES: usize = 64 * 1024;

/// The methods that some route of this API answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// GET, and HEAD, which differs only in what is sent.
    Get,
    Post,
    Put,
    Patch,
    Delete,
    /// A method that no route answers.
    Other,
}

/// A request with its URL taken apart, and the bindings that serve it.
pub(crate) struct Call {
    request: web_sys::Request,
    env: Env,
    context: Context,
    url: web_sys::Url,
    method: String,
}

impl Call {
    /// # Errors
    /// 400 when the URL cannot be read.
    pub(crate) fn new(request: web_sys::Request, env: Env, context: Context) -> Result<Self, Failure> {
        let url =
            web_sys::Url::new(&request.url()).map_err(|_| Failure::bad_request("the request's URL is malformed"))?;
        let method = request.method();
        Ok(Self { request, env, context, url, method })
    }

    pub(crate) fn request(&self) -> &web_sys::Request {
        &self.request
    }

    pub(crate) fn env(&self) -> &Env {
        &self.env
    }

    pub(crate) fn url(&self) -> &web_sys::Url {
        &self.url
    }

    pub(crate) fn verb(&self) -> Verb {
        match self.method.as_str() {
            "GET" | "HEAD" => Verb::Get,
            "POST" => Verb::Post,
            "PUT" => Verb::Put,
            "PATCH" => Verb::Patch,
            "DELETE" => Verb::Delete,
            _ => Verb::Other,
        }
    }

    pub(crate) fn is_head(&self) -> bool {
        self.method == "HEAD"
    }

    /// The path after `/api`, cut at its slashes and then decoded, or `None` for a path outside
    /// it. Decoding comes last so that an encoded slash stays within its segment. A segment that
    /// is not valid percent-encoding stays as it is and matches nothing.
    pub(crate) fn api_path(&self) -> Option<Vec<String>> {
        let path = self.url.pathname();
        let mut segments = path.split('/').skip(1);
        (segments.next() == Some("api")).then(|| segments.map(decode).collect())
    }

    /// The first value of a query parameter; `None` where it is absent or empty.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        self.url.search_params().get(name).filter(|value| !value.is_empty())
    }

    pub(crate) fn is_https(&self) -> bool {
        self.url.protocol() == "https:"
    }

    /// A request header's value, several lines joined by commas; `None` where it is absent.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.request.headers().get(name).ok().flatten()
    }

    /// The value of the first cookie of that name.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        self.header("Cookie")?
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.trim_matches('"').to_owned())
    }

    /// The body, read as JSON.
    ///
    /// # Errors
    /// 400 saying that `expected` was expected and where the body differs from it; 413 for a body
    /// over 64 KiB.
    pub(crate) async fn json<T: DeserializeOwned>(&self, expected: &str) -> Result<T, Failure> {
        let too_large = || Failure::too_large(format!("a JSON body may have {MAX_JSON_BYTES} bytes at most"));
        if self.content_length().is_some_and(|length| length > MAX_JSON_BYTES as u64) {
            return Err(too_large());
        }
        let unreadable = |_| Failure::bad_request(format!("expected {expected}: no body came"));
        let body = JsFuture::from(self.request.text().map_err(unreadable)?)
            .await
            .map_err(unreadable)?
            .as_string()
            .unwrap_or_default();
        if body.len() > MAX_JSON_BYTES {
            return Err(too_large());
        }
        serde_json::from_str(&body).map_err(|error| Failure::bad_request(format!("expected {expected}: {error}")))
    }

    /// The body, read as `multipart/form-data`.
    ///
    /// # Errors
    /// 400 for anything else.
    pub(crate) async fn form(&self) -> Result<web_sys::FormData, Failure> {
        let malformed =
            |_| Failure::bad_request("expected a multipart/form-data body with the fields file and category");
        let form = JsFuture::from(self.request.form_data().map_err(malformed)?).await.map_err(malformed)?;
        Ok(form.unchecked_into())
    }

    /// Reads the body to its end and keeps none of it: a client that is still sending when its
    /// answer comes sees a broken connection instead of the answer.
    pub(crate) async fn discard_body(&self) {
        if let (Some(body), Ok(nowhere)) = (self.request.body(), web_sys::WritableStream::new()) {
            // The client may give up as well, which is all the same here.
            let _ = JsFuture::from(body.pipe_to(&nowhere)).await;
        }
    }

    /// The announced size of the body in bytes, where the client announced one.
    pub(crate) fn content_length(&self) -> Option<u64> {
        self.header("Content-Length")?.parse().ok()
    }

    /// A variable or secret of this Worker; `None` where it is absent or empty.
    pub(crate) fn setting(&self, name: &str) -> Option<String> {
        let value = self.env.var(name).ok()?.to_string();
        Some(value).filter(|value| !value.is_empty())
    }

    /// Has this request go on when its client has gone away, until the value is dropped: for what must not be left half
    /// done. (The platform otherwise ends it; workerd alone does not.)
    pub(crate) fn outlive_client(&self) -> Outliving {
        let mut end = None;
        let promise = Promise::new(&mut |resolve, _| end = Some(resolve));
        self.context.wait_until(async move {
            // It never rejects.
            let _ = JsFuture::from(promise).await;
        });
        Outliving(end)
    }

    /// The verified session of this request.
    ///
    /// # Errors
    /// 401 where there is none, or where its token is broken or has run out.
    pub(crate) async fn session(&self) -> Result<Session, Failure> {
        session::verify(self).await
    }

    pub(crate) fn db(&self) -> Result<D1Database, Failure> {
        Ok(self.env.d1("DB")?)
    }

    pub(crate) fn media(&self) -> Result<worker::Bucket, Failure> {
        Ok(self.env.bucket("MEDIA")?)
    }
}

/// A request that ends when its work does.
pub(crate) struct Outliving(Option<Function>);

impl Drop for Outliving {
    fn drop(&mut self) {
        if let Some(end) = &self.0 {
            // It cannot throw: it is the resolving function of a promise.
            let _ = end.call0(&JsValue::UNDEFINED);
        }
    }
}

/// Milliseconds since the Unix epoch, by the runtime's clock.
pub(crate) fn now_millis() -> f64 {
    js_sys::Date::now()
}

fn decode(segment: &str) -> String {
    js_sys::decode_uri_component(segment).map_or_else(|_| segment.to_owned(), String::from)
}
