//! What a broken origin says: answers that are no good HTTP, as bytes.

/// What a client may get of such an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worth {
    /// A 200 with this body: it is odd, but can be read in one way only.
    Whole(&'static str),
    /// The same for this once. It contradicts itself, so it is not stored.
    Once(&'static str),
    /// A beginning that nobody may take for the whole, now or out of the store.
    Part,
    /// None of it: no answer came.
    Nothing,
}

/// A broken answer.
#[derive(Clone, Debug)]
pub struct Broken {
    /// What is wrong with it.
    pub name: &'static str,
    /// Where that is said.
    pub rfc: &'static str,
    /// From the status line on.
    pub bytes: Vec<u8>,
    /// What it is worth.
    pub worth: Worth,
}

const HELLO: Worth = Worth::Whole("hello");
/// The connection must end: what the runtime's client finds behind a body, it takes for the next answer.
const GOOD: &str = "HTTP/1.1 200 OK\r\nConnection: close\r\nCache-Control: max-age=60, stale-if-error=600\r\n";

/// All of them.
#[must_use]
pub fn answers() -> Vec<Broken> {
    let status_lines = [
        ("no status line", "9112 §4", "hello", Worth::Nothing),
        ("a status of letters", "9112 §4", "HTTP/1.1 abc OK\r\n\r\n", Worth::Nothing),
        ("a status of zeros", "9112 §4", "HTTP/1.1 000 OK\r\n\r\n", Worth::Nothing),
        ("nothing at all", "9112 §8", "", Worth::Nothing),
        ("half a head", "9112 §8", "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Le", Worth::Nothing),
    ];
    // Behind a good head.
    let framings = [
        ("a body that is short", "9112 §8", "Content-Length: 1000\r\n\r\n0123456789", Worth::Part),
        ("a body that is missing", "9112 §8", "Content-Length: 10\r\n\r\n", Worth::Part),
        ("a body that is long", "9112 §6.3", "Content-Length: 3\r\n\r\n0123456789", Worth::Whole("012")),
        (
            "an answer behind the answer",
            "9112 §9.2",
            "Content-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n\r\nevil",
            HELLO,
        ),
        ("a body without a length", "9112 §6.3", "\r\nhello", HELLO),
        ("chunks", "9112 §7.1", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", HELLO),
        (
            "chunks and a length",
            "9112 §6.3",
            "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            Worth::Once("hello"),
        ),
        ("an unknown coding", "9112 §6.1", "Transfer-Encoding: x\r\n\r\nhello", Worth::Nothing),
        ("two lengths", "9112 §6.3", "Content-Length: 5\r\nContent-Length: 3\r\n\r\nhello", Worth::Nothing),
        ("a length below zero", "9112 §6.3", "Content-Length: -5\r\n\r\nhello", Worth::Nothing),
        ("a length with a sign", "9112 §6.3", "Content-Length: +5\r\n\r\nhello", Worth::Nothing),
        ("a length of letters", "9112 §6.3", "Content-Length: five\r\n\r\nhello", Worth::Nothing),
    ];
    let fields = [
        ("a folded line", "9112 §5.2", "X-A: one\r\n two", HELLO),
        ("a space before the colon", "9112 §5.1", "X-A : one", HELLO),
        ("a space in a name", "9110 §5.1", "X A: one", Worth::Nothing),
        ("no colon", "9112 §5", "rubbish", Worth::Nothing),
        ("no name", "9110 §5.1", ": one", Worth::Nothing),
        ("a zero byte", "9110 §5.5", "X-A: a\0b", Worth::Nothing),
        ("Latin-1", "9110 §5.5", "X-A: caf\u{e9}", HELLO),
        ("a bad Age", "9111 §5.1", "Age: -1, soon", HELLO),
        ("bad dates", "9110 §5.6.7", "Expires: 0\r\nLast-Modified: yesterday\r\nDate: 31 Feb", HELLO),
        ("a bad ETag", "9110 §8.8.3", "ETag: W/\"a, \"b", HELLO),
        ("a bad Vary", "9110 §12.5.5", "Vary: ,, a b,", Worth::Once("hello")),
        ("our own fields", "9111 §3", "X-Tiercel-Meta: t1;key=x\r\nX-Tiercel-Aside-Set-Cookie: a=1", HELLO),
    ];
    let raw = |text: &str| text.chars().map(|c| u8::try_from(c).expect("Latin-1")).collect::<Vec<u8>>();
    let mut all = Vec::new();
    for (name, rfc, text, worth) in status_lines {
        all.push(Broken { name, rfc, bytes: raw(text), worth });
    }
    for (name, rfc, line) in
        [("an old version", "9110 §2.5", "HTTP/1.0 200 OK"), ("no reason", "9112 §4", "HTTP/1.1 200")]
    {
        let text = GOOD.replace("HTTP/1.1 200 OK", line);
        all.push(Broken { name, rfc, bytes: raw(&format!("{text}Content-Length: 5\r\n\r\nhello")), worth: HELLO });
    }
    for (name, rfc, text, worth) in framings {
        all.push(Broken { name, rfc, bytes: raw(&format!("{GOOD}{text}")), worth });
    }
    for (name, rfc, lines, worth) in fields {
        all.push(Broken { name, rfc, bytes: raw(&format!("{GOOD}{lines}\r\nContent-Length: 5\r\n\r\nhello")), worth });
    }
    for (name, length, worth) in [("a field of 40 KB", 40_000, HELLO), ("a field of 200 KB", 200_000, Worth::Nothing)] {
        let bytes = raw(&format!("{GOOD}X-A: {}\r\nContent-Length: 5\r\n\r\nhello", "x".repeat(length)));
        all.push(Broken { name, rfc: "9110 §5.4", bytes, worth });
    }
    let noise = (0..4096u32).map(|at| u8::try_from(at * 197 % 256).expect("a byte")).collect();
    all.push(Broken { name: "noise", rfc: "9112 §4", bytes: noise, worth: Worth::Nothing });
    all
}
