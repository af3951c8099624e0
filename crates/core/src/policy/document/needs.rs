//! What a tier has to be built with for a policy: the whole jobs that others can do without.

use crate::policy::Policy;
use crate::proof::ProvenBy;
use crate::tier::Tier;

/// The features of a tier's crate that `policy` needs. Without one of them its build refuses to go.
#[must_use]
pub fn features(policy: &Policy, tier: Tier) -> Vec<&'static str> {
    let by_origin = policy.classes.iter().filter(|class| class.authority.is_origin());
    let needs_origin_rules = match tier {
        // Also what is only passed on there is passed on by RFC 9111.
        Tier::Edge => by_origin.count() > 0,
        Tier::ServiceWorker => by_origin.filter(|class| tier.lifetimes(class).is_some()).count() > 0,
        Tier::Sdk => false,
    };
    let asks_issuer = policy.identity.as_ref().is_some_and(|identity| identity.proof.by != ProvenBy::Key);
    let all = [("origin-rules", needs_origin_rules), ("issuers", tier == Tier::Edge && asks_issuer)];
    all.into_iter().filter(|(_, is_needed)| *is_needed).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::document::read;

    #[test]
    fn a_policy_needs_what_it_names() {
        let (by_policy, by_origin) = (r#""browser": "no-cache""#, r#""authority": "origin""#);
        let (own_key, keys, word) = (
            r#""algorithm": "RS256""#,
            r#""algorithm": "RS256", "jwks": "/jwks", "audience": "shop""#,
            r#""introspection": { "url": "/introspect", "credentials": "CREDENTIALS" }"#,
        );
        let (never, kept) = (r#""never""#, r#"{ "store": "cache-storage", "ttl": "1m" }"#);
        /// Identity, authority, device; the features of the edge, and of the Service Worker.
        type Case = (&'static str, &'static str, &'static str, &'static [&'static str], &'static [&'static str]);
        let cases: &[Case] = &[
            (own_key, by_policy, kept, &[], &[]),
            (keys, by_policy, kept, &["issuers"], &[]),
            (word, by_policy, kept, &["issuers"], &[]),
            (own_key, by_origin, never, &["origin-rules"], &[]),
            (own_key, by_origin, kept, &["origin-rules"], &["origin-rules"]),
            (word, by_origin, never, &["origin-rules", "issuers"], &[]),
        ];
        for (identity, authority, device, edge, service_worker) in cases {
            let text = format!(
                r#"{{ "name": "shop", "version": 1, "identity": {{ "bearer": true, {identity} }}, "classes": {{ "page": {{
                "match": "GET /page", "scope": "public", {authority}, "query": "all", "key": "page:{{query}}", "edge": "never", "device": {device} }} }} }}"#
            );
            let reading = read(&text);
            let policy = reading.policy.unwrap_or_else(|| panic!("{text}: {:?}", reading.diagnostics));
            assert_eq!(features(&policy, Tier::Edge), *edge, "{text}");
            assert_eq!(features(&policy, Tier::ServiceWorker), *service_worker, "{text}");
            assert!(features(&policy, Tier::Sdk).is_empty(), "{text}");
        }
    }
}
