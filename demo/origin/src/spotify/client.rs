//! The Web API: the user's account, top artists and followed artists.

use super::access::Access;
use super::exchange::{Ask, Line};
use super::score::{self, Artist, Lists};
use super::token::Tokens;
use super::{Settings, failed};
use crate::respond::Failure;
use futures_util::future::try_join4;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The most that Spotify gives at once.
const PAGE: usize = 50;
/// Lists that go on longer than this do not end.
const MOST: usize = 20_000;
/// The picture to show is the smallest at least this wide, in pixels.
const PICTURE: f64 = 160.0;

/// An account, as its owner is told.
pub(crate) struct Account {
    pub(crate) id: String,
    pub(crate) name: String,
}

/// Whose account new tokens open.
///
/// # Errors
/// Those of [`Line::send`], and 502.
pub(crate) async fn account(line: &Line, settings: &Settings, tokens: &Tokens) -> Result<Account, Failure> {
    #[derive(Deserialize)]
    struct Me {
        id: String,
        display_name: Option<String>,
    }
    let url = format!("{}/v1/me", settings.api);
    let authorization = format!("Bearer {}", tokens.access_token);
    let reply = line.send(&Ask { url: &url, authorization: &authorization, form: None }).await?;
    if reply.status != 200 {
        return Err(failed(&format!("the Web API says {}", reply.status)));
    }
    let Me { id, display_name } = reply.json()?;
    Ok(Account { name: display_name.unwrap_or_else(|| id.clone()), id })
}

/// All artists that the user listens to or follows, the highest score first.
///
/// # Errors
/// `SPOTIFY_TOKEN_REVOKED`, those of [`Line::send`], and 502.
pub(crate) async fn artists(access: &Access<'_>) -> Result<Vec<Artist>, Failure> {
    let (short_term, medium_term, long_term, followed) =
        try_join4(top(access, "short_term"), top(access, "medium_term"), top(access, "long_term"), followed(access))
            .await?;
    Ok(score::merge(Lists { short_term, medium_term, long_term, followed }))
}

/// An artist in a list. What newer versions of the API leave out may be missing.
#[derive(Deserialize)]
struct Item {
    id: String,
    name: String,
    #[serde(default)]
    genres: Vec<String>,
    #[serde(default)]
    images: Vec<Image>,
}

#[derive(Deserialize)]
struct Image {
    url: String,
    width: Option<f64>,
}

async fn top(access: &Access<'_>, range: &str) -> Result<Vec<Artist>, Failure> {
    #[derive(Deserialize)]
    struct Page {
        items: Vec<Item>,
        next: Option<String>,
    }
    let mut all = Vec::new();
    loop {
        let offset = all.len();
        let page: Page =
            get(access, &format!("/v1/me/top/artists?time_range={range}&limit={PAGE}&offset={offset}")).await?;
        // `next` says that there is more. It is a URL, and the token goes to none that an answer names.
        let is_last = page.next.is_none() || page.items.is_empty();
        take(&mut all, page.items)?;
        if is_last {
            return Ok(all);
        }
    }
}

async fn followed(access: &Access<'_>) -> Result<Vec<Artist>, Failure> {
    #[derive(Deserialize)]
    struct Following {
        artists: Page,
    }
    #[derive(Deserialize)]
    struct Page {
        items: Vec<Item>,
        cursors: Option<Cursors>,
    }
    #[derive(Deserialize)]
    struct Cursors {
        after: Option<String>,
    }
    let mut all = Vec::new();
    let mut after = String::new();
    loop {
        let Following { artists: page } =
            get(access, &format!("/v1/me/following?type=artist&limit={PAGE}{after}")).await?;
        let next = page.cursors.and_then(|cursors| cursors.after).filter(|_| !page.items.is_empty());
        take(&mut all, page.items)?;
        match next {
            Some(id) => after = format!("&after={}", js_sys::encode_uri_component(&id)),
            None => return Ok(all),
        }
    }
}

fn take(all: &mut Vec<Artist>, items: Vec<Item>) -> Result<(), Failure> {
    all.extend(
        items.into_iter().map(|Item { id, name, genres, images }| Artist::new(id, name, genres, picture(images))),
    );
    if all.len() > MOST {
        return Err(failed("its list does not end"));
    }
    Ok(())
}

fn picture(mut images: Vec<Image>) -> Option<String> {
    let width = |image: &Image| image.width.unwrap_or(f64::MAX);
    images.sort_by(|a, b| width(a).total_cmp(&width(b)));
    let fits = images.iter().position(|image| width(image) >= PICTURE).unwrap_or(images.len().saturating_sub(1));
    (fits < images.len()).then(|| images.swap_remove(fits).url)
}

/// Asks the Web API; once more with new tokens where it refuses the one that we have.
async fn get<T: DeserializeOwned>(access: &Access<'_>, path: &str) -> Result<T, Failure> {
    let url = format!("{}{path}", access.settings.api);
    let mut refused: Option<String> = None;
    loop {
        let token = access.token(refused.as_deref()).await?;
        let authorization = format!("Bearer {token}");
        let reply = access.line.send(&Ask { url: &url, authorization: &authorization, form: None }).await?;
        match reply.status {
            200 => return reply.json(),
            401 if refused.is_none() => refused = Some(token),
            status => return Err(failed(&format!("the Web API says {status}"))),
        }
    }
}
