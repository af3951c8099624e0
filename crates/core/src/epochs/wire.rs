//! What isolates and objects say to one another, as lines. No name holds a control character: values are escaped
//! (`key.rs`), and a group is printable (RFC 9875).
//!
//! ```text
//!  question   SINCE                  answer   UNTIL SINCE BORN          copy   AS-OF
//!             ?NAME  look it up               NAME TAB MOMENT TAB h            then as an answer
//!             hNAME  purge it, hard           NAME TAB MOMENT TAB s
//!             sNAME  softly
//! ```

use crate::invalidation::{Epoch, Purge};
use crate::time::Timestamp;

/// Most purges that an answer names, beside those that were looked up.
pub const MOST_IN_FEED: usize = 1_000;

/// What to ask a shard's object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    pub(super) asked_at: Timestamp,
    pub(super) since: Timestamp,
    pub(super) look_up: Vec<String>,
    pub(super) purges: Vec<Untold>,
}

/// A purge that this isolate recorded, and its object has not heard of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Untold {
    pub(super) number: u64,
    pub(super) name: String,
    pub(super) purge: Purge,
}

impl Question {
    /// As it is sent.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = self.since.as_millis().to_string();
        for name in &self.look_up {
            text.push_str("\n?");
            text.push_str(name);
        }
        for untold in &self.purges {
            text.push('\n');
            text.push_str(word(untold.purge));
            text.push_str(&untold.name);
        }
        text
    }
}

/// A [`Question`] as the object reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked<'t> {
    /// Since when purges are wanted.
    pub since: Timestamp,
    /// The names whose purges are wanted, whenever they were.
    pub look_up: Vec<&'t str>,
    /// What is purged now: the name, and `h` or `s`.
    pub purges: Vec<(&'t str, &'t str)>,
}

impl<'t> Asked<'t> {
    /// Reads a question; `None` when it is none.
    #[must_use]
    pub fn read(text: &'t str) -> Option<Self> {
        let mut lines = text.split('\n');
        let mut asked = Self { since: moment(lines.next()?)?, look_up: Vec::new(), purges: Vec::new() };
        for line in lines {
            match line.split_at_checked(1)? {
                ("?", name) => asked.look_up.push(name),
                (word @ ("h" | "s"), name) => asked.purges.push((name, word)),
                _ => return None,
            }
        }
        Some(asked)
    }
}

/// What an object answers. Moments are by its clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed<'t> {
    /// When it answered.
    pub until: Timestamp,
    /// Every purge since then is named.
    pub since: Timestamp,
    /// When the object was made.
    pub born: Timestamp,
    /// Purges, in any order; also older ones, of names that were looked up.
    pub purges: Vec<(&'t str, Epoch)>,
}

impl<'t> Feed<'t> {
    /// Reads an answer; `None` when it is none.
    #[must_use]
    pub fn read(text: &'t str) -> Option<Self> {
        let mut lines = text.split('\n').filter(|line| !line.is_empty());
        let mut head = lines.next()?.split(' ').map(moment);
        let (until, since, born) = (head.next()??, head.next()??, head.next()??);
        let purges = lines.map(|line| {
            let mut parts = line.split('\t');
            let (name, at) = (parts.next()?, moment(parts.next()?)?);
            let purge = match parts.next()? {
                "h" => Purge::Hard,
                "s" => Purge::Soft,
                _ => return None,
            };
            parts.next().is_none().then_some((name, Epoch { at, purge }))
        });
        Some(Self { until, since, born, purges: purges.collect::<Option<_>>()? })
    }
}

pub(super) fn write_copy<'n>(
    as_of: Timestamp,
    until: Timestamp,
    since: Timestamp,
    born: Timestamp,
    purges: impl Iterator<Item = (&'n str, Epoch)>,
) -> String {
    let mut text = String::new();
    for (moment, end) in [(as_of, '\n'), (until, ' '), (since, ' '), (born, '\n')] {
        text.push_str(&moment.as_millis().to_string());
        text.push(end);
    }
    for (name, epoch) in purges {
        for part in [name, "\t", &epoch.at.as_millis().to_string(), "\t", word(epoch.purge), "\n"] {
            text.push_str(part);
        }
    }
    text
}

/// When a copy was true, in milliseconds by the clock of who wrote it, and what it says.
pub(super) fn read_copy(text: &str) -> Option<(u64, Feed<'_>)> {
    let (as_of, feed) = text.split_once('\n')?;
    Some((moment(as_of)?.as_millis(), Feed::read(feed)?))
}

const fn word(purge: Purge) -> &'static str {
    match purge {
        Purge::Hard => "h",
        Purge::Soft => "s",
    }
}

fn moment(text: &str) -> Option<Timestamp> {
    text.parse().ok().map(Timestamp::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    #[test]
    fn a_question_is_read_as_it_was_meant() {
        let question = Question {
            asked_at: AT,
            since: Timestamp::from_millis(7),
            look_up: vec!["user:a".into(), "odd, \"group\"".into()],
            purges: vec![
                Untold { number: 1, name: "user:a:files".into(), purge: Purge::Hard },
                Untold { number: 2, name: "?b".into(), purge: Purge::Soft },
            ],
        };
        let text = question.text();
        let asked = Asked::read(&text).expect("a question");
        assert_eq!(asked.since, Timestamp::from_millis(7));
        assert_eq!(asked.look_up, ["user:a", "odd, \"group\""]);
        assert_eq!(asked.purges, [("user:a:files", "h"), ("?b", "s")]);
        for broken in ["", "x", "-1", "1\n", "1\nxname", "1\néname", "1\n?a\n"] {
            assert_eq!(Asked::read(broken), None, "{broken:?}");
        }
    }

    #[test]
    fn a_copy_is_read_as_it_was_written() {
        let epochs = [("user:a", Epoch { at: AT, purge: Purge::Hard }), ("b c", Epoch { at: AT, purge: Purge::Soft })];
        let at = Timestamp::from_millis;
        let text = write_copy(at(1), at(2), at(3), at(4), epochs.into_iter());
        let feed = Feed { until: at(2), since: at(3), born: at(4), purges: epochs.to_vec() };
        assert_eq!(read_copy(&text), Some((1, feed)));
    }

    #[test]
    fn what_is_no_answer_is_not_believed_in_part() {
        let good = "2 3 4\nuser:a\t5\th\n";
        assert!(Feed::read(good).is_some());
        for broken in [
            "",
            "\n",
            "2 3",
            "2 3 x",
            "no",
            "2 3 4\nuser:a",
            "2 3 4\nuser:a\t5",
            "2 3 4\nuser:a\tNaN\th",
            "2 3 4\nuser:a\t5\thard",
            "2 3 4\nuser:a\t5\th\t",
            "2 3 4\nuser:a\t5\th\nuser:b",
        ] {
            assert_eq!(Feed::read(broken), None, "{broken:?}");
        }
    }
}
