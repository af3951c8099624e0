//! What a policy says beside its classes and events.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{NeverWord, Size, Span};

/// How users are recognised: by a signed token (JWT, RFC 7519) with `algorithm`, or by one that the issuer is asked about
/// with `introspection`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct IdentityDoc {
    /// Name of the session cookie that holds the token.
    pub cookie: Option<String>,
    /// Whether `Authorization: Bearer` is read too.
    #[serde(default)]
    pub bearer: bool,
    /// The one signature algorithm that is accepted.
    pub algorithm: Option<AlgorithmDoc>,
    /// Name of the edge's secret or variable that holds the key: of `HS256` the secret, 32 bytes or more (default
    /// `JWT_SECRET`), of the others the public key, as JWK or PEM (default `JWT_PUBLIC_KEY`).
    pub key: Option<String>,
    /// Where the issuer publishes its public keys (JWK Set, RFC 7517), instead of `key`: an https URL, or a path at the
    /// origin such as `"/.well-known/jwks.json"`. They are kept as long as their `Cache-Control` says, 1 to 60 minutes (10
    /// where it says nothing), and an hour more while the issuer cannot be reached.
    pub jwks: Option<String>,
    /// Ask the issuer about each token (RFC 7662), instead of `algorithm`.
    #[serde(default, deserialize_with = "crate::policy::document::units::object")]
    pub introspection: Option<IntrospectionDoc>,
    /// The `iss` that a token must have.
    pub issuer: Option<String>,
    /// The `aud` that a token must have.
    pub audience: Option<String>,
    /// The claim that holds the user's id (default `sub`).
    pub subject: Option<String>,
    /// Clock skew allowed (default `30s`).
    pub leeway: Option<Span>,
}

/// Signature algorithms (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum AlgorithmDoc {
    /// HMAC with SHA-256, by a secret.
    HS256,
    /// RSASSA-PKCS1-v1_5 with SHA-256, by a key of 2048 bits or more.
    RS256,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// Ed25519.
    EdDSA,
}

/// Tokens that only their issuer can read (RFC 7662).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct IntrospectionDoc {
    /// Where to ask: an https URL, or a path at the origin.
    pub url: String,
    /// Name of the edge's secret that holds the `Authorization` of the question, such as `Basic c2hvcDpzZWNyZXQ=` (default
    /// `INTROSPECTION_AUTHORIZATION`).
    pub credentials: Option<String>,
    /// How long an answer is believed, never past the token's `exp`: up to `10m` (default `60s`; `0s` asks each time). That
    /// a token is not active is believed for 5 s.
    pub remember: Option<Span>,
    /// How long the issuer may take: `1s` to `20s` (default `3s`).
    pub timeout: Option<Span>,
}

/// How invalidation reaches readers.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct InvalidationDoc {
    /// Longest time that other readers may still see what was invalidated (default `5s`).
    pub bound: Option<Span>,
    /// How long the answer to a mutation waits until everybody can learn what it made untrue: `1s` to `25s`
    /// (default `15s`). Then it goes out, saying `purge-pending`.
    pub record_timeout: Option<Span>,
    /// How whoever changed something is kept from older answers, at once and everywhere: `cookie` (default) is by a
    /// cookie and the field `Tiercel-Consistency` on the answers to mutations, `header` by the field alone, `never` by
    /// neither.
    pub token: Option<TokenDoc>,
}

/// How whoever changed something is kept from older answers.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TokenDoc {
    /// By a cookie and a field.
    Cookie,
    /// By a field.
    Header,
    /// Not at all.
    Never,
}

/// What operators and webhooks may ask of the edge itself, with the edge's secret `TIERCEL_OPERATOR_TOKEN` as a bearer
/// token: `POST <path>/purge`, `GET <path>/stats`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OperatorsDoc {
    /// The path above what they ask for (default `/api/cache`).
    pub path: Option<String>,
}

/// The app that runs in the browser.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AppDoc {
    /// The page that stands in, offline, for navigations that no class and no event covers, such as `"/index.html"`.
    /// It is one of the files that `cargo xtask build --precache DIR` puts into the Service Worker.
    pub shell: Option<String>,
}

/// How the edge works.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EdgeSettingsDoc {
    /// What an isolate holds in its memory in front of the store, or `"never"`.
    pub memory: Option<MemoryDoc>,
    /// How long the store may take to find an entry before the request goes on without it: `1s` (default) to `1m`.
    pub store_timeout: Option<Span>,
    /// How long a request waits for another one that is fetching the same answer, before it asks the origin itself:
    /// up to `5m` (default `10s`; `0s` does not wait).
    pub collapse: Option<Span>,
    /// How long it is remembered that answers under a key cannot be stored, so that requests for it do not wait for
    /// one another (default `2m`; `0s` does not remember).
    pub remember_uncacheable: Option<Span>,
}

/// What an isolate holds in its memory.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub enum MemoryDoc {
    /// Nothing.
    Never(NeverWord),
    /// So much.
    Held(MemoryLimits),
}

/// What an isolate holds in its memory, of the bodies that are asked for most.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MemoryLimits {
    /// Most bytes in all (default `"16MB"`). An isolate has 128 MB for everything.
    pub bytes: Option<Size>,
    /// Longest body that is held (default `"64KB"`).
    pub body: Option<Size>,
    /// Longest time before an entry is read from the store again (default `30s`).
    pub ttl: Option<Span>,
}

/// A store that only the device has.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LocalDoc {
    /// What it holds.
    pub description: Option<String>,
    /// Most entries (default 500); the oldest go first.
    pub max_entries: Option<u32>,
    /// How long an entry is kept (default: until logout).
    pub ttl: Option<Span>,
}
