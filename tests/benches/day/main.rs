//! A day of Videomi: what its users ask for, what their devices and the edge answer, and what is left to the origin.
//! `cargo xtask bench day` runs it and says what was promised.
//!
//! ```text
//!  script ──▶ device (the core, as SDK and Service Worker; stores in memory) ──HTTP──▶ edge (the built one, in workerd) ──▶ origin (counts)
//! ```
//!
//! Simulated are the users, their devices' stores, the origin and the clock: nobody waits for it, it is moved to the moment of
//! whatever reaches the edge. There is one data centre with one isolate. What a play watches is fetched at once. Nothing has to
//! make room on a device, no connection fails, nobody logs out.

mod count;
mod device;
mod origin;
mod script;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tiercel_core::engine::Tier;
use tiercel_core::field::Fields;
use tiercel_core::head::{RequestHead, ResponseHead};
use tiercel_core::time::{DeltaSeconds, Timestamp};
use tiercel_e2e::counted::Counted;
use tiercel_e2e::jar::Jar;
use tiercel_e2e::live::World;
use tiercel_e2e::{START, VIDEOMI, engine, fields, jwt};

use count::Day;
use device::{Device, Tiers};
use script::{Page, Step};

const OPERATOR: &str = "an operator's own token";
const DAY: u64 = 86_400;
/// The evening ends so many seconds before the next day.
const PAUSE: u64 = 1;

struct Args {
    edge: PathBuf,
    users: usize,
    seed: u64,
    days: u32,
    page: Page,
    has_devices: bool,
}

impl Args {
    fn read() -> Self {
        let mut args =
            Self { edge: PathBuf::new(), users: 1_000, seed: 1, days: 2, page: Page::Plain, has_devices: true };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut value = || words.next().expect("a value");
            match word.as_str() {
                "--edge" => args.edge = value().into(),
                "--users" => args.users = value().parse().expect("a number of users"),
                "--seed" => args.seed = value().parse().expect("a number"),
                "--days" => args.days = value().parse().expect("a number of days"),
                "--cards" => args.page = Page::Cards,
                "--no-devices" => args.has_devices = false,
                // Cargo's own.
                "--bench" => {}
                other => panic!("`{other}` is no option"),
            }
        }
        assert!(args.days > 0 && args.edge.is_dir(), "usage: --edge DIR [--users N] [--seed N] [--days N]");
        args
    }
}

fn main() {
    let args = Args::read();
    let script = script::days(args.seed, args.users, args.days, args.page);
    let mut stage = Stage::open(&args);
    let mut days = Vec::new();
    for (number, steps) in script.iter().enumerate() {
        days.push(stage.day(number as u64, steps));
    }
    let last = days.len() - 1;
    let mut rows = days[last].rows("", "", true, args.has_devices);
    rows.extend(days[last].by_class());
    if last > 0 {
        rows.extend(days[0].rows("first-day-", "  first day: ", false, args.has_devices));
    }
    let about = json!({
        "users": args.users, "seed": args.seed, "days": args.days, "cards": args.page == Page::Cards,
        "devices": args.has_devices, "day": days[last].about(), "recommendations": stage.recommendations,
    });
    println!("{}", json!({ "about": about, "rows": rows }));
}

/// The edge before its origin, and everybody's devices.
struct Stage {
    world: World,
    library: Arc<origin::Library>,
    tiers: Tiers,
    devices: BTreeMap<(usize, usize), Device>,
    is_blank: bool,
    /// What the edge has counted until the last evening.
    told: BTreeMap<String, Counted>,
    /// What it makes of that.
    recommendations: Value,
}

impl Stage {
    fn open(args: &Args) -> Self {
        let (library, origin) = origin::Library::start(engine(VIDEOMI, Tier::Edge));
        let vars = json!({ "JWT_SECRET": jwt::SECRET, "TIERCEL_OPERATOR_TOKEN": OPERATOR });
        let world = World::by_moments(&json!({ "dir": directory(&args.edge), "vars": vars }), origin);
        let tiers = Tiers::of(engine(VIDEOMI, Tier::Edge).policy());
        let (devices, told) = Default::default();
        Self { world, library, tiers, devices, is_blank: !args.has_devices, told, recommendations: Value::Null }
    }

    fn day(&mut self, number: u64, steps: &[Step]) -> Day {
        let mut day = Day::default();
        let began = Instant::now();
        let mut said = Duration::ZERO;
        for (at, step) in steps.iter().enumerate() {
            self.step(number, step, &mut day);
            if began.elapsed() > said + Duration::from_secs(20) {
                said = began.elapsed();
                eprintln!("  day {}: {} of {} steps", number + 1, at + 1, steps.len());
            }
        }
        self.evening(number, &mut day);
        day
    }

    fn step(&mut self, number: u64, step: &Step, day: &mut Day) {
        let Self { world, library, tiers, devices, is_blank, .. } = self;
        let now = START + DeltaSeconds::new(number * DAY + u64::from(step.at));
        let user = script::name(step.user);
        let device = devices.entry((step.user, step.device)).or_insert_with(|| {
            let mut device = Device::default();
            let session = format!("Set-Cookie: videomi_session={}", jwt::token(&user));
            device.cookies.take(&fields(&[session]), Duration::ZERO);
            device
        });
        for ask in &step.asks {
            let path = ask.path.split('?').next().unwrap_or_default();
            let class_of =
                |method: &str, path: &str| tiers.sdk.class_of(method, path).map_or("*", |class| &class.name).to_owned();
            let mut network = |cookies: &mut Jar, head: &RequestHead| {
                library.set_clock(now);
                let since = Duration::from_millis(now.as_millis());
                let lines = lines(&head.fields, cookies.line(since), now);
                let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
                let got = world.send(&head.method, &head.target.path_and_query(), &lines);
                cookies.take(&got.fields, since);
                assert!(got.whole && got.status < 400, "{} {}: {got:?}", head.method, head.target.path);
                day.of(&class_of(&head.method, &head.target.path)).edge.add(&got);
                (ResponseHead { status: got.status, fields: got.fields }, got.body)
            };
            let came = device.ask(tiers, &user, ask, now, *is_blank, &mut network);
            let counts = day.of(&class_of(ask.method, path));
            if ask.method != "GET" {
                counts.changes += 1;
                continue;
            }
            counts.reads += 1;
            counts.by_device += u64::from(came.is_hit);
            counts.repeats += u64::from(came.is_repeat);
            counts.repeats_by_device += u64::from(came.is_repeat && came.is_hit);
        }
    }

    /// What reached the origin, and whether the edge has counted what its clients saw.
    fn evening(&mut self, number: u64, day: &mut Day) {
        let end = START + DeltaSeconds::new((number + 1) * DAY - PAUSE);
        let lines = [format!("Authorization: Bearer {OPERATOR}"), moment(end)];
        let got = self.world.send("GET", "/api/cache/stats", &lines.each_ref().map(String::as_str));
        let stats: Value = serde_json::from_str(&got.body).unwrap_or_else(|error| panic!("{error}: {got:?}"));
        let classes = stats["windows"]["all"]["classes"].as_object().expect("classes");
        self.recommendations = stats["recommendations"].clone();
        let told: BTreeMap<String, Counted> =
            classes.iter().map(|(name, class)| (name.clone(), answers(Counted::told(class)))).collect();
        for (name, now) in &told {
            let before = self.told.get(name).copied().unwrap_or_default();
            let seen = answers(day.of(name).edge);
            assert_eq!(before + seen, *now, "{name}: what clients saw, and what the edge says");
        }
        self.told = told;
        for (class, reads) in self.library.take_reads() {
            day.of(&class).at_origin = reads;
        }
    }
}

/// Without the bytes: of a page that is cut from a list the edge counts none.
fn answers(counted: Counted) -> Counted {
    Counted { bytes: 0, ..counted }
}

/// The fields of a request as lines, with the cookies and the moment.
fn lines(fields: &Fields, cookies: Option<String>, now: Timestamp) -> Vec<String> {
    fields.iter().map(|(name, value)| format!("{name}: {value}")).chain(cookies).chain([moment(now)]).collect()
}

/// When a request comes; the edge's clock goes there.
fn moment(now: Timestamp) -> String {
    format!("Tiercel-Moment: {}", now.as_millis())
}

/// Tests run in their crate's directory, and the worlds in the repository's.
fn directory(edge: &Path) -> PathBuf {
    edge.canonicalize().expect("the directory of the edge")
}
