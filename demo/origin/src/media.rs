//! The bytes of files and thumbnails, streamed from R2: public to whoever has the unguessable id.

use crate::call::Call;
use crate::condition;
use crate::library::{self, FileName};
use crate::placeholder;
use crate::range::{self, Wanted};
use crate::respond::{Answer, Failure};
use worker::{Headers, Object, Range, Response, ResponseBody};

/// A file never changes under its id: an edit touches its metadata only.
const FILE_CACHE_CONTROL: &str = "public, max-age=31536000, immutable";
const THUMBNAIL_CACHE_CONTROL: &str = "public, max-age=86400";

/// GET `/api/files/:category/:fileId`.
pub(crate) async fn file(call: &Call, category: &str, id: &str) -> Answer {
    let name = FileName::parse(category, id)?;
    object(call, &name.media_key(), FILE_CACHE_CONTROL).await?.ok_or_else(|| Failure::not_found("no such file"))
}

/// GET `/api/files/:category/:fileId/thumbnail`: the uploaded one, or else a drawn placeholder.
pub(crate) async fn thumbnail(call: &Call, category: &str, id: &str) -> Answer {
    let name = FileName::parse(category, id)?;
    if let Some(answer) = object(call, &name.thumbnail_key(), THUMBNAIL_CACHE_CONTROL).await? {
        return Ok(answer);
    }
    let info = library::find(&call.db()?, &name).await?;
    let headers = Headers::new();
    headers.set("Content-Type", "image/svg+xml; charset=utf-8")?;
    headers.set("Cache-Control", THUMBNAIL_CACHE_CONTROL)?;
    headers.set("X-Content-Type-Options", "nosniff")?;
    // The name is escaped; this is for whoever opens the drawing as a page all the same.
    headers.set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")?;
    let drawing = placeholder::draw(name.category, &info.file.name).into_bytes();
    Ok(Response::builder().with_headers(headers).fixed(drawing))
}

/// Answers with an R2 object, honouring the preconditions and `Range`; `None` where R2 has none.
///
/// The order of evaluation is that of RFC 9110 §13.2.2.
async fn object(call: &Call, key: &str, cache_control: &str) -> Result<Option<Response>, Failure> {
    let bucket = call.media()?;
    let if_none_match = call.header("If-None-Match");
    let range = call.header("Range").filter(|_| !call.is_head());

    // A plain GET takes one R2 operation. Everything else asks for the metadata first: R2 answers
    // a range beyond the end with an exception, and knows no lists of entity tags.
    if if_none_match.is_none() && range.is_none() && !call.is_head() {
        let Some(object) = bucket.get(key).execute().await? else {
            return Ok(None);
        };
        let headers = object_headers(&object, cache_control)?;
        return whole(&object, headers).map(Some);
    }

    let Some(head) = bucket.head(key).await? else {
        return Ok(None);
    };
    let headers = object_headers(&head, cache_control)?;
    let etag = head.http_etag();
    if if_none_match.is_some_and(|known| condition::any_match(&known, &etag)) {
        headers.delete("Content-Type")?;
        return Ok(Some(Response::builder().with_status(304).with_headers(headers).empty()));
    }
    if call.is_head() {
        headers.set("Content-Length", &head.size().to_string())?;
        return Ok(Some(Response::builder().with_headers(headers).empty()));
    }

    let applies = match (call.header("If-Range"), headers.get("Last-Modified")?) {
        (Some(validator), Some(modified)) => condition::range_still_applies(&validator, &etag, &modified),
        (Some(_), None) => false,
        (None, _) => true,
    };
    let wanted = match range {
        Some(range) if applies => range::parse(&range, head.size()),
        _ => Wanted::Whole,
    };
    match wanted {
        Wanted::Whole => match bucket.get(key).execute().await? {
            Some(object) => whole(&object, headers).map(Some),
            None => Ok(None),
        },
        Wanted::Nothing => {
            Err(Failure::new(416, "range_not_satisfiable", format!("the file has {} bytes", head.size()))
                .with_header("Accept-Ranges", "bytes")
                .with_header("Content-Range", format!("bytes */{}", head.size())))
        }
        Wanted::Part(span) => {
            let part = Range::OffsetWithLength { offset: span.start, length: span.length };
            let Some(object) = bucket.get(key).range(part).execute().await? else {
                return Ok(None);
            };
            headers.set("Content-Range", &span.content_range(head.size()))?;
            headers.set("Content-Length", &span.length.to_string())?;
            let body = stream(&object)?;
            Ok(Some(Response::builder().with_status(206).with_headers(headers).body(body)))
        }
    }
}

fn whole(object: &Object, headers: Headers) -> Answer {
    headers.set("Content-Length", &object.size().to_string())?;
    Ok(Response::builder().with_headers(headers).body(stream(object)?))
}

/// The object's body as the runtime's own stream, which passes to the client without entering
/// the memory of this Worker.
fn stream(object: &Object) -> Result<ResponseBody, Failure> {
    match object.body() {
        Some(body) => Ok(body.response_body()?),
        None => Ok(ResponseBody::Empty),
    }
}

fn object_headers(object: &Object, cache_control: &str) -> Result<Headers, Failure> {
    let headers = Headers::new();
    let content_type = object.http_metadata().content_type;
    headers.set("Content-Type", content_type.as_deref().unwrap_or("application/octet-stream"))?;
    headers.set("Cache-Control", cache_control)?;
    headers.set("ETag", &object.http_etag())?;
    headers.set("Last-Modified", &http_date(object))?;
    headers.set("Accept-Ranges", "bytes")?;
    headers.set("X-Content-Type-Options", "nosniff")?;
    Ok(headers)
}

/// The upload's time as an IMF-fixdate (RFC 9110 §5.6.7), which is what `toUTCString` writes.
fn http_date(object: &Object) -> String {
    let date: js_sys::Date = object.uploaded().into();
    date.to_utc_string().into()
}
