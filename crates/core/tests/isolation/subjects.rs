//! Who asks for what: ids that look like what surrounds them in a name, and pairs of subjects that nearly meet.

use proptest::prelude::*;
use tiercel_core::key::Params;

/// Ids that look like what surrounds an id in a key, a database or a cache name, or like an escaped id.
pub(crate) const ADVERSARIAL: [&str; 40] = [
    "a",
    "b",
    "a_b",
    "a_",
    "_",
    "_a",
    "a:files",
    "a:files:videos",
    "a:stats",
    "a:",
    ":",
    ":a",
    "a/b",
    "/",
    "..",
    ".",
    "%",
    "%3A",
    "a%3Afiles",
    "a%5Fb",
    "%25",
    "*",
    "a*",
    "~",
    "~a",
    "!",
    "a!00ff",
    "cache",
    "videomi",
    "v1",
    "user",
    "files",
    "a b",
    "a+b",
    "a?b=c",
    "a#b",
    "é",
    "e\u{301}",
    "\u{202e}a",
    "A",
];

const PIECES: [&str; 19] =
    ["a", "b", "e", "A", "_", ":", "/", "%", "*", "~", "!", ".", "-", "files", "%3A", "%5F", "é", "\u{301}", " "];

pub(crate) fn id() -> impl Strategy<Value = String> {
    let joined = prop::collection::vec(prop::sample::select(PIECES.to_vec()), 1..6).prop_map(|pieces| pieces.concat());
    // Longer than a key takes as it is: these become digests.
    let long = (190usize..420, "[aé:~]", "[a-c]?").prop_map(|(times, unit, end)| unit.repeat(times) + &end);
    prop_oneof![
        4 => prop::sample::select(ADVERSARIAL.to_vec()).prop_map(str::to_owned),
        3 => joined,
        3 => prop::collection::vec(any::<char>(), 1..10).prop_map(String::from_iter),
        1 => long,
    ]
}

/// Who asks for what.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) user: String,
    pub(crate) class: &'static str,
    pub(crate) params: Params,
}

type Class = (&'static str, bool, &'static [&'static str]);

/// The classes of the policy that are stored at the edge, with the parameters that tell their entries apart.
const CLASSES: [Class; 9] = [
    ("user-files", true, &["category"]),
    ("user-stats", true, &[]),
    ("file-info", true, &["category", "fileId"]),
    ("artists", true, &[]),
    ("watch-progress", true, &["fileId"]),
    ("thumbnail", false, &["category", "fileId"]),
    ("media", false, &["category", "fileId"]),
    ("ratings", false, &["fileId"]),
    ("image", false, &["rest"]),
];

impl Subject {
    fn new(user: String, (class, _, names): Class, values: [String; 2]) -> Self {
        let mut params: Params = names.iter().copied().zip(values).collect();
        params.set("userId", Some(&user));
        Self { user, class, params }
    }

    /// What tells this subject's entry from every other: the class, its parameters, and the user if it is his.
    pub(crate) fn identity(&self) -> (&str, Vec<Option<&str>>) {
        let (_, scoped, names) = self.class();
        let mut identity: Vec<Option<&str>> = names.iter().map(|name| self.params.get(name)).collect();
        identity.push(scoped.then_some(self.user.as_str()));
        (self.class, identity)
    }

    pub(crate) fn is_scoped(&self) -> bool {
        self.class().1
    }

    fn class(&self) -> Class {
        *CLASSES.iter().find(|(class, ..)| *class == self.class).expect("a known class")
    }

    fn rename(&mut self, user: String) {
        self.params.set("userId", Some(&user));
        self.user = user;
    }
}

pub(crate) fn subject() -> impl Strategy<Value = Subject> {
    (id(), prop::sample::select(CLASSES.to_vec()), id(), id())
        .prop_map(|(user, class, first, second)| Subject::new(user, class, [first, second]))
}

/// Pairs of strangers would seldom collide; half of the pairs have their user, class or parameters in common.
pub(crate) fn pair() -> impl Strategy<Value = (Subject, Subject)> {
    (subject(), subject(), 0..4).prop_map(|(a, mut b, common)| {
        if common == 1 {
            b.rename(a.user.clone());
        }
        if common == 2 {
            let user = b.user.clone();
            b = a.clone();
            b.rename(user);
        }
        (a, b)
    })
}

/// So many subjects make [`PAIRS`] pairs.
const FAMILY: usize = 12;
/// The pairs of one family.
pub(crate) const PAIRS: u64 = (FAMILY * (FAMILY - 1) / 2) as u64;

/// Families of subjects that nearly meet, each with each, without what shrinking costs. One seed, one sequence
/// (SplitMix64).
pub(crate) struct Families(pub(crate) u64);

impl Families {
    pub(crate) fn next(&mut self) -> Vec<Subject> {
        let mut family = vec![self.subject(), self.subject()];
        while family.len() < FAMILY {
            let mut next = family[self.below(family.len())].clone();
            match self.below(6) {
                0 => next = self.subject(),
                1 => next.rename(self.id()),
                2 | 3 => next.rename(self.alike(&next.user)),
                4 => {
                    let user = next.user;
                    next = self.subject();
                    next.rename(user);
                }
                _ => {
                    for name in ["category", "fileId", "rest"] {
                        if let Some(value) = next.params.get(name).map(|value| self.alike(value)) {
                            next.params.set(name, Some(&value));
                        }
                    }
                }
            }
            family.push(next);
        }
        family
    }

    fn subject(&mut self) -> Subject {
        let class = CLASSES[self.below(CLASSES.len())];
        Subject::new(self.id(), class, [self.id(), self.id()])
    }

    fn id(&mut self) -> String {
        match self.below(11) {
            0..4 => ADVERSARIAL[self.below(ADVERSARIAL.len())].to_owned(),
            4..7 => (0..=self.below(5)).map(|_| PIECES[self.below(PIECES.len())]).collect(),
            7..10 => (0..=self.below(9)).map(|_| self.any_char()).collect(),
            _ => {
                let unit = ["a", "é", ":", "~"][self.below(4)];
                unit.repeat(190 + self.below(230)) + ["", "a", "b"][self.below(3)]
            }
        }
    }

    /// Any scalar value; half of them ASCII.
    fn any_char(&mut self) -> char {
        let highest = if self.below(2) == 0 { 0x80 } else { 0x11_0000 };
        char::from_u32(self.below(highest) as u32).unwrap_or('\u{fffd}')
    }

    /// Another id that a careless hand would take for this one.
    fn alike(&mut self, id: &str) -> String {
        match self.below(12) {
            0 => format!("{id}:files"),
            1 => format!("{id}_"),
            2 => format!("{id} "),
            3 => format!("{id}{}", self.any_char()),
            4 => id.to_uppercase(),
            5 => id.to_lowercase(),
            6 => id.replace(':', "%3A").replace('_', "%5F"),
            7 => id.replace("%3A", ":").replace("%5F", "_"),
            8 => id.replace('é', "e\u{301}"),
            9 => id.replace("e\u{301}", "é"),
            10 => id.repeat(200).chars().take(250).chain(['b']).collect(),
            _ => id.chars().skip(1).collect::<String>() + "a",
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}
