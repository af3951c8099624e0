//! Who is nobody, where a class is for users alone (policy `"anonymous": "refuse"`).

#![cfg(feature = "document")]

mod support;

use tiercel_core::engine::Tier;
use tiercel_core::exchange::Received;
use tiercel_core::field::Fields;
use tiercel_core::head::RequestHead;
use tiercel_core::principal::Credential;
use tiercel_core::time::Timestamp;

const POLICY: &str = r#"{
    "name": "shop", "version": 1,
    "identity": { "bearer": true, "algorithm": "HS256", "issuer": "shop" },
    "classes": {
        "cart": {
            "match": "* /cart", "scope": "user", "anonymous": "refuse", "key": "user:{userId}:cart",
            "browser": "private, no-cache", "edge": { "ttl": "5m" }, "device": "never"
        },
        "account": {
            "match": "* /account/*", "scope": "user", "anonymous": "refuse",
            "browser": "no-store", "edge": "never", "device": "never"
        },
        "open": {
            "match": "* /open/*", "scope": "user", "browser": "no-store", "edge": "never", "device": "never"
        }
    }
}"#;

/// ANON-1: nobody gets past, whatever else the request is; but for a preflight, which never says who asks.
#[test]
fn nobody_is_refused() {
    let engine = support::engine(POLICY, Tier::Edge);
    let long = format!("/account/{}", "x".repeat(9_000));
    for (method, path, fields, refused) in [
        ("GET", "/cart", &[][..], true),
        ("HEAD", "/cart", &[], true),
        ("POST", "/cart", &[], true),
        ("GET", "/account/a", &[], true),
        ("DELETE", "/account/a", &[], true),
        ("GET", "/account/a%2Fb", &[], true),
        ("GET", &long, &[], true),
        ("GET", "/account/a", &[("upgrade", "websocket"), ("connection", "upgrade")], true),
        ("OPTIONS", "/account/a", &[], false),
        ("GET", "/open/a", &[], false),
        ("GET", "/elsewhere", &[], false),
    ] {
        for (credential, refused) in [
            (Credential::None, refused),
            (Credential::Rejected("credential-expired"), refused),
            (support::user("ada"), false),
        ] {
            let fields: Fields = fields.iter().copied().collect();
            let request = RequestHead::new(method, &format!("https://shop.example{path}"), fields);
            let status = match engine.receive(request, credential.clone(), Timestamp::from_secs(1_000)) {
                Received::Refuse(delivery) => Some(delivery.head.status),
                Received::Lookup(_) | Received::Pass(_) => None,
            };
            assert_eq!(status, refused.then_some(401), "{method} {path} {credential:?}");
        }
    }
}
