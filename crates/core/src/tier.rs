//! The three places where a policy is at work.

#[cfg(feature = "device")]
use crate::policy::Store;
use crate::policy::{Lifetimes, ResourceClass};

/// Where an engine runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// The Worker in front of the origin: a shared cache.
    #[cfg(feature = "edge")]
    Edge,
    /// The browser's Service Worker: Cache Storage.
    #[cfg(feature = "device")]
    ServiceWorker,
    /// The client SDK: IndexedDB.
    #[cfg(feature = "device")]
    Sdk,
}

impl Tier {
    /// The cache's name in `Cache-Status`.
    #[must_use]
    pub const fn cache_name(self) -> &'static str {
        match self {
            #[cfg(feature = "edge")]
            Self::Edge => "tiercel-edge",
            #[cfg(feature = "device")]
            Self::ServiceWorker => "tiercel-sw",
            #[cfg(feature = "device")]
            Self::Sdk => "tiercel-sdk",
        }
    }

    /// Whether several users share the store.
    #[must_use]
    pub const fn is_shared(self) -> bool {
        match self {
            #[cfg(feature = "edge")]
            Self::Edge => true,
            #[cfg(feature = "device")]
            Self::ServiceWorker | Self::Sdk => false,
        }
    }

    /// Whether long bodies are kept in slices: where there are bodies, and not records.
    #[must_use]
    pub const fn keeps_slices(self) -> bool {
        #[cfg(feature = "device")]
        if matches!(self, Self::Sdk) {
            return false;
        }
        cfg!(feature = "client-fields")
    }

    /// The lifetimes of a class here; `None` when this tier does not store it.
    #[must_use]
    pub fn lifetimes(self, class: &ResourceClass) -> Option<Lifetimes> {
        match self {
            #[cfg(feature = "edge")]
            Self::Edge => class.edge,
            #[cfg(feature = "device")]
            Self::ServiceWorker => on_device(class, Store::CacheStorage),
            #[cfg(feature = "device")]
            Self::Sdk => on_device(class, Store::IndexedDb),
        }
    }
}

#[cfg(feature = "device")]
fn on_device(class: &ResourceClass, store: Store) -> Option<Lifetimes> {
    class.device.as_ref().filter(|d| d.store == store).map(|d| d.lifetimes)
}
