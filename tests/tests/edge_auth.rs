//! Who asks, at the built edge in workerd: signed tokens of every algorithm, an issuer that rotates its keys and
//! misbehaves, and one that is asked about each token (product.md, "Keys, names and isolation"; RFC 8725).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tiercel_e2e::jwt;
use tiercel_e2e::keys::SigningKey;
use tiercel_e2e::live::{Got, World, auth_edge, echo, videomi_edge};
use tiercel_e2e::origin::{Arrived, Origin, Reply};

const MINE: &str = "/mine";
const KEYS: &str = "/.well-known/jwks.json";
const ASK: &str = "/introspect";
const HANGS: Duration = Duration::from_secs(20);

/// An issuer at the origin: what it answers can be changed.
#[derive(Clone)]
struct Issuer(Arc<Mutex<Reply>>);

impl Issuer {
    fn new(reply: Reply) -> Self {
        Self(Arc::new(Mutex::new(reply)))
    }

    fn says(&self, reply: Reply) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = reply;
    }

    fn origin(&self) -> Origin {
        let Self(reply) = self.clone();
        Origin::start(move |request| match request.target.as_str() {
            KEYS | ASK => reply.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            _ => echo(request),
        })
    }

    fn world(&self, policy: &str, vars: Value) -> World {
        World::with(&json!({ "dir": auth_edge(policy), "vars": vars }), self.origin())
    }
}

fn json_reply(value: &Value) -> Reply {
    Reply::new(200, &["Content-Type: application/json"], &value.to_string())
}

fn set(keys: &[Value]) -> Reply {
    json_reply(&json!({ "keys": keys }))
}

/// Claims of a user that are good for so many seconds, from the machine's clock on.
fn claims(user: &str, seconds: i64) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
    let exp = now.saturating_add_signed(seconds);
    json!({ "sub": user, "iss": "https://issuer.example", "aud": ["other", "shop"], "exp": exp, "iat": now })
}

/// The same, with one claim changed, or left out where it is null.
fn but(claim: &str, value: Value) -> Value {
    let mut claims = claims("ada", 3_600);
    claims[claim] = value;
    let fields = claims.as_object_mut().expect("an object");
    fields.retain(|_, value| !value.is_null());
    claims
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

fn get(world: &World, token: &str) -> Got {
    world.send("GET", MINE, &[&bearer(token)])
}

/// The token was good: what came is the user's.
#[track_caller]
fn is_good(world: &World, token: &str, user: &str) {
    let got = get(world, token);
    assert_eq!((got.status, got.body.as_str()), (200, format!("GET {MINE} for {user}").as_str()), "{got:?}");
    assert!(!got.cache().contains("credential"), "{got:?}");
}

/// The token was refused: the origin's answer for nobody, past the cache.
#[track_caller]
fn is_refused(world: &World, token: &str, reason: &str, name: &str) {
    for how in [bearer(token), format!("Cookie: a=b; session={token}")] {
        let got = world.send("GET", MINE, &[&how]);
        assert_eq!(got.cache(), format!("fwd=bypass; detail=\"{reason}\""), "{name}: {got:?}");
        assert_eq!(got.body, format!("GET {MINE} for nobody"), "{name}: the origin decides");
        assert_eq!(got.fields.get("cache-control"), Some("no-store"), "{name}");
    }
}

/// How often the issuer was asked since the log was last taken.
fn asked(world: &World) -> Vec<Arrived> {
    world.origin.take_log().into_iter().filter(|arrived| [KEYS, ASK].contains(&arrived.target.as_str())).collect()
}

/// AUTH-1 (RFC 8725): each algorithm takes what its key signed, and nothing else.
#[test]
fn signatures() {
    let (rsa, p256, ed25519) = (SigningKey::rsa(2048), SigningKey::p256(), SigningKey::ed25519());
    let issuer = Issuer::new(set(&[rsa.jwk("k1")]));
    let in_one_line = ed25519.pem().replace('\n', "\\n");
    let cases = [
        (&rsa, "rs256", json!({})),
        (&p256, "es256", json!({ "JWT_PUBLIC_KEY": p256.pem() })),
        (&p256, "es256", json!({ "JWT_PUBLIC_KEY": p256.jwk("any").to_string() })),
        (&ed25519, "eddsa", json!({ "SHOP_KEY": in_one_line })),
        (&ed25519, "eddsa", json!({ "SHOP_KEY": ed25519.jwk("any").to_string() })),
    ];
    for (key, policy, vars) in cases {
        let world = issuer.world(policy, vars);
        let good = key.token("k1", &claims("ada", 3_600));
        is_good(&world, &good, "ada");
        let hit = world.warm(MINE, &[&format!("Cookie: session={good}")]);
        assert_eq!(hit.body, format!("GET {MINE} for ada"), "{policy}: by cookie too, and from the store");
        is_good(&world, &key.token("k1", &but("aud", json!("shop"))), "ada");
        is_good(&world, &key.token("k1", &claims("bob", 3_600)), "bob");

        let (signed, signature) = good.rsplit_once('.').expect("three parts");
        let (header, payload) = signed.split_once('.').expect("three parts");
        let stranger = match key {
            SigningKey::Rsa(_) => SigningKey::rsa(2048),
            SigningKey::P256(_) => SigningKey::p256(),
            SigningKey::Ed25519(_) => SigningKey::ed25519(),
        };
        let with = |header: Value| key.sign(&header, &claims("ada", 3_600));
        let own = key.algorithm();
        let bob = key.token("k1", &claims("bob", 3_600));
        let body_of_bob = bob.split('.').nth(1).expect("three parts");
        // The last character stands for unused bits too: another one is a second spelling of the same bytes.
        let last = signature.chars().last().expect("a signature");
        const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let next = ALPHABET.find(last).and_then(|at| ALPHABET.chars().nth(at + 1)).expect("the bits are zero");
        let respelled = format!("{}{next}", &good[..good.len() - 1]);
        let by_public_key =
            |secret: &str| jwt::sign(&json!({ "alg": "HS256", "kid": "k1" }), &claims("ada", 3_600), secret);
        for (name, token, reason) in [
            ("a stranger's key", stranger.token("k1", &claims("ada", 3_600)), "credential-signature"),
            (
                "a stranger's key that comes along",
                stranger.sign(
                    &json!({ "alg": own, "kid": "k1", "jwk": stranger.jwk("k1"), "jku": "https://evil.example" }),
                    &claims("ada", 3_600),
                ),
                "credential-signature",
            ),
            ("another payload", format!("{header}.{body_of_bob}.{signature}"), "credential-signature"),
            ("no signature", format!("{signed}."), "credential-signature"),
            ("none", with(json!({ "alg": "none", "kid": "k1" })), "credential-algorithm"),
            ("NONE", with(json!({ "alg": "NONE", "kid": "k1" })), "credential-algorithm"),
            ("no algorithm", with(json!({ "kid": "k1" })), "credential-algorithm"),
            ("HMAC with the public PEM", by_public_key(&key.pem()), "credential-algorithm"),
            ("HMAC with the public JWK", by_public_key(&key.jwk("k1").to_string()), "credential-algorithm"),
            ("PS256", with(json!({ "alg": "PS256", "kid": "k1" })), "credential-algorithm"),
            ("crit", with(json!({ "alg": own, "kid": "k1", "crit": ["exp"] })), "credential-algorithm"),
            ("an empty crit", with(json!({ "alg": own, "kid": "k1", "crit": [] })), "credential-algorithm"),
            ("b64", with(json!({ "alg": own, "kid": "k1", "crit": ["b64"], "b64": false })), "credential-algorithm"),
            ("truncated", good[..good.len() - 1].to_owned(), "credential-malformed"),
            ("a second spelling", respelled, "credential-malformed"),
            ("padded", format!("{good}="), "credential-malformed"),
            ("padded twice", format!("{good}=="), "credential-malformed"),
            ("two parts", signed.to_owned(), "credential-malformed"),
            ("four parts", format!("{good}.{signature}"), "credential-malformed"),
            ("five parts", format!("{good}.a.b"), "credential-malformed"),
            ("three dots", "..".to_owned(), "credential-malformed"),
            ("a header that is a list", format!("W10.{payload}.{signature}"), "credential-algorithm"),
            ("a header that is null", format!("bnVsbA.{payload}.{signature}"), "credential-malformed"),
            ("claims that are a list", key.token("k1", &json!([1])), "credential-expired"),
            ("claims that are a text", key.token("k1", &json!("ada")), "credential-malformed"),
            ("expired", key.token("k1", &claims("ada", -20)), "credential-expired"),
            ("without an end", key.token("k1", &but("exp", Value::Null)), "credential-expired"),
            ("an end that is a text", key.token("k1", &but("exp", json!("9999999999"))), "credential-malformed"),
            ("an end before 1970", key.token("k1", &but("exp", json!(-1))), "credential-malformed"),
            ("not yet valid", key.token("k1", &but("nbf", json!(9_999_999_999u64))), "credential-not-yet-valid"),
            ("issued tomorrow", key.token("k1", &but("iat", json!(9_999_999_999u64))), "credential-not-yet-valid"),
            ("another issuer", key.token("k1", &but("iss", json!("https://issuer.example/"))), "credential-issuer"),
            ("no issuer", key.token("k1", &but("iss", Value::Null)), "credential-issuer"),
            ("another audience", key.token("k1", &but("aud", json!(["other"]))), "credential-audience"),
            ("no audience", key.token("k1", &but("aud", Value::Null)), "credential-audience"),
            ("an audience in an audience", key.token("k1", &but("aud", json!([["shop"]]))), "credential-audience"),
            ("no subject", key.token("k1", &but("sub", Value::Null)), "credential-no-subject"),
            ("an empty subject", key.token("k1", &but("sub", json!(""))), "credential-no-subject"),
            ("a subject that is a number", key.token("k1", &but("sub", json!(7))), "credential-no-subject"),
        ] {
            is_refused(&world, &token, reason, &format!("{policy}: {name}"));
        }
        is_good(&world, &good, "ada");
    }
}

/// AUTH-2: of two credentials neither counts, and a bad one is not made up for by a good one.
#[test]
fn two_credentials() {
    let key = SigningKey::ed25519();
    let world = Issuer::new(Reply::Reset).world("eddsa", json!({ "SHOP_KEY": key.pem() }));
    let (ada, bob) = (key.token("", &claims("ada", 3_600)), key.token("", &claims("bob", 3_600)));
    let session = |token: &str| format!("Cookie: session={token}");
    for (name, fields) in [
        ("two Authorization fields", vec![bearer(&ada), bearer(&bob)]),
        ("the same twice", vec![bearer(&ada), bearer(&ada)]),
        ("two cookies", vec![format!("Cookie: session={ada}; session={bob}")]),
        ("two Cookie fields", vec![session(&ada), session(&bob)]),
        ("a bad Authorization, a good cookie", vec![bearer("x"), session(&ada)]),
        ("another scheme, a good cookie", vec!["Authorization: Basic YTpi".into(), session(&ada)]),
    ] {
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        let got = world.send("GET", MINE, &fields);
        assert!(got.cache().starts_with("fwd=bypass; detail=\"credential-"), "{name}: {got:?}");
        assert_eq!(got.body, format!("GET {MINE} for nobody"), "{name}");
    }
    let got = world.send("GET", MINE, &[&bearer(&ada), &session(&bob)]);
    assert_eq!(got.body, format!("GET {MINE} for ada"), "Authorization goes before the cookie: {got:?}");
}

/// AUTH-3: a token that is remembered ends when it says, and no sooner.
#[test]
fn a_remembered_token_expires() {
    let key = SigningKey::p256();
    let mut world = Issuer::new(Reply::Reset).world("es256", json!({ "JWT_PUBLIC_KEY": key.pem() }));
    let token = key.token("", &claims("ada", 100));
    for _ in 0..3 {
        is_good(&world, &token, "ada");
    }
    world.advance(90);
    is_good(&world, &token, "ada");
    // Ten seconds of leeway, and some for the test.
    world.advance(10);
    is_good(&world, &token, "ada");
    world.advance(11);
    is_refused(&world, &token, "credential-expired", "past the leeway");
}

/// AUTH-4 (RFC 8725 §2.1, §3.5; RFC 7518 §3.2, §3.3): keys of the wrong kind, or weak ones, prove nothing.
#[test]
fn weak_and_wrong_keys() {
    let (key, other) = (SigningKey::p256(), SigningKey::ed25519());
    let token = key.token("", &claims("ada", 3_600));
    let private = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----";
    for (name, text) in [
        ("none", String::new()),
        ("a key of another kind, PEM", other.pem()),
        ("a key of another kind, JWK", other.jwk("").to_string()),
        ("a private key", private.to_owned()),
        ("a secret", jwt::SECRET.to_owned()),
        ("half a PEM", key.pem()[..100].to_owned()),
        ("broken JSON", "{".to_owned()),
    ] {
        let world = Issuer::new(Reply::Reset).world("es256", json!({ "JWT_PUBLIC_KEY": text }));
        is_refused(&world, &token, "credential-no-key", name);
    }
    // The other way round: a public key is no secret, though the token is signed with its very text.
    for (name, secret) in [("PEM", other.pem()), ("JWK", other.jwk("").to_string()), ("short", "x".repeat(31))] {
        let world =
            World::with(&json!({ "dir": videomi_edge(), "vars": { "JWT_SECRET": secret } }), Origin::start(echo));
        let claims = json!({ "sub": "ada", "iss": "videomi", "exp": 4_102_444_800u64 });
        let token = jwt::sign(&json!({ "alg": "HS256" }), &claims, &secret);
        let got = world.send("GET", "/api/stats", &[&bearer(&token)]);
        assert_eq!(got.cache(), "fwd=bypass; detail=\"credential-no-key\"", "{name}: {got:?}");
    }
    let weak = SigningKey::rsa(1024);
    let world = Issuer::new(set(&[weak.jwk("k1")])).world("rs256", json!({}));
    is_refused(&world, &weak.token("k1", &claims("ada", 3_600)), "credential-no-key", "1024 bits");
}

/// AUTH-5 (RFC 7517): keys rotate, and what the old ones signed is forgotten at once.
#[test]
fn rotation() {
    let (old, new) = (SigningKey::rsa(2048), SigningKey::rsa(2048));
    let junk = json!({ "kty": "oct", "kid": "old", "k": "c2VjcmV0" });
    let mut encrypting = new.jwk("old");
    encrypting["use"] = json!("enc");
    let issuer = Issuer::new(set(&[json!(null), json!(7), junk.clone(), encrypting, old.jwk("old")]));
    let mut world = issuer.world("rs256", json!({}));
    let (by_old, by_new) = (old.token("old", &claims("ada", 7_200)), new.token("new", &claims("ada", 7_200)));
    let nameless = old.sign(&json!({ "alg": "RS256" }), &claims("ada", 7_200));
    for token in [&by_old, &by_old, &nameless, &by_old] {
        is_good(&world, token, "ada");
    }
    assert_eq!(asked(&world).len(), 1, "the keys are kept");
    is_refused(&world, &by_new, "credential-unknown-key", "before the rotation, and just asked");
    assert_eq!(asked(&world), []);

    issuer.says(set(&[junk, old.jwk("old"), new.jwk("new")]));
    world.advance(11);
    is_good(&world, &by_new, "ada");
    is_good(&world, &by_old, "ada");
    assert_eq!(asked(&world).len(), 1, "an unknown `kid` asks anew");
    is_refused(&world, &nameless, "credential-unknown-key", "of two keys none is tried");

    issuer.says(set(&[new.jwk("new")]));
    let _ = asked(&world);
    world.advance(601);
    is_refused(&world, &by_old, "credential-unknown-key", "remembered, and its key has gone");
    is_good(&world, &by_new, "ada");

    // Another key under the same name.
    issuer.says(set(&[old.jwk("new")]));
    world.advance(601);
    is_refused(&world, &by_new, "credential-signature", "remembered, and its key is another");
    is_good(&world, &old.token("new", &claims("ada", 7_200)), "ada");
}

/// AUTH-6: invented `kid`s are no attack on the issuer, and nobody else notices them.
#[test]
fn a_storm_of_invented_kids() {
    let key = SigningKey::rsa(2048);
    let world = Issuer::new(set(&[key.jwk("k1")])).world("rs256", json!({}));
    let good = key.token("k1", &claims("ada", 3_600));
    is_good(&world, &good, "ada");
    let _ = asked(&world);
    let began = Instant::now();
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let (world, good, key) = (&world, &good, &key);
            scope.spawn(move || {
                for at in 0..15 {
                    let token = key.token(&format!("{worker}-{at}"), &claims("eve", 3_600));
                    let got = get(world, &token);
                    assert_eq!(got.cache(), "fwd=bypass; detail=\"credential-unknown-key\"", "{got:?}");
                    is_good(world, good, "ada");
                }
            });
        }
    });
    let most = 1 + usize::try_from(began.elapsed().as_secs() / 10).expect("a short test");
    let count = asked(&world).len();
    assert!(count <= most, "asked {count} times in {:?}", began.elapsed());
}

/// What an issuer may do that is no answer.
fn misbehaviour() -> Vec<(&'static str, Reply)> {
    let huge = format!("{{\"keys\":[],\"active\":true,\"sub\":\"ada\",\"x\":\"{}\"}}", "x".repeat(100_000));
    vec![
        ("500", Reply::new(500, &[], "{\"keys\":[],\"active\":true}")),
        ("404", Reply::new(404, &[], "")),
        ("204", Reply::new(204, &[], "")),
        ("a redirect", Reply::new(302, &["Location: /elsewhere"], "")),
        ("garbage", Reply::new(200, &[], "<html>")),
        ("no UTF-8", Reply::Answer { status: 200, fields: vec![], body: vec![0xff, 0xfe] }),
        ("a list", Reply::new(200, &[], "[]")),
        ("an object of nothing", Reply::new(200, &[], "{}")),
        ("null", Reply::new(200, &[], "null")),
        ("what is no list, no word", Reply::new(200, &[], r#"{"keys":5,"active":"true"}"#)),
        ("too much", Reply::new(200, &[], &huge)),
        ("no answer", Reply::Reset),
        ("half an answer", Reply::Truncated),
        ("no answer in time", Reply::Slow(HANGS, Box::new(Reply::Reset))),
        ("a body that drips", Reply::Drip(Duration::from_millis(500), Box::new(Reply::new(200, &[], "{\"keys\":[]}")))),
    ]
}

/// AUTH-7: without an issuer nobody is recognised; where there were keys, they are kept for an hour.
#[test]
fn an_issuer_that_misbehaves() {
    let key = SigningKey::rsa(2048);
    let issuer = Issuer::new(Reply::Reset);
    let mut world = issuer.world("rs256", json!({}));
    let good = key.token("k1", &claims("ada", 20_000));
    for (name, reply) in misbehaviour() {
        issuer.says(reply);
        let began = Instant::now();
        is_refused(&world, &good, "credential-keys-unavailable", name);
        assert!(began.elapsed() < Duration::from_secs(8), "{name}: {:?}", began.elapsed());
        assert_eq!(asked(&world).len(), 1, "{name}: not asked at every turn");
        world.advance(11);
    }
    issuer.says(set(&[key.jwk("k1")]));
    is_good(&world, &good, "ada");
    for (name, reply) in misbehaviour() {
        issuer.says(reply);
        world.advance(if name == "500" { 601 } else { 61 });
        is_good(&world, &good, "ada");
    }
    world.advance(3_601);
    is_refused(&world, &good, "credential-keys-unavailable", "an hour later");
    issuer.says(set(&[key.jwk("k1")]));
    world.advance(11);
    is_good(&world, &good, "ada");
    // An empty set is an answer: all keys are revoked.
    issuer.says(set(&[]));
    world.advance(601);
    is_refused(&world, &good, "credential-unknown-key", "revoked");
}

fn active(user: &str) -> Value {
    json!({ "active": true, "sub": user, "iss": "https://issuer.example", "aud": "shop" })
}

/// AUTH-8 (RFC 7662): the issuer's word, which is believed briefly.
#[test]
fn introspection() {
    const AUTHORIZATION: &str = "Basic c2hvcDpzZWNyZXQ=";
    let issuer = Issuer::new(json_reply(&active("ada")));
    let mut world = issuer.world("introspection", json!({ "INTROSPECTION_AUTHORIZATION": AUTHORIZATION }));
    let token = "opaque+/~.-_=";
    for _ in 0..4 {
        is_good(&world, token, "ada");
    }
    let questions = asked(&world);
    assert_eq!(questions.len(), 1, "the answer is remembered");
    let question = &questions[0];
    assert_eq!((question.line().as_str(), question.body.as_str()), ("POST /introspect", "token=opaque%2B%2F%7E.-_%3D"));
    assert_eq!(question.fields.get("authorization"), Some(AUTHORIZATION));
    assert_eq!(question.fields.get("content-type"), Some("application/x-www-form-urlencoded"));
    assert!(!question.fields.has("cookie") && !question.fields.has("x-tiercel-user"));

    // It is revoked, and that is known when the time is up.
    issuer.says(json_reply(&json!({ "active": false, "sub": "ada" })));
    is_good(&world, token, "ada");
    world.advance(31);
    is_refused(&world, token, "credential-inactive", "revoked");
    assert_eq!(asked(&world).len(), 1, "that is remembered too");
    issuer.says(json_reply(&active("bob")));
    world.advance(6);
    is_good(&world, token, "bob");

    // Never past the end.
    let mut ending = active("ada");
    let now = claims("ada", 0)["exp"].as_u64().expect("a number") + 37;
    ending["exp"] = json!(now + 5);
    issuer.says(json_reply(&ending));
    is_good(&world, "ending", "ada");
    let _ = asked(&world);
    world.advance(6);
    is_good(&world, "ending", "ada");
    assert_eq!(asked(&world).len(), 1, "within the leeway it is good, but asked for");
    world.advance(11);
    is_refused(&world, "ending", "credential-expired", "the end counts, whatever the issuer says");

    for (name, claim, value, reason) in [
        ("issuer", "iss", json!("https://evil.example"), "credential-issuer"),
        ("no issuer", "iss", Value::Null, "credential-issuer"),
        ("audience", "aud", json!(["other"]), "credential-audience"),
        ("subject", "sub", json!(""), "credential-no-subject"),
        ("not yet", "nbf", json!(9_999_999_999u64), "credential-not-yet-valid"),
        ("a moment that is none", "nbf", json!("soon"), "credential-introspection-failed"),
        ("inactive", "active", json!(false), "credential-inactive"),
        ("active by a number", "active", json!(1), "credential-introspection-failed"),
    ] {
        let mut said = active("ada");
        said[claim] = value;
        issuer.says(json_reply(&said));
        is_refused(&world, &format!("token {name}").replace(' ', "-"), reason, name);
    }
}

/// AUTH-9: what is no answer is nobody, and is not remembered.
#[test]
fn an_issuer_that_does_not_say() {
    let issuer = Issuer::new(Reply::Reset);
    let world = issuer.world("introspection", json!({ "INTROSPECTION_AUTHORIZATION": "Bearer x" }));
    for (name, reply) in misbehaviour() {
        issuer.says(reply);
        let began = Instant::now();
        is_refused(&world, "token", "credential-introspection-failed", name);
        assert!(began.elapsed() < Duration::from_secs(6), "{name}: {:?}", began.elapsed());
        assert_eq!(asked(&world).len(), 2, "{name}: asked for each request");
    }
    issuer.says(json_reply(&active("ada")));
    is_good(&world, "token", "ada");
    let without = issuer.world("introspection", json!({}));
    is_refused(&without, "token", "credential-no-key", "no secret to ask with");
    assert_eq!(asked(&without), [], "and so nobody is asked");
}

/// AUTH-10: the origin is told who asks by a field that only the edge can set.
#[test]
fn a_forged_principal() {
    let key = SigningKey::ed25519();
    let world = Issuer::new(Reply::Reset).world("eddsa", json!({ "SHOP_KEY": key.pem() }));
    let ada = bearer(&key.token("", &claims("ada \u{1f431}/%", 3_600)));
    let forged = ["X-Tiercel-User: admin", "x-tiercel-user: admin", "X_Tiercel_User: admin", "X-Tiercel_User: admin"];
    for (method, path, credential, expected) in [
        ("GET", MINE, Some(&ada), Some("ada%20%F0%9F%90%B1%2F%25")),
        ("GET", MINE, None, None),
        ("POST", MINE, None, None),
        ("GET", "/everybody", Some(&ada), None),
        ("GET", "/elsewhere", Some(&ada), None),
        ("DELETE", "/elsewhere", Some(&ada), None),
        ("OPTIONS", MINE, None, None),
    ] {
        let mut fields = forged.to_vec();
        fields.extend(credential.map(String::as_str));
        let _ = world.send(method, path, &fields);
        let log = world.origin.take_log();
        assert_eq!(log.len(), 1, "{method} {path}: {log:?}");
        let told: Vec<(&str, &str)> =
            log[0].fields.iter().filter(|(name, _)| name.replace('_', "-").starts_with("x-tiercel-")).collect();
        let expected: Vec<(&str, &str)> = expected.map(|user| ("x-tiercel-user", user)).into_iter().collect();
        assert_eq!(told, expected, "{method} {path}");
        if path == "/everybody" {
            assert!(!log[0].fields.has("authorization"), "what is public is fetched for nobody");
        }
    }
}

/// AUTH-11: a class may ask for a user.
#[test]
fn a_class_that_needs_a_user() {
    let key = SigningKey::ed25519();
    let world = Issuer::new(Reply::Reset).world("eddsa", json!({ "SHOP_KEY": key.pem() }));
    let bad = bearer("x");
    for fields in [vec![], vec![bad.as_str()]] {
        let got = world.send("GET", "/closed", &fields);
        assert_eq!((got.status, got.cache()), (401, "detail=\"no-credential\""), "{got:?}");
        assert_eq!(got.fields.get("www-authenticate"), Some("Bearer"));
    }
    let ada = bearer(&key.token("", &claims("ada", 3_600)));
    assert!(world.origin.take_log().is_empty());
    assert_eq!(world.send("GET", "/closed", &[&ada]).status, 200);
    assert_eq!(world.send("GET", "/of/ada", &[&ada]).status, 200);
    assert_eq!(world.send("GET", "/of/bob", &[&ada]).status, 403);
}
