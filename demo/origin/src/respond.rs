//! The shape of every JSON answer: `{"success": true, "data": ...}` with a validator, or
//! `{"success": false, "error": {"code": ..., "message": ...}}`.

use crate::call::Call;
use crate::condition;
use crate::webcrypto;
use serde::Serialize;
use worker::{Headers, Response, console_error};

/// What a route answers with.
pub(crate) type Answer = Result<Response, Failure>;

/// How a JSON answer may be kept. This origin asks for nothing clever: with no cache in front of
/// it, every answer is checked again by its `ETag`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// The same for everybody; kept only to be validated.
    Shared,
    /// One user's; kept by that user's browser only, and only to be validated.
    PerUser,
    /// Not to be kept at all.
    Never,
}

impl Keep {
    fn cache_control(self) -> &'static str {
        match self {
            Self::Shared => "no-cache",
            Self::PerUser => "private, no-cache",
            Self::Never => "no-store",
        }
    }
}

/// A refusal: what the client is told instead of data.
#[derive(Debug)]
pub(crate) struct Failure {
    status: u16,
    code: &'static str,
    message: String,
    headers: Vec<(&'static str, String)>,
}

impl Failure {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), headers: Vec::new() }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "bad_request", message)
    }

    /// 401 with the challenge that RFC 9110 §11.6.1 asks for.
    pub(crate) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(401, "unauthorized", message).with_header("WWW-Authenticate", "Bearer realm=\"videomi\"")
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(403, "forbidden", message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, "not_found", message)
    }

    /// 405, with the methods that would do; HEAD is understood wherever GET is.
    pub(crate) fn method_not_allowed(allow: &str) -> Self {
        let allow = allow.replace("GET", "GET, HEAD");
        Self::new(405, "method_not_allowed", format!("this resource answers {allow}")).with_header("Allow", allow)
    }

    pub(crate) fn too_large(message: impl Into<String>) -> Self {
        Self::new(413, "too_large", message)
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The finished response.
    ///
    /// # Errors
    /// When the runtime refuses to build it.
    pub(crate) fn into_response(self) -> worker::Result<Response> {
        #[derive(Serialize)]
        struct Body<'a> {
            success: bool,
            error: Detail<'a>,
        }
        #[derive(Serialize)]
        struct Detail<'a> {
            code: &'a str,
            message: &'a str,
        }
        let error = Detail { code: self.code, message: &self.message };
        let body = serde_json::to_vec(&Body { success: false, error })?;
        let headers = json_headers(Keep::Never)?;
        for (name, value) in &self.headers {
            headers.set(name, value)?;
        }
        Ok(Response::builder().with_status(self.status).with_headers(headers).fixed(body))
    }
}

/// A failing binding: the log has the cause, the client only that it was not its fault.
impl From<worker::Error> for Failure {
    fn from(error: worker::Error) -> Self {
        console_error!("origin: {error}");
        Self::new(500, "internal", "the origin could not answer; its log says why")
    }
}

impl From<wasm_bindgen::JsValue> for Failure {
    fn from(error: wasm_bindgen::JsValue) -> Self {
        worker::Error::from(error).into()
    }
}

/// Answers a read: 200 with a strong `ETag` of the content, or 304 where the client has it.
pub(crate) async fn read<T: Serialize>(call: &Call, keep: Keep, data: &T) -> Answer {
    let body = envelope(data)?;
    let digest = webcrypto::sha256(&body).await?;
    let etag = format!("\"{}\"", webcrypto::base64url(&digest[..16]));
    let headers = json_headers(keep)?;
    headers.set("ETag", &etag)?;
    let known = call.header("If-None-Match");
    if known.is_some_and(|known| condition::any_match(&known, &etag)) {
        headers.delete("Content-Type")?;
        return Ok(Response::builder().with_status(304).with_headers(headers).empty());
    }
    Ok(Response::builder().with_headers(headers).fixed(body))
}

/// Answers with data that no cache may keep: a mutation's outcome, or something sensitive.
pub(crate) fn fresh<T: Serialize>(status: u16, data: &T) -> Answer {
    let headers = json_headers(Keep::Never)?;
    Ok(Response::builder().with_status(status).with_headers(headers).fixed(envelope(data)?))
}

/// The same head with no content, for HEAD.
pub(crate) fn without_body(response: Response) -> Response {
    let (builder, body) = response.into_parts();
    if let worker::ResponseBody::Body(bytes) = &body
        && let Ok(builder) = builder.clone().with_header("Content-Length", &bytes.len().to_string())
    {
        return builder.empty();
    }
    builder.empty()
}

fn envelope<T: Serialize>(data: &T) -> worker::Result<Vec<u8>> {
    #[derive(Serialize)]
    struct Envelope<'a, T> {
        success: bool,
        data: &'a T,
    }
    Ok(serde_json::to_vec(&Envelope { success: true, data })?)
}

fn json_headers(keep: Keep) -> worker::Result<Headers> {
    let headers = Headers::new();
    headers.set("Content-Type", "application/json; charset=utf-8")?;
    headers.set("Cache-Control", keep.cache_control())?;
    headers.set("X-Content-Type-Options", "nosniff")?;
    if keep != Keep::Shared {
        headers.set("Vary", "Authorization, Cookie")?;
    }
    Ok(headers)
}
