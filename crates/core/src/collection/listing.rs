//! A list as it is stored: its items sorted, one after the other, behind an index of where each begins. So a page is one
//! run of bytes, and finding it takes two entries of the index.
//!
//! | bytes | what |
//! |---|---|
//! | 12 | three numbers: how many items, length of the text before them, length of the text behind them |
//! | 4 × (items + 1) | where each item begins, counted from the first, and where one more would |
//! | … | the text before, the text behind |
//! | … | the items, with a comma between two |
//!
//! Numbers are of 32 bits, the least significant byte first. The texts are the origin's answer around the items, without
//! what the policy's envelope says anew.

use core::cmp::Ordering;
use core::ops::Range;

use super::json::{self, Reader, quoted};
use super::order::Value;
use super::{Page, Paging};
use crate::policy::{Collection, Envelope};
use crate::sorted::sorted;
use crate::text;

/// Length of the three numbers in front, in bytes.
const FRONT: usize = 12;
/// Length of a number, in bytes.
const NUMBER: usize = 4;

/// Makes lists.
#[derive(Debug)]
pub struct Listing;

/// Why an answer is no list that pages can be cut from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlisted {
    /// No JSON, or no list where the policy says.
    Malformed,
    /// An item is without the member that items are sorted by, or told apart by; or their values cannot be compared.
    Unsorted,
    /// Two items are the same one.
    Duplicate,
    /// Longer than the class allows, or broken off.
    TooLarge,
}

impl Unlisted {
    /// The stable token, for `Cache-Status`.
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Self::Malformed => "list-malformed",
            Self::Unsorted => "list-unsorted",
            Self::Duplicate => "list-duplicate",
            Self::TooLarge => "list-too-large",
        }
    }
}

impl Listing {
    /// The stored form of the origin's answer.
    ///
    /// # Errors
    /// Why there is none.
    pub fn of(collection: &Collection, answer: &[u8]) -> Result<Vec<u8>, Unlisted> {
        let text = core::str::from_utf8(answer).map_err(|_| Unlisted::Malformed)?;
        let mut parts = Parts::default();
        let mut reader = Reader::new(text);
        parts
            .read(collection, &collection.items, &mut reader)
            .filter(|()| reader.is_done())
            .ok_or(Unlisted::Malformed)?;
        let object = parts.object.ok_or(Unlisted::Malformed)?;
        if parts.has_unsorted
            || parts.items.iter().zip(parts.items.iter().skip(1)).any(|(one, next)| !one.is_like(next))
        {
            return Err(Unlisted::Unsorted);
        }
        let names = sorted(parts.items.iter().map(|item| &item.ties).collect());
        if names.iter().zip(names.iter().skip(1)).any(|(one, next)| one == next) {
            return Err(Unlisted::Duplicate);
        }
        let mut before = text![text::upto(text, object.start), "{"];
        for place in parts.kept {
            before.push_str(text.get(place).unwrap_or_default());
            before.push(',');
        }
        before.push_str(&quoted(collection.items.last().map_or("", String::as_str)));
        before.push_str(":[");
        let behind = text!["}", text::from(text, object.end)];
        Ok(written(text, sorted(parts.items), &before, &behind))
    }
}

/// The stored form. No text is near 4 GiB: what is read is bounded by the class.
fn written(text: &str, items: Vec<Item>, before: &str, behind: &str) -> Vec<u8> {
    let index = NUMBER * (items.len() + 1);
    let length: usize = items.iter().map(|item| item.place.len() + 1).sum();
    let mut bytes = Vec::with_capacity(FRONT + index + before.len() + behind.len() + length);
    let mut push = |number: usize| bytes.extend_from_slice(&(number as u32).to_le_bytes());
    for number in [items.len(), before.len(), behind.len()] {
        push(number);
    }
    let mut at = 0;
    push(at);
    for item in &items {
        at += item.place.len() + 1;
        push(at);
    }
    bytes.extend_from_slice(before.as_bytes());
    bytes.extend_from_slice(behind.as_bytes());
    for item in items {
        bytes.extend_from_slice(text.get(item.place).unwrap_or_default().as_bytes());
        bytes.push(b',');
    }
    bytes
}

/// What is wanted of the origin's answer.
#[derive(Default)]
struct Parts {
    /// Where the object is that holds the items.
    object: Option<Range<usize>>,
    /// Its other members.
    kept: Vec<Range<usize>>,
    items: Vec<Item>,
    has_unsorted: bool,
}

impl Parts {
    /// Reads an object that holds the items at `path`.
    fn read(&mut self, collection: &Collection, path: &[String], reader: &mut Reader<'_>) -> Option<()> {
        let (name, below) = path.split_first()?;
        let Envelope { pagination, cached, status, warning } = &collection.envelope;
        let from = reader.place();
        reader.object(|reader, written, at| {
            match (json::is_name(written, name), below.is_empty()) {
                // Twice the same name, here or around it: which of them counts would be a guess.
                (true, _) if self.object.is_some() => return None,
                (true, false) => self.read(collection, below, reader)?,
                (true, true) => {
                    self.object = Some(from..from);
                    reader.array(|reader| self.item(collection, reader))?;
                }
                (false, false) => {
                    reader.value()?;
                }
                (false, true) => {
                    let end = reader.value()?.end;
                    if ![pagination, cached, status, warning].iter().any(|name| json::is_name(written, name)) {
                        self.kept.push(at..end);
                    }
                }
            }
            Some(())
        })?;
        if below.is_empty() {
            self.object.as_mut()?.end = reader.at;
        }
        Some(())
    }

    fn item(&mut self, collection: &Collection, reader: &mut Reader<'_>) -> Option<()> {
        let mut seen = [None, None];
        let text = reader.text();
        let place = reader.watched([Some(&collection.by), Some(&collection.ties)], &mut seen)?;
        let [by, ties] = seen.map(|place| Value::read(text.get(place?)?));
        match (by, ties) {
            (Some(by), Some(ties)) => self.items.push(Item { by, ties, place, descending: collection.descending }),
            _ => self.has_unsorted = true,
        }
        Some(())
    }
}

/// An item: what it is sorted by, and where it stands.
#[derive(PartialEq, Eq)]
struct Item {
    by: Value,
    ties: Value,
    place: Range<usize>,
    descending: bool,
}

impl Item {
    const fn is_like(&self, other: &Self) -> bool {
        self.by.is_like(&other.by) && self.ties.is_like(&other.ties)
    }
}

impl Ord for Item {
    fn cmp(&self, other: &Self) -> Ordering {
        let by = self.by.cmp(&other.by);
        let by = if self.descending { by.reverse() } else { by };
        by.then_with(|| self.ties.cmp(&other.ties))
    }
}

impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A page cut from a stored list: what goes out, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Before the items.
    pub before: String,
    /// Which bytes of what is stored are the items; perhaps none.
    pub items: Range<u32>,
    /// Behind the items.
    pub behind: String,
}

impl Page {
    /// Cuts the page out of a stored list of which `read` gives the bytes from and up to two places. `None` when that is no
    /// list.
    pub fn cut(&self, mut read: impl FnMut(u32, u32) -> Vec<u8>) -> Option<Cut> {
        let [total, before, behind] = numbers(&read(0, FRONT as u32))?;
        let front = (FRONT as u32).checked_add(total.checked_add(1)?.checked_mul(NUMBER as u32)?)?;
        let split = front.checked_add(before)?;
        let first = split.checked_add(behind)?;
        let mut begins = |at: u32| {
            let entry = FRONT as u32 + at * NUMBER as u32;
            let [begins] = numbers(&read(entry, entry + NUMBER as u32))?;
            Some(begins)
        };
        let Paging { page, limit } = self.paging;
        let (from, to) = self.paging.places(self.first);
        let in_list = |place: u64| u32::try_from(place).unwrap_or(u32::MAX).min(total);
        let (begin, end) = (begins(in_list(from))?, begins(in_list(to))?);
        // The comma behind the last one stays behind.
        let end = if end > begin { end - 1 } else { begin };
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).ok();
        let has_more = if to < u64::from(total) { "true" } else { "false" };
        let behind = text(read(split, first))?;
        let counts =
            text!["{\"total\":", total, ",\"page\":", page, ",\"limit\":", limit, ",\"has_more\":", has_more, "}"];
        Some(Cut {
            before: text(read(front, split))?,
            items: first.checked_add(begin)?..first.checked_add(end)?,
            behind: text!["],", &self.pagination, ":", counts, &self.said, behind],
        })
    }
}

fn numbers<const N: usize>(bytes: &[u8]) -> Option<[u32; N]> {
    let mut numbers = [0; N];
    if bytes.len() != N * NUMBER {
        return None;
    }
    for (number, bytes) in numbers.iter_mut().zip(bytes.chunks_exact(NUMBER)) {
        *number = u32::from_le_bytes(bytes.try_into().ok()?);
    }
    Some(numbers)
}

#[cfg(all(test, feature = "document"))]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::policy::document::read;

    fn collection(more: &str) -> Collection {
        let text = r#"{ "name": "shop", "version": 1, "classes": { "orders": {
            "match": "GET /api/orders", "scope": "public", "key": "orders:all", "browser": "no-cache",
            "edge": { "ttl": "1h", "keep": "1h" }, "device": "never", "collection": { MORE
            "items": "/data/orders", "sort": { "by": "/score", "order": "descending", "ties": "/id" } } } } }"#;
        let mut policy = read(&text.replace("MORE", more)).policy.expect("a policy");
        policy.classes.remove(0).collection.expect("a list")
    }

    fn page(page: u64, limit: u64) -> Page {
        let said = r#","cached":true,"cache_status":"fresh""#.into();
        Page {
            paging: Paging { page, limit },
            first: 0,
            said,
            pagination: "\"pagination\"".into(),
            word: "fresh".into(),
        }
    }

    fn text_of(list: &[u8], page: &Page) -> Option<String> {
        let read = |from: u32, to: u32| list.get(from as usize..to as usize).unwrap_or_default().to_vec();
        let Cut { before, items, behind } = page.cut(read)?;
        Some([before, String::from_utf8(read(items.start, items.end)).ok()?, behind].concat())
    }

    #[test]
    fn pages_are_the_origins_answer_with_some_of_the_items() {
        let answer = r#"{ "success": true, "data": {"a": 1, "cached": 7, "orders" : [
            {"id": "a", "score": 1}, {"score":2.50, "id": "b"}, {"id":"c","score":2.5}], "pagination": [], "z": [ ] }, "n": null } "#;
        let list = Listing::of(&collection(""), answer.as_bytes()).expect("a list");
        for ((number, limit), (items, has_more)) in [
            ((0, 2), (r#"{"score":2.50, "id": "b"},{"id":"c","score":2.5}"#, true)),
            ((1, 2), (r#"{"id": "a", "score": 1}"#, false)),
            ((0, 3), (r#"{"score":2.50, "id": "b"},{"id":"c","score":2.5},{"id": "a", "score": 1}"#, false)),
            ((2, 2), ("", false)),
            ((999_999_999_999_999, 100), ("", false)),
        ] {
            let expected = format!(
                r#"{{ "success": true, "data": {{"a": 1,"z": [ ],"orders":[{items}],"pagination":{{"total":3,"page":{number},"limit":{limit},"has_more":{has_more}}},"cached":true,"cache_status":"fresh"}}, "n": null }} "#
            );
            assert_eq!(text_of(&list, &page(number, limit)).as_deref(), Some(&*expected));
        }
    }

    #[test]
    fn an_answer_is_a_list_or_says_why_not() {
        let with = |items: &str| format!(r#"{{"data":{{"orders":[{items}]}}}}"#);
        let good = r#"{"id":1,"score":1}"#;
        for (answer, expected) in [
            (with(""), Ok(())),
            (with(good), Ok(())),
            (with(&format!(r#"{good},{{"id":2,"score":1}}"#)), Ok(())),
            (r#"{"d\u0061ta":{"orders":[]}}"#.into(), Ok(())),
            ("".into(), Err(Unlisted::Malformed)),
            ("<html>".into(), Err(Unlisted::Malformed)),
            ("[]".into(), Err(Unlisted::Malformed)),
            (r#"{"data":[]}"#.into(), Err(Unlisted::Malformed)),
            (r#"{"data":{}}"#.into(), Err(Unlisted::Malformed)),
            (r#"{"data":{"orders":{}}}"#.into(), Err(Unlisted::Malformed)),
            (r#"{"data":{"orders":null}}"#.into(), Err(Unlisted::Malformed)),
            (r#"{"data":{"orders":[],"orders":[]}}"#.into(), Err(Unlisted::Malformed)),
            (r#"{"data":{"orders":[]},"data":{"orders":[]}}"#.into(), Err(Unlisted::Malformed)),
            (r#"{"data":{"orders":[]},"data":{"a":2}}"#.into(), Err(Unlisted::Malformed)),
            (r#"{"data":{"a":2},"d\u0061ta":{"orders":[]}}"#.into(), Err(Unlisted::Malformed)),
            (r#"{"data":{"orders":[]},"data":null}"#.into(), Err(Unlisted::Malformed)),
            (with(good) + "x", Err(Unlisted::Malformed)),
            (with(good)[..20].into(), Err(Unlisted::Malformed)),
            (with(r#"{"id":1,"score":1,"score":2}"#), Err(Unlisted::Malformed)),
            (with(r#"{"id":1}"#), Err(Unlisted::Unsorted)),
            (with(r#"{"score":1}"#), Err(Unlisted::Unsorted)),
            (with("7"), Err(Unlisted::Unsorted)),
            (with(r#"{"id":1,"score":null}"#), Err(Unlisted::Unsorted)),
            (with(&format!(r#"{good},{{"id":2,"score":"high"}}"#)), Err(Unlisted::Unsorted)),
            (with(&format!(r#"{good},{{"id":"2","score":1}}"#)), Err(Unlisted::Unsorted)),
            (with(&format!("{good},{good}")), Err(Unlisted::Duplicate)),
            (with(&format!(r#"{good},{{"id":1.0,"score":9}}"#)), Err(Unlisted::Duplicate)),
        ] {
            assert_eq!(Listing::of(&collection(""), answer.as_bytes()).map(drop), expected, "{answer}");
        }
        assert_eq!(Listing::of(&collection(""), b"{\"data\":{\"orders\":[\"\xff\"]}}"), Err(Unlisted::Malformed));
    }

    #[test]
    fn what_is_no_list_gives_no_page() {
        let answer = br#"{"data":{"orders":[{"id":1,"score":1},{"id":2,"score":2}]}}"#;
        let list = Listing::of(&collection(""), answer).expect("a list");
        assert_eq!(text_of(b"", &page(0, 1)), None);
        assert_eq!(text_of(b"{\"data\": 1, \"more\": 2}", &page(0, 1)), None);
        for length in 0..list.len() {
            // Whatever it gives: no more than there is.
            let _ = text_of(&list[..length], &page(0, 9));
        }
    }

    proptest! {
        /// Page after page is the whole list, sorted as another program sorts it.
        #[test]
        fn all_pages_are_the_list(scores in prop::collection::vec(-5i32..5, 0..60), limit in 1u64..20) {
            let items: Vec<Json> =
                scores.iter().enumerate().map(|(id, score)| json!({"id": id, "score": score, "name": "é, ]}\"\\"})).collect();
            let answer = json!({"data": {"orders": items}}).to_string();
            let list = Listing::of(&collection(""), answer.as_bytes()).expect("a list");
            let mut expected = items;
            expected.sort_by_key(|item| (-item["score"].as_i64().unwrap_or_default(), item["id"].as_i64()));
            let mut found = Vec::new();
            for number in 0.. {
                let text = text_of(&list, &page(number, limit)).expect("a page");
                let page: Json = serde_json::from_str(&text).expect("JSON");
                let items = page["data"]["orders"].as_array().expect("items").clone();
                prop_assert!(items.len() as u64 <= limit);
                found.extend(items);
                prop_assert_eq!(&page["data"]["pagination"]["total"], &json!(scores.len()));
                if page["data"]["pagination"]["has_more"] == json!(false) {
                    break;
                }
            }
            prop_assert_eq!(found, expected);
        }
    }
}
