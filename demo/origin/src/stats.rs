//! `/api/stats`: how much the user has stored.

use crate::call::{Call, Verb};
use crate::db;
use crate::library::Category;
use crate::respond::{self, Answer, Failure, Keep};
use serde::{Deserialize, Serialize};

pub(crate) async fn route(call: &Call, path: &[&str]) -> Option<Answer> {
    Some(match (path, call.verb()) {
        ([], Verb::Get) => stats(call).await,
        ([], _) => Err(Failure::method_not_allowed("GET")),
        _ => return None,
    })
}

#[derive(Clone, Copy, Default, Serialize)]
struct Amount {
    files: u64,
    bytes: u64,
}

async fn stats(call: &Call) -> Answer {
    #[derive(Deserialize)]
    struct Row {
        category: Category,
        files: u64,
        bytes: u64,
    }
    #[derive(Default, Serialize)]
    struct ByCategory {
        videos: Amount,
        images: Amount,
        music: Amount,
    }
    #[derive(Default, Serialize)]
    struct Stats {
        #[serde(flatten)]
        total: Amount,
        by_category: ByCategory,
    }
    let session = call.session().await?;
    let rows: Vec<Row> = db::all(
        &call.db()?,
        "SELECT category, COUNT(*) AS files, SUM(size) AS bytes FROM files WHERE owner_id = ?1 \
         GROUP BY category",
        &[session.user_id.as_str().into()],
    )
    .await?;
    let mut stats = Stats::default();
    for Row { category, files, bytes } in rows {
        stats.total.files += files;
        stats.total.bytes += bytes;
        let amount = match category {
            Category::Videos => &mut stats.by_category.videos,
            Category::Images => &mut stats.by_category.images,
            Category::Music => &mut stats.by_category.music,
        };
        *amount = Amount { files, bytes };
    }
    respond::read(call, Keep::PerUser, &stats).await
}
