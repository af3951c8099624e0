//! An origin for the simulated world: a video library with the paths of Videomi, in memory.

use std::cell::RefCell;
use std::collections::BTreeMap;

use tiercel_core::exchange::{FetchFailure, OriginRequest, USER_FIELD};
use tiercel_core::field::Fields;
use tiercel_core::head::ResponseHead;

use crate::tier::{Message, Reply};

/// What is wrong with the origin at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing.
    #[default]
    None,
    /// It cannot be reached.
    Down,
    /// It does not answer in time.
    Slow,
    /// It answers 503.
    Overloaded,
}

/// A library. Every body says what the library holds at that moment, so that an old answer is seen to be old.
#[derive(Debug, Default)]
pub struct Library {
    /// File id → (category, title).
    files: RefCell<BTreeMap<String, (String, String)>>,
    ratings: RefCell<BTreeMap<String, u32>>,
    progress: RefCell<BTreeMap<String, u32>>,
    artists: RefCell<u32>,
    /// `METHOD path` of everything that arrived.
    pub log: RefCell<Vec<String>>,
    /// What is wrong with it.
    pub trouble: RefCell<Trouble>,
}

impl Library {
    /// A library with two videos and a song.
    #[must_use]
    pub fn new() -> Self {
        let library = Self::default();
        for (id, category) in [("v1", "videos"), ("v2", "videos"), ("m1", "musics")] {
            library.files.borrow_mut().insert(id.into(), (category.into(), format!("title of {id}")));
        }
        library
    }

    /// Answers a request of the edge.
    ///
    /// # Errors
    /// As [`Trouble`] has it.
    pub fn answer(&self, request: &OriginRequest) -> Reply {
        let head = &request.head;
        self.log.borrow_mut().push(format!("{} {}", head.method, head.target.path_and_query()));
        match *self.trouble.borrow() {
            Trouble::None => {}
            Trouble::Down => return Err(FetchFailure::Network),
            Trouble::Slow => return Err(FetchFailure::Timeout),
            Trouble::Overloaded => return Ok(message(503, "overloaded")),
        }
        let user = head.fields.get(USER_FIELD).unwrap_or("nobody").to_owned();
        let path: Vec<&str> = head.target.path.split('/').skip(1).collect();
        let query = head.target.query.as_deref().unwrap_or("");
        Ok(match (&*head.method, path.as_slice()) {
            ("GET", ["api", "upload", "user", owner]) if **owner != user => message(401, "sign in"),
            ("GET", ["api", "upload", "user", _]) => self.list(query.strip_prefix("category=")),
            ("GET", ["api", "stats"]) => message(200, &format!("{} files", self.files.borrow().len())),
            ("GET", ["api", "files", category, id, rest @ ..]) => self.file(category, id, rest.first().copied()),
            ("POST", ["api", "upload"]) => self.upload(query),
            ("DELETE", ["api", "files", _, id]) => {
                self.files.borrow_mut().remove(*id);
                message(204, "")
            }
            ("PATCH", ["api", "files", _, id, "info"]) => self.rename(id, query),
            ("GET", ["api", "ratings", _]) => message(200, &format!("{:?}", self.ratings.borrow())),
            ("POST", ["api", "ratings", id]) => {
                *self.ratings.borrow_mut().entry((*id).to_owned()).or_default() += 1;
                message(200, "rated")
            }
            ("GET", ["api", "watch-progress", id]) => {
                message(200, &format!("{}", self.progress.borrow().get(*id).copied().unwrap_or(0)))
            }
            ("PUT", ["api", "watch-progress", id]) => {
                *self.progress.borrow_mut().entry((*id).to_owned()).or_default() += 10;
                message(200, "noted")
            }
            // A list that pages can be cut from; `edition` goes out with each of them.
            ("GET", ["api", "user", "artists"]) => {
                let edition = self.artists.borrow();
                let items = r#"[{"id":"a1","score":1},{"id":"a2","score":2}]"#;
                message(200, &format!(r#"{{"data":{{"edition":"artists, edition {edition}","artists":{items}}}}}"#))
            }
            ("POST", ["api", "user", "artists" | "platforms", _]) => {
                *self.artists.borrow_mut() += 1;
                message(200, "done")
            }
            ("GET" | "POST", ["api", "auth" | "profile", ..]) => message(200, &format!("of {user}")),
            ("GET", ["assets", name]) => message(200, &format!("asset {name}")),
            _ => message(404, "no such thing"),
        })
    }

    fn list(&self, category: Option<&str>) -> Message {
        let files = self.files.borrow();
        let wanted = files.iter().filter(|(_, (of, _))| category.is_none_or(|category| of == category));
        message(200, &wanted.map(|(id, (_, title))| format!("{id}={title}")).collect::<Vec<_>>().join(" "))
    }

    fn file(&self, category: &str, id: &str, part: Option<&str>) -> Message {
        match self.files.borrow().get(id).filter(|(of, _)| of == category) {
            Some((_, title)) if part == Some("info") => message(200, title),
            Some(_) => message(200, &format!("{} of {id}", part.unwrap_or("media"))),
            None => message(404, "no such file"),
        }
    }

    /// `?category=videos&id=v3`
    fn upload(&self, query: &str) -> Message {
        let value =
            |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).unwrap_or("");
        let (category, id) = (value("category"), value("id"));
        self.files.borrow_mut().insert(id.to_owned(), (category.to_owned(), format!("title of {id}")));
        message(201, &format!(r#"{{"data":{{"file":{{"category":"{category}"}}}}}}"#))
    }

    /// `?name=…` changes what lists show, `?note=…` does not.
    fn rename(&self, id: &str, query: &str) -> Message {
        let (field, value) = query.split_once('=').unwrap_or(("note", ""));
        if let Some((_, title)) = self.files.borrow_mut().get_mut(id) {
            *title = if field == "name" { value.to_owned() } else { format!("{title} ({value})") };
        }
        message(200, &format!(r#"{{"data":{{"changed":["{field}"]}}}}"#))
    }
}

fn message(status: u16, body: &str) -> Message {
    let mut fields = Fields::new();
    fields.set("content-type", if body.starts_with('{') { "application/json" } else { "text/plain" });
    fields.set("content-length", body.len().to_string());
    Message { head: ResponseHead { status, fields }, body: body.to_owned() }
}
