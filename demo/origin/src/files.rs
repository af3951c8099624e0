//! `/api/files/:category/:fileId…`, and the list of a user's files.

use crate::call::{Call, Verb, now_millis};
use crate::library::{self, COLUMNS, Category, File, FileInfo, FileName};
use crate::respond::{self, Answer, Failure, Keep};
use crate::{db, media};
use serde::{Deserialize, Serialize};

const MAX_DESCRIPTION: usize = 5_000;

pub(crate) async fn route(call: &Call, path: &[&str]) -> Option<Answer> {
    Some(match *path {
        [category, id] => match call.verb() {
            Verb::Get => media::file(call, category, id).await,
            Verb::Delete => delete(call, category, id).await,
            _ => Err(Failure::method_not_allowed("GET, DELETE")),
        },
        [category, id, "info"] => match call.verb() {
            Verb::Get => info(call, category, id).await,
            Verb::Patch => update(call, category, id).await,
            _ => Err(Failure::method_not_allowed("GET, PATCH")),
        },
        [category, id, "thumbnail"] => match call.verb() {
            Verb::Get => media::thumbnail(call, category, id).await,
            _ => Err(Failure::method_not_allowed("GET")),
        },
        _ => return None,
    })
}

/// GET `/api/upload/user/:userId?category=`: a user's files, newest first.
pub(crate) async fn list(call: &Call, user_id: &str) -> Answer {
    #[derive(Serialize)]
    struct List {
        files: Vec<File>,
    }
    let session = call.session().await?;
    if session.user_id != user_id {
        return Err(Failure::forbidden("these files belong to somebody else"));
    }
    let category = call
        .query("category")
        .map(|name| {
            Category::parse(&name)
                .ok_or_else(|| Failure::bad_request(format!("category is {name:?}: videos, images or music")))
        })
        .transpose()?;
    let db = call.db()?;
    let files = match category {
        Some(category) => {
            let sql = format!(
                "SELECT {COLUMNS} FROM files WHERE owner_id = ?1 AND category = ?2 \
                 ORDER BY created_at DESC, id"
            );
            db::all(&db, &sql, &[user_id.into(), category.as_str().into()]).await?
        }
        None => {
            let sql = format!("SELECT {COLUMNS} FROM files WHERE owner_id = ?1 ORDER BY created_at DESC, id");
            db::all(&db, &sql, &[user_id.into()]).await?
        }
    };
    respond::read(call, Keep::PerUser, &List { files }).await
}

#[derive(Serialize)]
struct Info {
    file: FileInfo,
}

async fn info(call: &Call, category: &str, id: &str) -> Answer {
    let session = call.session().await?;
    let name = FileName::parse(category, id)?;
    let file = library::find_owned(&call.db()?, &name, &session.user_id).await?;
    respond::read(call, Keep::PerUser, &Info { file }).await
}

async fn update(call: &Call, category: &str, id: &str) -> Answer {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Patch {
        name: Option<String>,
        description: Option<String>,
    }
    #[derive(Serialize)]
    struct Updated {
        file: FileInfo,
        /// The fields whose value is another one than before.
        changed: Vec<&'static str>,
    }
    let session = call.session().await?;
    let name = FileName::parse(category, id)?;
    let db = call.db()?;
    let mut info = library::find_owned(&db, &name, &session.user_id).await?;
    let patch: Patch = call.json(r#"a JSON object with "name", "description" or both, as strings"#).await?;
    if patch.name.is_none() && patch.description.is_none() {
        return Err(Failure::bad_request("nothing to change: send name, description or both"));
    }

    let mut changed = Vec::new();
    if let Some(new) = patch.name {
        let new = library::clean_name("name", &new)?;
        if new != info.file.name {
            info.file.name = new;
            changed.push("name");
        }
    }
    if let Some(new) = patch.description {
        if new.chars().count() > MAX_DESCRIPTION {
            return Err(Failure::bad_request(format!("description may have {MAX_DESCRIPTION} characters at most")));
        }
        if new != info.description {
            info.description = new;
            changed.push("description");
        }
    }
    if !changed.is_empty() {
        info.updated_at = now_millis();
        db::run(
            &db,
            "UPDATE files SET name = ?2, description = ?3, updated_at = ?4 WHERE id = ?1",
            &[
                info.file.id.as_str().into(),
                info.file.name.as_str().into(),
                info.description.as_str().into(),
                info.updated_at.into(),
            ],
        )
        .await?;
    }
    respond::fresh(200, &Updated { file: info, changed })
}

async fn delete(call: &Call, category: &str, id: &str) -> Answer {
    #[derive(Serialize)]
    struct Deleted<'a> {
        id: &'a str,
        category: Category,
    }
    let session = call.session().await?;
    let name = FileName::parse(category, id)?;
    let db = call.db()?;
    library::find_owned(&db, &name, &session.user_id).await?;
    // The objects first: if the row then stays, its owner can delete it again, whereas objects
    // without a row would stay public with nobody able to remove them.
    call.media()?.delete_multiple(vec![name.media_key(), name.thumbnail_key()]).await?;
    // Its ratings and watch progress go with it (ON DELETE CASCADE).
    db::run(&db, "DELETE FROM files WHERE id = ?1", &[name.id.as_str().into()]).await?;
    respond::fresh(200, &Deleted { id: &name.id, category: name.category })
}
