//! The policy file, field by field. Its JSON Schema is generated from these types.

mod collection;
mod settings;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

pub use super::units::{Size, Span};
pub use collection::{CollectionDoc, EnvelopeDoc, FailureDoc, LimitDoc, OrderDoc, PageDoc, SortDoc};
pub use settings::{
    AlgorithmDoc, AppDoc, EdgeSettingsDoc, IdentityDoc, IntrospectionDoc, InvalidationDoc, LocalDoc, MemoryDoc,
    MemoryLimits, OperatorsDoc, TokenDoc,
};

/// A Tiercel cache policy: one table of lifetimes for the edge, the Service Worker and the client SDK.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(title = "Tiercel cache policy")]
pub struct Document {
    /// Where this schema is, for editors.
    #[serde(rename = "$schema")]
    pub schema: Option<String>,
    /// The namespace: databases are called `{name}_cache_{userId}`, caches start with `{name}_{userId}_`.
    pub name: String,
    /// What this policy is for.
    pub description: Option<String>,
    /// Part of every key. Raise it when the meaning of stored answers changes: every tier then misses.
    #[schemars(range(min = 1))]
    pub version: u32,
    /// How users are recognised. Without it no class may be of scope `user`.
    #[serde(default, deserialize_with = "super::units::object")]
    pub identity: Option<IdentityDoc>,
    /// How invalidation reaches readers.
    #[serde(default)]
    pub invalidation: InvalidationDoc,
    /// Where operators and webhooks may ask something of the edge itself. Without it they cannot.
    #[serde(default, deserialize_with = "super::units::object")]
    pub operators: Option<OperatorsDoc>,
    /// How the edge works.
    #[serde(default, deserialize_with = "super::units::object")]
    pub edge: Option<EdgeSettingsDoc>,
    /// The app that runs in the browser.
    #[serde(default, deserialize_with = "super::units::object")]
    pub app: Option<AppDoc>,
    /// What is cached: one entry for requests that are treated alike.
    pub classes: BTreeMap<String, ClassDoc>,
    /// What changes data, and what must then not be served any more.
    #[serde(default)]
    pub events: BTreeMap<String, EventDoc>,
    /// Stores that only the device has.
    #[serde(default)]
    pub local: BTreeMap<String, LocalDoc>,
}

/// Requests that are treated alike.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ClassDoc {
    /// What these requests are.
    pub description: Option<String>,
    /// `"GET /api/files/:category/:fileId"`, one or several. `GET` includes `HEAD`; `*` as the method is any;
    /// `*` as the last segment takes the rest of the path.
    #[serde(rename = "match")]
    pub matches: OneOrMany,
    /// Whose data it is: `user` needs a verified user, `public` is fetched without credentials.
    pub scope: ScopeDoc,
    /// Who sets lifetimes: this `policy` (default), or the `origin` by RFC 9111.
    #[serde(default)]
    pub authority: AuthorityDoc,
    /// Query parameters that tell answers apart: a list of names, or `"all"`. Others are dropped.
    #[serde(default)]
    pub query: QueryDoc,
    /// The key, words and parameters between colons: `user:{userId}:files:{category}`. `{userId}` is the
    /// verified user, `{origin}`, `{path}` and `{query}` are parts of the URL, others come from `match` and `query`.
    pub key: Option<String>,
    /// Further names under which entries can be invalidated; they also go out as `Cache-Tags` and `Cache-Groups`.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The exact `Cache-Control` for browsers.
    pub browser: Option<String>,
    /// Further response fields.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Lifetimes at the edge, or `"never"`.
    pub edge: EdgeDoc,
    /// Store and lifetimes on the device, or `"never"`.
    pub device: DeviceDoc,
    /// What a request without a credential gets: the origin's answer (`pass`, default) or 401 (`refuse`).
    #[serde(default)]
    pub anonymous: AnonymousDoc,
    /// How long the origin may take to begin its answer (default `10s`).
    pub timeout: Option<Span>,
    /// Longest body that is stored (default `"25MB"`); with `slice`, the limit of the whole.
    pub max_body: Option<Size>,
    /// Bodies longer than this are fetched and stored in parts of this length, so that a seek into a long film costs
    /// one part: `"64KB"` to `"64MB"`, best `"2MB"`. Without it every body is one piece.
    pub slice: Option<Size>,
    /// The class is a list that the origin computes whole: it is stored once, sorted, and the edge cuts pages from it.
    #[serde(default, deserialize_with = "super::units::object")]
    pub collection: Option<CollectionDoc>,
    /// Warnings that the team has thought about: the warning's id and the reason.
    #[serde(default)]
    pub allow: BTreeMap<String, String>,
}

/// One string or several.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl OneOrMany {
    /// The strings, each with its place below the field.
    pub fn each(&self) -> Vec<(String, &str)> {
        match self {
            Self::One(text) => vec![(String::new(), text)],
            Self::Many(texts) => texts.iter().enumerate().map(|(i, t)| (format!("/{i}"), t.as_str())).collect(),
        }
    }
}

/// Whose data a class holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ScopeDoc {
    /// The same for everybody.
    Public,
    /// One user's.
    User,
}

/// Who sets lifetimes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AuthorityDoc {
    /// This file.
    #[default]
    Policy,
    /// The origin's answer, by RFC 9111.
    Origin,
}

/// What a request without a credential gets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AnonymousDoc {
    /// The origin's answer, uncached.
    #[default]
    Pass,
    /// 401, whatever else the request is; but a preflight (`OPTIONS`) passes.
    Refuse,
}

/// Query parameters that tell answers apart.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub enum QueryDoc {
    /// These.
    Listed(Vec<String>),
    /// The whole query.
    All(AllWord),
}

impl Default for QueryDoc {
    fn default() -> Self {
        Self::Listed(Vec::new())
    }
}

/// The word `all`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AllWord {
    /// Every parameter.
    All,
}

/// The word `never`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NeverWord {
    /// Not stored.
    Never,
}

/// Lifetimes at the edge.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub enum EdgeDoc {
    /// Not stored.
    Never(NeverWord),
    /// Stored.
    Stored(EdgeLifetimes),
}

/// Lifetimes at the edge.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EdgeLifetimes {
    /// Fresh for this long. (A class of authority `origin` takes the origin's word and needs none.)
    pub ttl: Option<Span>,
    /// After `ttl`: served at once while one refresh runs, for this long.
    pub stale_while_revalidate: Option<Span>,
    /// After `ttl`: served when the origin fails, for this long.
    pub stale_if_error: Option<Span>,
    /// After `ttl`: kept for this long even when none of the above serves it.
    pub keep: Option<Span>,
}

/// Store and lifetimes on the device.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub enum DeviceDoc {
    /// Not stored.
    Never(NeverWord),
    /// Stored.
    Stored(DeviceLifetimes),
}

/// Store and lifetimes on the device.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DeviceLifetimes {
    /// `cache-storage` (Service Worker: responses) or `indexeddb` (SDK: JSON).
    pub store: StoreDoc,
    /// Fresh for this long.
    pub ttl: Span,
    /// After `ttl`: served at once while one refresh runs (default: as long as it is kept).
    pub stale_while_revalidate: Option<Span>,
    /// After `ttl`: kept for this long, to be served offline (default `90d`).
    pub keep: Option<Span>,
    /// Network first, but not at any price (`cache-storage` only): when the network has not begun its answer by then,
    /// a stored one is served, and the network's is stored when it comes.
    pub network_timeout: Option<Span>,
    /// The path of what is shown where neither the network nor the store has an answer, such as
    /// `"/images/offline.svg"` (`cache-storage` only). It is fetched when the Service Worker is installed.
    pub fallback: Option<String>,
    /// Most that is kept of the class for one user; what was not used for longest makes room, and what is larger than all of it is not
    /// stored (default: what the browser allows). Only in `cache-storage`.
    pub max_bytes: Option<Size>,
    /// Most entries that are kept of the class for one user; each slice is one (default: no limit). Only in `cache-storage`.
    pub max_entries: Option<u64>,
    /// What a redirect brings from another origin without CORS is stored too (`cache-storage` only). Nobody can read it, so an
    /// error may be stored like a picture. It is shown whole and to elements alone (pictures, styles, scripts), and each counts
    /// as 7 MB of `max-bytes`, because Chromium pads it so. Not with `slice`, nor with authority `origin`.
    #[serde(default)]
    pub opaque: bool,
}

/// The stores of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum StoreDoc {
    /// The Service Worker's.
    #[serde(rename = "cache-storage")]
    CacheStorage,
    /// The SDK's.
    #[serde(rename = "indexeddb")]
    IndexedDb,
}

/// A change of data.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EventDoc {
    /// What happens.
    pub description: Option<String>,
    /// The requests that cause it: `"POST /api/upload"`. It counts when the origin answered 2xx.
    pub trigger: OneOrMany,
    /// Query parameters of the trigger that are parameters of the event.
    #[serde(default)]
    pub query: Vec<String>,
    /// Parameters found in the answer: name → JSON Pointer (RFC 6901) into its JSON body.
    #[serde(default)]
    pub facts: BTreeMap<String, String>,
    /// What to purge at the edge: a class, or a key or tag such as `file:{fileId}`. A parameter that is not
    /// known widens the name to what stands before it.
    #[serde(default)]
    pub edge: Vec<PurgeDoc>,
    /// What to purge on the device: a list, `"same"` as at the edge (default), or `"everything"` of the user.
    #[serde(default)]
    pub device: DeviceEffectDoc,
    /// `hard` (default): gone. `soft`: stale, and still served when the origin fails.
    #[serde(default)]
    pub purge: PurgeKindDoc,
    /// `"queue"`: without a network the Service Worker keeps the request, answers 202, and sends it when there is one
    /// again. For what the app can live with happening later. Without it such a request fails, as ever.
    pub offline: Option<OfflineDoc>,
    /// Warnings that the team has thought about: the warning's id and the reason.
    #[serde(default)]
    pub allow: BTreeMap<String, String>,
}

/// What becomes of a mutation without a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OfflineDoc {
    /// It is kept on the device and sent later, in order.
    Queue,
}

/// A name to purge.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(untagged)]
pub enum PurgeDoc {
    /// Always.
    Always(String),
    /// On a condition.
    When(ConditionalPurge),
}

/// A name to purge on a condition.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ConditionalPurge {
    /// The name.
    pub name: String,
    /// The condition; when it cannot be known, it counts as met.
    pub when: WhenDoc,
}

/// A condition on the mutation's answer.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct WhenDoc {
    /// JSON Pointer (RFC 6901) into the JSON body: a string, or a list of strings.
    pub response: String,
    /// Met when any of these is there.
    pub any_of: Vec<String>,
}

/// What an event does on the device.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(untagged)]
pub enum DeviceEffectDoc {
    /// By word.
    Word(DeviceEffectWord),
    /// These names.
    Names(Vec<PurgeDoc>),
}

impl Default for DeviceEffectDoc {
    fn default() -> Self {
        Self::Word(DeviceEffectWord::Same)
    }
}

/// What an event does on the device, by word.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceEffectWord {
    /// As at the edge.
    Same,
    /// The user's database and caches are deleted.
    Everything,
}

/// How entries are purged.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PurgeKindDoc {
    /// Gone.
    #[default]
    Hard,
    /// Stale.
    Soft,
}

/// The enums that take a word or a structure read themselves, because an untagged enum of serde's would
/// answer every mistake inside with "did not match any variant".
mod shapes {
    use serde::{Deserialize, Deserializer};

    use super::super::units::{word_or_list, word_or_object};
    use super::{DeviceDoc, DeviceEffectDoc, EdgeDoc, MemoryDoc, OneOrMany, PurgeDoc, QueryDoc};

    macro_rules! read_with {
        ($($name:ident = $how:ident($word:ident | $other:ident), $expecting:literal;)*) => {$(
            impl<'de> Deserialize<'de> for $name {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    $how(deserializer, $expecting, Self::$word, Self::$other)
                }
            }
        )*};
    }

    read_with! {
        OneOrMany = word_or_list(One | Many), "a string or a list of strings";
        QueryDoc = word_or_list(All | Listed), "a list of parameter names or \"all\"";
        EdgeDoc = word_or_object(Never | Stored), "lifetimes such as {\"ttl\": \"5m\"} or \"never\"";
        DeviceDoc = word_or_object(Never | Stored), "a store and lifetimes such as {\"store\": \"indexeddb\", \"ttl\": \"1h\"} or \"never\"";
        MemoryDoc = word_or_object(Never | Held), "limits such as {\"bytes\": \"16MB\"} or \"never\"";
        PurgeDoc = word_or_object(Always | When), "a name such as \"file:{fileId}\", or {\"name\": …, \"when\": …}";
        DeviceEffectDoc = word_or_list(Word | Names), "a list of names, \"same\" or \"everything\"";
    }
}
