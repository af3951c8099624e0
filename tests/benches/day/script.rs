//! What the users of Videomi do in a day. The same seed gives the same day; each user's day is the same however many there are.
//!
//! The amounts are those that Videomi's architecture reckons with: some 500,000 requests for metadata (D1) and 200,000 for files
//! (R2) of 1,000 active users. The mix, and why:
//!
//! - Two to eight visits a day, few at night, most in the evening, each of some half an hour: 15 to 35 looks at the library,
//!   20 to 119 seconds apart. Half of the looks are at what was shown before, since people come back from a file.
//! - A visit loads the page and its assets. A look asks for the list, the statistics and the ten best, and for the thumbnails that
//!   this visit has not shown yet: a page keeps its pictures. Twelve cards are seen, now and then twelve more.
//! - One look in six ends with a file: two in five times one of 40 films that everybody can see, by Zipf's law with the exponent
//!   1, else one of the user's own. Its rating and, for an own one, its details are asked for.
//! - Recordings are played from where the user was: progress, a part of the file, the progress saved on pause and at the end.
//!   Three in ten times there is a seek. Photographs are loaded whole.
//! - Six in a hundred opened files are rated, 15 in a hundred visits bring an upload, five a deletion, five a new name. What
//!   the change made untrue and is shown is asked for again, as the page does.
//! - Three in five users have connected Spotify. They look at their artists in a third of their visits: up to eight pages on, and back
//!   to the first. One in ten times an artist is selected or no longer.
//! - Users have 8 to 60 files. Two in five have a second device, which has three in ten of the visits.
//!
//! Where cards show more ([`Page::Cards`]), a look asks as the demo's page does: statistics once in a visit, and for each card that
//! is seen its rating and, of a recording, its progress, which is also read again whenever it was saved.
//!
//! Files are small, so that a machine can carry a day: the user's own have one slice, the films up to three.

use std::collections::BTreeSet;

use tiercel_e2e::random::Random;

/// Seconds.
const DAY: u32 = 86_400;
/// Films that everybody can see.
const FILMS: u64 = 40;
/// Cards that are seen at once.
const CARDS: usize = 12;
/// How busy each hour is.
const HOURS: [u64; 24] = [2, 1, 0, 0, 0, 1, 3, 6, 7, 5, 4, 5, 7, 6, 4, 4, 5, 7, 8, 9, 10, 9, 6, 3];
const CATEGORIES: [&str; 3] = ["videos", "music", "images"];
/// The page and what it is made of.
const APP: [&str; 5] = ["/", "/assets/index.js", "/assets/index.css", "/assets/app.wasm", "/images/logo.webp"];

/// How much a page asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Page {
    /// The list, the statistics, the ten best, thumbnails.
    Plain,
    /// As the demo's: each card shows its rating and its progress.
    Cards,
}

/// A request of the page.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    /// Of a recording: from which byte on, and how many bytes are watched.
    pub(crate) watched: Option<(u64, u64)>,
}

/// What a device asks at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// Seconds since the day began.
    pub(crate) at: u32,
    pub(crate) user: usize,
    /// Which of the user's devices.
    pub(crate) device: usize,
    pub(crate) asks: Vec<Ask>,
}

#[derive(Clone)]
struct File {
    id: String,
    category: &'static str,
    bytes: u64,
}

impl File {
    fn path(&self, part: &str) -> String {
        format!("/api/files/{}/{}{part}", self.category, self.id)
    }
}

/// The name of a user.
pub(crate) fn name(user: usize) -> String {
    format!("user{user}")
}

/// So many days of so many users, in order. A visit that goes on past midnight is the next day's from then on.
pub(crate) fn days(seed: u64, users: usize, days: u32, page: Page) -> Vec<Vec<Step>> {
    let mut all = vec![Vec::new(); days as usize];
    for user in 0..users {
        let mut user = User::new(seed, user, page);
        for day in 0..days {
            user.day();
            for step in user.steps.drain(..) {
                let day = day + step.at / DAY;
                if let Some(steps) = all.get_mut(day as usize) {
                    steps.push(Step { at: step.at % DAY, ..step });
                }
            }
        }
    }
    for steps in &mut all {
        // Stable: what one device does stays in its order.
        steps.sort_by_key(|step| (step.at, step.user));
    }
    all
}

struct User {
    number: usize,
    page: Page,
    random: Random,
    devices: u64,
    is_connected: bool,
    files: Vec<File>,
    /// How many files there ever were.
    ever: usize,
    films: Vec<File>,
    steps: Vec<Step>,
    /// When this visit's next step is, and on which device.
    now: u32,
    device: usize,
    /// Thumbnails that this visit has shown.
    shown: BTreeSet<String>,
}

impl User {
    fn new(seed: u64, number: usize, page: Page) -> Self {
        let mut everybodys = Random::new(seed);
        let films = (0..FILMS).map(|film| {
            let bytes = 1_000_000 + everybodys.below(5_000_000);
            File { id: format!("film{film}-{bytes}"), category: "videos", bytes }
        });
        let mut user = Self {
            number,
            page,
            random: Random::new(seed ^ (number as u64 + 1).wrapping_mul(0x2545_f491_4f6c_dd1d)),
            devices: 1,
            is_connected: false,
            files: Vec::new(),
            ever: 0,
            films: films.collect(),
            steps: Vec::new(),
            now: 0,
            device: 0,
            shown: BTreeSet::new(),
        };
        user.devices += u64::from(user.random.percent(40));
        user.is_connected = user.random.percent(60);
        for _ in 0..8 + user.random.below(53) {
            user.add_file();
        }
        user
    }

    fn add_file(&mut self) -> File {
        let category = *self.random.one(&CATEGORIES);
        let bytes = 20_000 + self.random.below(80_000);
        let file = File { id: format!("u{}f{}-{bytes}", self.number, self.ever), category, bytes };
        self.ever += 1;
        self.files.insert(0, file.clone());
        file
    }

    fn day(&mut self) {
        let count = 2 + self.random.below(7);
        let mut starts: Vec<u32> = (0..count).map(|_| self.moment()).collect();
        starts.sort_unstable();
        // The last visit may have gone on past midnight.
        let mut free = self.now.saturating_sub(DAY);
        for start in starts {
            self.now = start.max(free);
            self.device = usize::from(self.devices > 1 && self.random.percent(30));
            self.visit();
            // Nobody comes back within ten minutes: that would have been the same visit.
            free = self.now + 600;
        }
    }

    /// Some moment of the day, by how busy it is.
    fn moment(&mut self) -> u32 {
        let mut left = self.random.below(HOURS.iter().sum());
        let hour = HOURS.iter().position(|busy| {
            let is_it = left < *busy;
            left = left.saturating_sub(*busy);
            is_it
        });
        hour.unwrap_or(0) as u32 * 3_600 + self.random.below(3_600) as u32
    }

    fn visit(&mut self) {
        self.shown.clear();
        let mut asks: Vec<Ask> = APP.iter().map(|path| get(*path)).collect();
        if self.page == Page::Cards {
            asks.push(get("/api/stats"));
        }
        self.step(asks);
        let looks = 15 + self.random.below(21);
        let artists = (self.is_connected && self.random.percent(33)).then(|| self.random.below(looks));
        let [upload, delete, rename] = [15, 5, 5].map(|percent| {
            let is_due = self.random.percent(percent);
            let when = self.random.below(looks);
            is_due.then_some(when)
        });
        let mut category = None;
        for look in 0..looks {
            if look > 0 && self.random.percent(50) {
                category = *self.random.one(&[None, Some(CATEGORIES[0]), Some(CATEGORIES[1]), Some(CATEGORIES[2])]);
            }
            self.look(category);
            if artists == Some(look) {
                self.artists();
            }
            if upload == Some(look) {
                let file = self.add_file();
                self.change("POST", "/api/upload".into(), category, &[]);
                self.shown.insert(file.path("/thumbnail"));
                self.step(vec![get(file.path("/thumbnail"))]);
            }
            if delete == Some(look) && self.files.len() > 8 {
                let at = self.random.below(self.files.len() as u64) as usize;
                let file = self.files.remove(at);
                self.change("DELETE", file.path(""), category, &[]);
            }
            if rename == Some(look) {
                let file = self.random.one(&self.files).clone();
                self.change("PATCH", file.path("/info"), category, &[file.path("/info")]);
            }
            if self.random.percent(16) {
                self.open(category);
            }
            self.now += 20 + self.random.below(100) as u32;
        }
    }

    /// The files of a category, or all.
    fn of(&self, category: Option<&str>) -> Vec<File> {
        self.files.iter().filter(|file| category.is_none_or(|wanted| file.category == wanted)).cloned().collect()
    }

    fn list(&self, category: Option<&str>) -> Ask {
        let query = category.map_or(String::new(), |category| format!("?category={category}"));
        get(format!("/api/upload/user/{}{query}", name(self.number)))
    }

    fn look(&mut self, category: Option<&str>) {
        let seen = if self.random.percent(30) { 2 * CARDS } else { CARDS };
        let files = self.of(category);
        let mut asks = vec![self.list(category)];
        if self.page == Page::Plain {
            asks.push(get("/api/stats"));
        }
        if self.page == Page::Plain || category.is_none() {
            asks.push(get("/api/ratings/top10"));
            let best: Vec<String> = self.films.iter().take(10).map(|film| film.path("/thumbnail")).collect();
            asks.extend(best.into_iter().filter(|path| self.shown.insert(path.clone())).map(get));
        }
        for file in files.iter().take(seen) {
            let thumbnail = file.path("/thumbnail");
            if self.shown.insert(thumbnail.clone()) {
                asks.push(get(thumbnail));
            }
            if self.page == Page::Cards {
                asks.push(get(format!("/api/ratings/{}", file.id)));
                if file.category != "images" {
                    asks.push(get(format!("/api/watch-progress/{}", file.id)));
                }
            }
        }
        self.step(asks);
    }

    /// A change, and what the page shows and must read again.
    fn change(&mut self, method: &'static str, path: String, category: Option<&str>, more: &[String]) {
        self.step(vec![Ask { method, path, watched: None }]);
        let mut again = vec![self.list(category), get("/api/stats")];
        again.extend(more.iter().cloned().map(get));
        self.step(again);
    }

    fn open(&mut self, category: Option<&str>) {
        let own = self.of(category);
        let is_own = !own.is_empty() && !self.random.percent(40);
        let file = if is_own { self.random.one(&own).clone() } else { self.film() };
        let rating = format!("/api/ratings/{}", file.id);
        let mut asks = vec![get(rating.clone())];
        if is_own {
            asks.push(get(file.path("/info")));
        }
        if file.category == "images" {
            asks.push(get(file.path("")));
            self.step(asks);
        } else {
            asks.push(get(format!("/api/watch-progress/{}", file.id)));
            self.step(asks);
            self.play(&file);
        }
        if self.random.percent(6) {
            self.step(vec![Ask { method: "POST", path: rating.clone(), watched: None }]);
            self.step(vec![get(rating), get("/api/ratings/top10")]);
        }
    }

    /// One of the films, the first of which is seen most.
    fn film(&mut self) -> File {
        let weight = |film: usize| 1_000_000 / (film as u64 + 1);
        let mut left = self.random.below((0..self.films.len()).map(weight).sum());
        let film = (0..self.films.len()).find(|film| {
            let is_it = left < weight(*film);
            left = left.saturating_sub(weight(*film));
            is_it
        });
        self.films[film.unwrap_or(0)].clone()
    }

    fn play(&mut self, file: &File) {
        let progress = format!("/api/watch-progress/{}", file.id);
        let media = |from: u64, bytes: u64| Ask { watched: Some((from, bytes)), ..get(file.path("")) };
        let part = file.bytes * (20 + self.random.below(81)) / 100;
        self.step(vec![media(0, part)]);
        let is_sought = self.random.percent(30);
        for save in 0..2 {
            self.now += 15 + self.random.below(75) as u32;
            if save == 0 && is_sought {
                let from = self.random.below(file.bytes);
                self.step(vec![media(from, file.bytes - from)]);
            }
            self.step(vec![Ask { method: "PUT", path: progress.clone(), watched: None }]);
            if self.page == Page::Cards {
                self.step(vec![get(progress.clone())]);
            }
        }
    }

    fn artists(&mut self) {
        let page = |page: u64| get(format!("/api/user/artists?page={page}&limit=20"));
        let last = 1 + self.random.below(8);
        for number in 0..=last {
            self.now += 5 + self.random.below(25) as u32;
            self.step(vec![page(number)]);
        }
        self.step(vec![page(0)]);
        if self.random.percent(10) {
            self.step(vec![Ask { method: "POST", path: "/api/user/artists/toggle".into(), watched: None }]);
            self.step(vec![page(0)]);
        }
        self.now += 30;
    }

    /// Two seconds are the least between two steps: what a change made untrue is not asked for in the same moment.
    fn step(&mut self, asks: Vec<Ask>) {
        self.steps.push(Step { at: self.now, user: self.number, device: self.device, asks });
        self.now += 2;
    }
}

fn get(path: impl Into<String>) -> Ask {
    Ask { method: "GET", path: path.into(), watched: None }
}
