//! `/api/upload`: taking a file in, and `/api/upload/user/:userId`, the list of what came in.

use crate::call::{Call, Verb, now_millis};
use crate::library::{self, Category, File, FileName};
use crate::respond::{self, Answer, Failure};
use crate::{db, files, webcrypto};
use js_sys::futures::JsFuture;
use serde::Serialize;
use std::str::FromStr;
use wasm_bindgen::{JsCast, JsValue};
use worker::console_error;
use worker::worker_sys::R2Bucket;

const MIB: u64 = 1024 * 1024;
/// The largest file, in bytes.
const MAX_FILE: u64 = 50 * MIB;
/// The largest thumbnail, in bytes.
const MAX_THUMBNAIL: u64 = MIB;
/// What the boundaries and the other fields of the form may add, in bytes.
const FORM_OVERHEAD: u64 = 64 * 1024;

pub(crate) async fn route(call: &Call, path: &[&str]) -> Option<Answer> {
    Some(match *path {
        [] => match call.verb() {
            Verb::Post => upload(call).await,
            _ => Err(Failure::method_not_allowed("POST")),
        },
        ["user", user_id] => match call.verb() {
            Verb::Get => files::list(call, user_id).await,
            _ => Err(Failure::method_not_allowed("GET")),
        },
        _ => return None,
    })
}

async fn upload(call: &Call) -> Answer {
    #[derive(Serialize)]
    struct Uploaded {
        file: File,
    }
    let session = call.session().await?;
    // Refused before any of it is in memory; a body of unannounced size is measured once it is.
    if call.content_length().is_some_and(|size| size > MAX_FILE + MAX_THUMBNAIL + FORM_OVERHEAD) {
        call.discard_body().await;
        return Err(file_too_large());
    }
    let Form { source, thumbnail, category, mut file } = Form::read(call).await?;
    file.id = format!("{}{}", category.id_prefix(), webcrypto::random_id()?);
    file.owner_id = session.user_id;
    file.created_at = now_millis();
    let name = FileName { category, id: file.id.clone() };

    put(call, &name.media_key(), &source, &file.content_type).await?;
    let stored = async {
        if let Some(thumbnail) = &thumbnail {
            put(call, &name.thumbnail_key(), thumbnail, &thumbnail.type_()).await?;
        }
        insert(call, &file).await
    };
    if let Err(failure) = stored.await {
        // Objects that no row names would stay public with nobody able to remove them.
        let keys = vec![name.media_key(), name.thumbnail_key()];
        if let Err(error) = call.media()?.delete_multiple(keys).await {
            console_error!("origin: an upload failed and left {} behind: {error}", name.id);
        }
        return Err(failure);
    }
    respond::fresh(201, &Uploaded { file })
}

/// The fields of an upload, checked.
struct Form {
    source: web_sys::File,
    thumbnail: Option<web_sys::File>,
    category: Category,
    /// All but its id, owner and time.
    file: File,
}

impl Form {
    async fn read(call: &Call) -> Result<Self, Failure> {
        let form = call.form().await?;
        let source =
            file_field(&form, "file").ok_or_else(|| Failure::bad_request("the field file must hold the file"))?;
        let category = text_field(&form, "category")
            .and_then(|name| Category::parse(&name))
            .ok_or_else(|| Failure::bad_request("the field category must be videos, images or music"))?;
        if size_of(&source) > MAX_FILE {
            return Err(file_too_large());
        }
        let content_type = media_type(&source);
        if !category.media_types().contains(&content_type.as_str()) {
            return Err(unsupported("file", &content_type, category));
        }
        let thumbnail = file_field(&form, "thumbnail").filter(|image| image.size() > 0.0);
        if let Some(image) = &thumbnail {
            if !Category::Images.media_types().contains(&media_type(image).as_str()) {
                return Err(unsupported("thumbnail", &media_type(image), Category::Images));
            }
            if size_of(image) > MAX_THUMBNAIL {
                return Err(Failure::too_large("a thumbnail may have 1 MiB at most"));
            }
        }
        let name = match text_field(&form, "name") {
            Some(name) => library::clean_name("name", &name)?,
            None => library::clean_name("the file's name", &source.name())?,
        };
        let file = File {
            id: String::new(),
            owner_id: String::new(),
            name,
            category,
            content_type,
            size: size_of(&source),
            created_at: 0.0,
            width: number_field(&form, "width")?,
            height: number_field(&form, "height")?,
            duration: number_field(&form, "duration")?.filter(|seconds: &f64| seconds.is_finite()),
        };
        Ok(Self { source, thumbnail, category, file })
    }
}

/// Stores a file of the form. R2 takes the `File` itself; reading it into this Worker's memory
/// first would double what an upload occupies, and an isolate has 128 MB.
async fn put(call: &Call, key: &str, file: &web_sys::File, content_type: &str) -> Result<(), Failure> {
    let bucket = call.media()?;
    let bucket: &R2Bucket = bucket.as_ref().unchecked_ref();
    let metadata = js_sys::Object::new();
    js_sys::Reflect::set(&metadata, &"contentType".into(), &content_type.into())?;
    let options = js_sys::Object::new();
    js_sys::Reflect::set(&options, &"httpMetadata".into(), &metadata)?;
    JsFuture::from(bucket.put(key.to_owned(), file.into(), options.into())?).await?;
    Ok(())
}

async fn insert(call: &Call, file: &File) -> Result<(), Failure> {
    // D1 takes numbers, not the BigInt that a u64 would become; no size here needs more than 53 bits.
    let number = |value: u64| JsValue::from_f64(value as f64);
    let optional = |value: Option<f64>| value.map_or(JsValue::NULL, JsValue::from_f64);
    db::run(
        &call.db()?,
        "INSERT INTO files (id, owner_id, category, name, content_type, size, width, height, \
         duration, created_at, updated_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10)",
        &[
            file.id.as_str().into(),
            file.owner_id.as_str().into(),
            file.category.as_str().into(),
            file.name.as_str().into(),
            file.content_type.as_str().into(),
            number(file.size),
            optional(file.width.map(f64::from)),
            optional(file.height.map(f64::from)),
            optional(file.duration),
            file.created_at.into(),
        ],
    )
    .await
}

fn file_field(form: &web_sys::FormData, name: &str) -> Option<web_sys::File> {
    form.get(name).dyn_into().ok()
}

fn text_field(form: &web_sys::FormData, name: &str) -> Option<String> {
    form.get(name).as_string().filter(|text| !text.trim().is_empty())
}

/// A number that the page may tell because only it can look into the file.
fn number_field<T: FromStr + PartialOrd + Default>(form: &web_sys::FormData, name: &str) -> Result<Option<T>, Failure> {
    let Some(text) = text_field(form, name) else {
        return Ok(None);
    };
    match text.trim().parse() {
        Ok(number) if number > T::default() => Ok(Some(number)),
        _ => Err(Failure::bad_request(format!("the field {name} is {text:?}: expected a number above 0"))),
    }
}

/// The media type without its parameters, in lower case.
fn media_type(file: &web_sys::File) -> String {
    let content_type = file.type_();
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of bytes")]
fn size_of(file: &web_sys::File) -> u64 {
    file.size() as u64
}

fn file_too_large() -> Failure {
    Failure::too_large("a file may have 50 MiB at most")
}

fn unsupported(field: &str, content_type: &str, category: Category) -> Failure {
    Failure::new(
        415,
        "unsupported_media_type",
        format!(
            "the {field} is of type {content_type:?}; {} may be {}",
            category.as_str(),
            category.media_types().join(", ")
        ),
    )
}
