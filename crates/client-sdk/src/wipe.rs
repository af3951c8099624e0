//! Logout: nothing of the user stays on this device.

use std::rc::Rc;

use wasm_bindgen_futures::JsFuture;

use crate::session::{Session, State, sessions};
use crate::timer::within;

/// Longest wait for Cache Storage, in milliseconds.
const LIMIT: u64 = 5_000;

/// Ends every session of the user, here and in other tabs, and deletes the database and the caches. Needs neither
/// the network nor a Service Worker, and works on a session that has ended.
pub(crate) async fn log_out(session: &Rc<Session>) {
    session.stop(State::LoggedOut);
    session.sync.logged_out(&session.scope, session.user.as_deref());
    session.watchers.all_purged();
    erase(session).await;
}

/// The same, for a session that hears of it from another tab.
pub(crate) async fn logged_out_elsewhere(session: &Rc<Session>) {
    session.stop(State::LoggedOut);
    session.watchers.all_purged();
    // Again: this tab may have opened the database anew just when the other one had deleted it.
    erase(session).await;
}

async fn erase(session: &Rc<Session>) {
    for twin in sessions().filter(|twin| twin.scope == session.scope && !Rc::ptr_eq(twin, session)) {
        twin.end(State::LoggedOut);
        twin.watchers.all_purged();
        twin.locals.all_changed();
    }
    session.locals.all_changed();
    session.locals.clear();
    session.store.delete().await;
    session.end(State::LoggedOut);
    session.watchers.clear();
    let prefix = session.engine.namespace(session.user.as_deref()).cache_prefix();
    let _ = within(LIMIT, Box::pin(JsFuture::from(session.host.delete_caches(&prefix)))).await;
}
