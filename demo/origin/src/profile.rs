//! `/api/profile/me` and `/api/billing/plan`: what only the user may see, kept by no cache.

use crate::call::{Call, Verb};
use crate::respond::{self, Answer, Failure};
use crate::{db, library};
use serde::{Deserialize, Serialize};
use worker::D1Database;

pub(crate) async fn route(call: &Call, subject: &str, path: &[&str]) -> Option<Answer> {
    Some(match (subject, path) {
        ("profile", ["me"]) => match call.verb() {
            Verb::Get => me(call).await,
            Verb::Patch => rename(call).await,
            _ => Err(Failure::method_not_allowed("GET, PATCH")),
        },
        ("billing", ["plan"]) => match call.verb() {
            Verb::Get => plan(call).await,
            _ => Err(Failure::method_not_allowed("GET")),
        },
        _ => return None,
    })
}

#[derive(Deserialize, Serialize)]
struct Profile {
    id: String,
    name: String,
    email: String,
    #[serde(serialize_with = "db::as_rfc3339")]
    created_at: f64,
}

#[derive(Serialize)]
struct Me {
    user: Profile,
}

async fn me(call: &Call) -> Answer {
    let session = call.session().await?;
    respond::fresh(200, &Me { user: profile(&call.db()?, &session.user_id).await? })
}

async fn rename(call: &Call) -> Answer {
    #[derive(Deserialize)]
    struct Body {
        name: String,
    }
    let session = call.session().await?;
    let Body { name } = call.json(r#"{"name": "..."}"#).await?;
    let name = library::clean_name("name", &name)?;
    let db = call.db()?;
    db::run(&db, "UPDATE users SET name = ?2 WHERE id = ?1", &[session.user_id.as_str().into(), name.as_str().into()])
        .await?;
    respond::fresh(200, &Me { user: profile(&db, &session.user_id).await? })
}

async fn plan(call: &Call) -> Answer {
    #[derive(Deserialize)]
    struct Row {
        plan: String,
        plan_renews: Option<f64>,
        storage_limit: u64,
        storage_used: u64,
    }
    #[derive(Serialize)]
    struct Plan {
        plan: String,
        renews_at: Option<String>,
        storage: Storage,
    }
    #[derive(Serialize)]
    struct Storage {
        used_bytes: u64,
        limit_bytes: u64,
    }
    let session = call.session().await?;
    let row: Row = db::first(
        &call.db()?,
        "SELECT plan, plan_renews, storage_limit, \
         (SELECT COALESCE(SUM(size), 0) FROM files WHERE owner_id = users.id) AS storage_used \
         FROM users WHERE id = ?1",
        &[session.user_id.as_str().into()],
    )
    .await?
    .ok_or_else(no_account)?;
    let storage = Storage { used_bytes: row.storage_used, limit_bytes: row.storage_limit };
    let renews_at = row.plan_renews.map(db::rfc3339);
    respond::fresh(200, &Plan { plan: row.plan, renews_at, storage })
}

async fn profile(db: &D1Database, user_id: &str) -> Result<Profile, Failure> {
    db::first(db, "SELECT id, name, email, created_at FROM users WHERE id = ?1", &[user_id.into()])
        .await?
        .ok_or_else(no_account)
}

fn no_account() -> Failure {
    Failure::unauthorized("this account is gone: sign in again")
}
