//! How much a user listens to an artist, as a number from 0 to 100.
//!
//! Each of Spotify's three ranges gives up to its weight: all of it for the first place, half for the eleventh, a tenth for the
//! ninety-first; `10 / (9 + place)`. Following gives its weight. The lately heard count most: weights are 45 for four weeks, 30
//! for six months, 15 for a year, 10 for following. The score has two decimals; equal scores are in the order of their ids.

use serde::Serialize;
use std::collections::HashMap;

const SHORT_TERM: f64 = 45.0;
const MEDIUM_TERM: f64 = 30.0;
const LONG_TERM: f64 = 15.0;
const FOLLOWED: f64 = 10.0;

/// An artist with the user's score.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Artist {
    pub(crate) id: String,
    name: String,
    /// 0 to 100.
    pub(crate) score: f64,
    /// A square picture's URL.
    image: Option<String>,
    genres: Vec<String>,
    /// The place in each range, from 1.
    ranks: Ranks,
    followed: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
struct Ranks {
    short_term: Option<usize>,
    medium_term: Option<usize>,
    long_term: Option<usize>,
}

impl Artist {
    /// An artist without places yet.
    pub(super) fn new(id: String, name: String, genres: Vec<String>, image: Option<String>) -> Self {
        Self { id, name, score: 0.0, image, genres, ranks: Ranks::default(), followed: false }
    }
}

/// What Spotify lists, each in its order.
#[derive(Default)]
pub(super) struct Lists {
    pub(super) short_term: Vec<Artist>,
    pub(super) medium_term: Vec<Artist>,
    pub(super) long_term: Vec<Artist>,
    pub(super) followed: Vec<Artist>,
}

/// One list of all, the highest score first.
pub(super) fn merge(lists: Lists) -> Vec<Artist> {
    let mut all = Merged::default();
    for (place, artist) in (1..).zip(lists.short_term) {
        all.of(artist).ranks.short_term.get_or_insert(place);
    }
    for (place, artist) in (1..).zip(lists.medium_term) {
        all.of(artist).ranks.medium_term.get_or_insert(place);
    }
    for (place, artist) in (1..).zip(lists.long_term) {
        all.of(artist).ranks.long_term.get_or_insert(place);
    }
    for artist in lists.followed {
        all.of(artist).followed = true;
    }
    for artist in &mut all.artists {
        artist.score = score(&artist.ranks, artist.followed);
    }
    all.artists.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id)));
    all.artists
}

#[derive(Default)]
struct Merged {
    artists: Vec<Artist>,
    places: HashMap<String, usize>,
}

impl Merged {
    /// The entry of an artist, who may come in several lists, and twice in one: lists change while they are read.
    fn of(&mut self, artist: Artist) -> &mut Artist {
        let place = *self.places.entry(artist.id.clone()).or_insert_with(|| {
            self.artists.push(artist);
            self.artists.len() - 1
        });
        &mut self.artists[place]
    }
}

fn score(ranks: &Ranks, followed: bool) -> f64 {
    let of = |place: Option<usize>| place.map_or(0.0, |place| 10.0 / (9.0 + place as f64));
    let sum = SHORT_TERM * of(ranks.short_term) + MEDIUM_TERM * of(ranks.medium_term) + LONG_TERM * of(ranks.long_term);
    let sum = if followed { sum + FOLLOWED } else { sum };
    (sum * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(ids: &str) -> Vec<Artist> {
        ids.chars().map(|id| Artist::new(id.to_string(), id.to_uppercase().to_string(), Vec::new(), None)).collect()
    }

    /// `id score` of each, in their order.
    fn merged(short_term: &str, medium_term: &str, long_term: &str, followed: &str) -> Vec<String> {
        let lists = Lists {
            short_term: list(short_term),
            medium_term: list(medium_term),
            long_term: list(long_term),
            followed: list(followed),
        };
        merge(lists).iter().map(|artist| format!("{} {}", artist.id, artist.score)).collect()
    }

    #[test]
    fn places_and_following_add_up() {
        let cases = [
            (("a", "a", "a", "a"), vec!["a 100"]),
            (("a", "", "", ""), vec!["a 45"]),
            (("ab", "", "", ""), vec!["a 45", "b 40.91"]),
            (("", "", "abcdefghijk", ""), vec!["a 15", "b 13.64", "c 12.5"]),
            // The lately heard before what was heard for long; following lifts over a place.
            (("b", "a", "a", ""), vec!["a 45", "b 45"]),
            (("ab", "", "", "b"), vec!["b 50.91", "a 45"]),
            // Ties by id, whatever order they came in.
            (("", "", "", "cab"), vec!["a 10", "b 10", "c 10"]),
            // Twice in one list: the first place counts, the others keep theirs.
            (("aab", "", "", ""), vec!["a 45", "b 37.5"]),
            (("", "", "", ""), vec![]),
        ];
        for ((short, medium, long, followed), wanted) in cases {
            let got = merged(short, medium, long, followed);
            assert_eq!(got[..wanted.len().min(got.len())], wanted, "{short}/{medium}/{long}/{followed}");
        }
    }

    #[test]
    fn nobody_is_left_out_or_twice() {
        assert_eq!(merged("ab", "bc", "cd", "de").len(), 5);
    }
}
