//! The token's written form, what is made of several, and what of rubbish.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::policy::document;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

static POLICY: LazyLock<Policy> = LazyLock::new(|| policy(r#"{ "bound": "5s" }"#));

fn policy(invalidation: &str) -> Policy {
    let text = format!(r#"{{ "name": "x", "version": 1, "invalidation": {invalidation}, "classes": {{}} }}"#);
    document::read(&text).policy.expect("a policy without errors")
}

fn request(lines: &[(&str, &str)]) -> RequestHead {
    RequestHead::new("GET", "https://x.example/", lines.iter().copied().collect())
}

fn carried(lines: &[(&str, &str)]) -> Writes {
    Writes::take(&mut request(lines), &POLICY, NOW)
}

fn at(millis_ago: u64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() - millis_ago)
}

fn is_hit(token: &str, name: &str, millis_ago: u64) -> bool {
    let writes = carried(&[(CONSISTENCY, token)]);
    writes.hit(&["other".to_owned(), name.to_owned()], at(millis_ago))
}

/// The answer to a mutation that purged `names` so long ago, by a request that carried these tokens.
fn written(carried: &Writes, names: &[&str], millis_ago: u64, is_told: bool) -> Fields {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut fields = Fields::new();
    carried.written(&names, at(millis_ago), is_told, &POLICY, &mut fields);
    fields
}

fn token(fields: &Fields) -> &str {
    fields.get(CONSISTENCY).and_then(|member| member.split(';').next()).expect("a token was set")
}

/// `name=value` of each cookie that is set.
fn cookies(fields: &Fields) -> Vec<&str> {
    fields.all("set-cookie").map(|line| line.split(';').next().unwrap_or_default()).collect()
}

#[test]
fn the_written_form() {
    // The digests are the first four bytes of SHA-256, modulo 36^5 - 1, plus 1, to base 36.
    let fields = written(&carried(&[]), &["user:a:stats", "user:a:files"], 0, true);
    let token = "a0mywpiww0gxric0mywpiww04bhhq";
    let cookie =
        format!("tiercel-seen-0mywpiww0-{}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age=40; Secure", digest(token));
    let member = format!("{token};max-age=40");
    assert_eq!(fields, [(CONSISTENCY, &member), ("set-cookie", &cookie)].into_iter().collect());

    let pending = written(&carried(&[]), &["user:a:stats"], 0, false);
    assert_eq!(pending.get(CONSISTENCY), Some("b0mywpiww0gxric;max-age=86400"));
    assert!(written(&carried(&[]), &[], 0, true).iter().next().is_none(), "nothing was purged");
}

#[test]
fn the_policy_says_how() {
    let mut of_http = RequestHead::new("POST", "http://x.example/", Fields::new());
    for (invalidation, has_field, cookie) in [
        (r#"{ "token": "cookie" }"#, true, Some("Max-Age=40")),
        (r#"{ "token": "cookie", "bound": "1m" }"#, true, Some("Max-Age=260")),
        (r#"{ "token": "header" }"#, true, None),
        (r#"{ "token": "never" }"#, false, None),
    ] {
        let policy = policy(invalidation);
        let mut fields = Fields::new();
        Writes::take(&mut of_http, &policy, NOW).written(&["n".to_owned()], NOW, true, &policy, &mut fields);
        assert_eq!(fields.has(CONSISTENCY), has_field, "{invalidation}");
        let set = fields.get("set-cookie").and_then(|line| line.rsplit("; ").next());
        assert_eq!(set, cookie, "{invalidation}");

        // The tokens of another policy's time go nowhere either.
        let mut request = request(&[(CONSISTENCY, "a0mywpiww000000"), ("cookie", "tiercel-seen-1=x")]);
        let writes = Writes::take(&mut request, &policy, NOW);
        assert_eq!(writes.hit(&[], NOW), has_field, "{invalidation}");
        assert_eq!(request.fields, Fields::new(), "{invalidation}");
    }
}

#[test]
fn what_is_no_token_refuses_everything_so_far() {
    for broken in [
        "a",
        "b",
        "A",
        "c0mywpiww000001",
        "0mywpiww000001",
        "a0mywpiww0",
        "a0mywpiww0000",
        "a0mywpiww00000",
        "a0mywpiww0000001",
        "a0mywpiww00000A",
        "a0mywpiww0000:1",
        "a0mywpiww000é1",
        "é",
        "\u{0}",
        " ",
        "a0mywpiww000001, x",
        "azzzzzzzzz00001",
    ] {
        assert!(is_hit(broken, "any", 0), "{broken:?}");
        let writes = carried(&[("cookie", &format!("tiercel-seen-1={broken}"))]);
        let later = Timestamp::from_millis(NOW.as_millis() + 2 * SKEW + 1);
        assert!(writes.hit(&[], NOW) && !writes.hit(&["any".to_owned()], later), "{broken:?}");
    }
}

#[test]
fn a_token_is_what_stands_before_its_parameters() {
    assert!(is_hit("a0mywpiww000001;max-age=40", "any", 0));
}

/// (the token's age in milliseconds, whether its purge is known to the objects, whether it counts)
#[test]
fn how_long_a_token_counts() {
    for (age, is_told, counts) in [
        (0, true, true),
        (40_000, true, true),
        (40_001, true, false),
        (40_001, false, true),
        (86_400_000, false, true),
        (86_400_001, false, false),
    ] {
        let fields = written(&carried(&[]), &["n"], age, is_told);
        assert_eq!(is_hit(token(&fields), "n", age), counts, "{age} {is_told}");
    }
}

#[test]
fn what_was_asked_for_since_is_good() {
    let fields = written(&carried(&[]), &["n"], 10_000, true);
    for (name, millis_ago, expected) in
        [("n", 20_000, true), ("n", 10_000, true), ("n", 9_900, true), ("n", 9_899, false), ("m", 20_000, false)]
    {
        assert_eq!(is_hit(token(&fields), name, millis_ago), expected, "{name}, {millis_ago} ms ago");
    }
}

/// (the `Cookie` lines of a request, what is left of them)
#[test]
fn cookies_of_others_stay() {
    let seen = "tiercel-seen-1-2=a0mywpiww000001";
    let with_seen = format!("a=1; {seen}; b=\"2\"");
    let first = format!("{seen}; a=1;b=2=3; c");
    let twice = format!("{seen};{seen}3");
    for (lines, left) in [
        (&[with_seen.as_str()][..], &["a=1; b=\"2\""][..]),
        (&[&first], &["a=1; b=2=3; c"]),
        (&[seen], &[]),
        (&[&twice], &[]),
        (&["a=1", seen, "b=2"], &["a=1; b=2"]),
        (&["a=tiercel-seen-1=2; xtiercel-seen-1=2"], &["a=tiercel-seen-1=2; xtiercel-seen-1=2"]),
        (&["a=1;b=2 ", "c"], &["a=1;b=2 ", "c"]),
        (&["tiercel-seen-é; b=2"], &["b=2"]),
    ] {
        let lines: Vec<_> = lines.iter().map(|line| ("cookie", *line)).collect();
        let mut request = request(&lines);
        let _ = Writes::take(&mut request, &POLICY, NOW);
        assert_eq!(request.fields.all("cookie").collect::<Vec<_>>(), left, "{lines:?}");
    }
}

#[test]
fn one_cookie_takes_the_place_of_those_that_came() {
    let first = written(&carried(&[]), &["one"], 2_000, true);
    let second = written(&carried(&[]), &["two"], 1_000, true);
    let both = [("cookie", cookies(&first)[0]), ("cookie", cookies(&second)[0])];
    let third = written(&carried(&both), &["three", "two"], 0, true);
    let names: Vec<&str> = both.iter().filter_map(|(_, pair)| pair.split('=').next()).collect();
    let [one, two, three] = cookies(&third)[..] else { panic!("{third:?}") };
    assert_eq!([one, two], [format!("{}=", names[0]), format!("{}=", names[1])]);
    assert!(third.all("set-cookie").take(2).all(|line| line.contains("; Max-Age=0; ")), "{third:?}");
    assert!(!names.contains(&three.split('=').next().unwrap_or_default()), "a name of its own");
    assert_eq!(token(&third).len(), 1 + 3 * MARK, "what is purged again is named once: {third:?}");
    for (name, millis_ago, expected) in
        [("one", 2_000, true), ("one", 1_000, false), ("two", 500, true), ("three", 500, true), ("four", 2_000, false)]
    {
        assert_eq!(is_hit(token(&third), name, millis_ago), expected, "{name}");
    }
    // The same again at the same moment is the same cookie, and is not taken away.
    let again = carried(&[("cookie", three)]);
    assert_eq!(cookies(&written(&again, &["three", "two"], 0, true)), [three]);
}

#[test]
fn too_many_names_are_all_of_them() {
    let names: Vec<String> = (0..41).map(|name| name.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(token(&written(&carried(&[]), &names[..40], 0, true)).len(), 1 + LONGEST);
    assert_eq!(token(&written(&carried(&[]), &names, 0, true)), "a0mywpiww000000");
    // However much comes, little is kept of it: but that a purge of it may not have been told yet.
    let (token, cookie) = (format!("b{}", "0mywpiww000001".repeat(40)), "tiercel-seen-1=; ".repeat(4_000));
    let marks: String = (0..9_000).map(|name| text!["0mywpiww0", digits(name, DIGEST)]).collect();
    for line in [text!["b", &marks], text!["a", &marks], vec![token.as_str(); 200].join(","), "x,".repeat(9_000)] {
        let writes = carried(&[(CONSISTENCY, &line)]);
        assert!(writes.marks.len() <= MOST, "{} bytes", writes.marks.len());
        assert_eq!(writes.is_pending, line.starts_with('b'));
        assert!(is_hit(&line, "any", 0));
        let writes = carried(&[(CONSISTENCY, &line), ("cookie", &cookie)]);
        assert!(writes.marks.len() <= MOST && writes.cookies.len() <= 2 * LONGEST);
    }
}

fn purges() -> impl Strategy<Value = Vec<(u8, u64, bool)>> {
    prop::collection::vec((0u8..60, 0u64..30_000, any::<bool>()), 1..80)
}

proptest! {
    /// What is written reads back, and of several tokens nothing is lost in one.
    #[test]
    fn merging_loses_nothing(purges in purges(), asked in 0u64..40_000) {
        let tokens: Vec<String> = purges.iter().map(|(name, ago, is_told)| {
            token(&written(&carried(&[]), &[&name.to_string()], *ago, *is_told)).to_owned()
        }).collect();
        let merged = written(&carried(&[(CONSISTENCY, &tokens.join(", "))]), &["own"], 0, true);
        let merged = token(&merged);
        prop_assert!(merged.len() <= 1 + LONGEST && is_base36(merged), "{}", merged);
        for (token, (name, ago, _)) in tokens.iter().zip(&purges) {
            prop_assert!(is_hit(merged, &name.to_string(), *ago));
            for name in [name.to_string(), "own".to_owned(), "unknown".to_owned()] {
                prop_assert!(is_hit(merged, &name, asked) || !is_hit(token, &name, asked), "{}", token);
            }
        }
        let is_pending = purges.iter().any(|(_, _, is_told)| !is_told);
        prop_assert_eq!(merged.starts_with('b'), is_pending);
    }

    /// Whatever a client sends: no panic, and one token more never makes an older answer good enough.
    #[test]
    fn more_tokens_refuse_more(
        tokens in prop::collection::vec(("[a-z0-9;, *é]{0,40}|[ab]0myw[a-z][0-9a-z]{9}([0-9a-z]{14})?", any::<bool>()), 0..9),
        names in prop::collection::vec("[a-c]", 0..4), ago in 0u64..100_000,
    ) {
        let (mut lines, mut was_hit) = (Vec::new(), false);
        for (token, by_cookie) in &tokens {
            let line = format!("a=1; tiercel-seen-{token}");
            lines.push(if *by_cookie { ("cookie", line) } else { (CONSISTENCY, token.clone()) });
            let fields: Fields = lines.iter().map(|(name, value)| (*name, value)).collect();
            let mut request = RequestHead::new("GET", "https://x.example/", fields);
            let writes = Writes::take(&mut request, &POLICY, NOW);
            prop_assert!(!request.fields.iter().any(|(name, value)| name == CONSISTENCY || value.contains(SEEN_COOKIE)));
            let is_hit = writes.hit(&names, at(ago));
            prop_assert!(is_hit || !was_hit, "{:?}", lines);
            was_hit = is_hit;
            writes.written(&names, NOW, true, &POLICY, &mut Fields::new());
        }
    }
}
