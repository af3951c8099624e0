//! The files of a library: their categories, rows and names.

use crate::db;
use crate::respond::Failure;
use serde::{Deserialize, Serialize};
use worker::D1Database;

/// The three kinds of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Category {
    Videos,
    Images,
    Music,
}

impl Category {
    /// The category of that name, as paths and queries write it.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "videos" => Some(Self::Videos),
            "images" => Some(Self::Images),
            "music" => Some(Self::Music),
            _ => None,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Videos => "videos",
            Self::Images => "images",
            Self::Music => "music",
        }
    }

    /// The media types that are taken. An allowlist, because files are served from the app's own
    /// origin: an uploaded SVG or HTML page could run script there.
    pub(crate) fn media_types(self) -> &'static [&'static str] {
        match self {
            Self::Videos => &["video/mp4", "video/webm", "video/quicktime", "video/ogg"],
            Self::Images => &["image/jpeg", "image/png", "image/webp", "image/gif", "image/avif"],
            Self::Music => &[
                "audio/mpeg",
                "audio/mp4",
                "audio/aac",
                "audio/ogg",
                "audio/webm",
                "audio/flac",
                "audio/wav",
                "audio/x-wav",
            ],
        }
    }

    /// The letter that a new id starts with, so that a person can tell ids apart in a log.
    pub(crate) fn id_prefix(self) -> &'static str {
        match self {
            Self::Videos => "v_",
            Self::Images => "i_",
            Self::Music => "m_",
        }
    }
}

/// The name of a file within its category, checked to be one that an id can have, so that
/// whatever a client sends never becomes an R2 key of another kind.
#[derive(Clone, Debug)]
pub(crate) struct FileName {
    pub(crate) category: Category,
    pub(crate) id: String,
}

impl FileName {
    /// # Errors
    /// 404 for an unknown category or an id that no file can have.
    pub(crate) fn parse(category: &str, id: &str) -> Result<Self, Failure> {
        let category = Category::parse(category)
            .ok_or_else(|| Failure::not_found(format!("no category {category:?}: videos, images or music")))?;
        if !is_id(id) {
            return Err(no_such_file());
        }
        Ok(Self { category, id: id.to_owned() })
    }

    /// The R2 key of the file itself.
    pub(crate) fn media_key(&self) -> String {
        format!("media/{}/{}", self.category.as_str(), self.id)
    }

    /// The R2 key of its thumbnail, which need not exist.
    pub(crate) fn thumbnail_key(&self) -> String {
        format!("thumbnails/{}/{}", self.category.as_str(), self.id)
    }
}

/// Whether a file may have this id.
pub(crate) fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// A row of `files`, which is also how a file looks in the answers.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct File {
    pub(crate) id: String,
    #[serde(skip_serializing)]
    pub(crate) owner_id: String,
    pub(crate) name: String,
    pub(crate) category: Category,
    #[serde(rename(serialize = "type"))]
    pub(crate) content_type: String,
    /// Bytes.
    pub(crate) size: u64,
    #[serde(serialize_with = "db::as_rfc3339")]
    pub(crate) created_at: f64,
    /// Pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) height: Option<u32>,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) duration: Option<f64>,
}

/// The columns of a [`File`].
pub(crate) const COLUMNS: &str =
    "id, owner_id, name, category, content_type, size, created_at, width, height, duration";

/// A file as its own page shows it: with what lists leave out.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct FileInfo {
    #[serde(flatten)]
    pub(crate) file: File,
    pub(crate) description: String,
    #[serde(serialize_with = "db::as_rfc3339")]
    pub(crate) updated_at: f64,
}

/// The file of that name.
///
/// # Errors
/// 404 where there is none.
pub(crate) async fn find(db: &D1Database, name: &FileName) -> Result<FileInfo, Failure> {
    let sql = format!("SELECT {COLUMNS}, description, updated_at FROM files WHERE id = ?1 AND category = ?2");
    db::first(db, &sql, &[name.id.as_str().into(), name.category.as_str().into()]).await?.ok_or_else(no_such_file)
}

/// The file of that name, if `user_id` owns it.
///
/// # Errors
/// 404 where there is none, 403 where it is somebody else's.
pub(crate) async fn find_owned(db: &D1Database, name: &FileName, user_id: &str) -> Result<FileInfo, Failure> {
    let info = find(db, name).await?;
    if info.file.owner_id == user_id { Ok(info) } else { Err(Failure::forbidden("this file belongs to somebody else")) }
}

/// # Errors
/// 404 unless a file of that id exists, in whatever category.
pub(crate) async fn must_exist(db: &D1Database, id: &str) -> Result<(), Failure> {
    #[derive(Deserialize)]
    struct Row {}
    if !is_id(id) {
        return Err(no_such_file());
    }
    let row: Option<Row> = db::first(db, "SELECT 1 AS present FROM files WHERE id = ?1", &[id.into()]).await?;
    row.map(|_| ()).ok_or_else(no_such_file)
}

/// A name as a person typed it: trimmed, 1 to 200 characters, none of them a control character.
///
/// # Errors
/// 400 naming the field.
pub(crate) fn clean_name(field: &str, name: &str) -> Result<String, Failure> {
    let name = name.trim();
    let length = name.chars().count();
    if length == 0 || length > 200 || name.chars().any(char::is_control) {
        return Err(Failure::bad_request(format!("{field} must have 1 to 200 characters, and no control characters")));
    }
    Ok(name.to_owned())
}

fn no_such_file() -> Failure {
    Failure::not_found("no such file")
}
