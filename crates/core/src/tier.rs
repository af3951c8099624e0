//! The three places where a policy is at work.

use crate::policy::{Lifetimes, ResourceClass, Store};

/// Where an engine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// The Worker in front of the origin: a shared cache.
    #[cfg(feature = "edge")]
    Edge,
    /// The browser's Service Worker: Cache Storage.
    ServiceWorker,
    /// The client SDK: IndexedDB.
    Sdk,
}

impl Tier {
    /// The cache's name in `Cache-Status`.
    #[must_use]
    pub const fn cache_name(self) -> &'static str {
        match self {
            #[cfg(feature = "edge")]
            Self::Edge => "tiercel-edge",
            Self::ServiceWorker => "tiercel-sw",
            Self::Sdk => "tiercel-sdk",
        }
    }

    /// Whether several users share the store.
    #[must_use]
    pub const fn is_shared(self) -> bool {
        !matches!(self, Self::ServiceWorker | Self::Sdk)
    }

    /// Whether long bodies are kept in slices: where there are bodies, and not records.
    #[must_use]
    pub const fn keeps_slices(self) -> bool {
        cfg!(feature = "client-fields") && !matches!(self, Self::Sdk)
    }

    /// The lifetimes of a class here; `None` when this tier does not store it.
    #[must_use]
    pub fn lifetimes(self, class: &ResourceClass) -> Option<Lifetimes> {
        let store = match self {
            #[cfg(feature = "edge")]
            Self::Edge => return class.edge,
            Self::ServiceWorker => Store::CacheStorage,
            Self::Sdk => Store::IndexedDb,
        };
        class.device.as_ref().filter(|d| d.store == store).map(|d| d.lifetimes)
    }
}
