//! A mutation: what it changes at the origin, and what it makes untrue here.

use std::rc::Rc;

use js_sys::Array;
use tiercel_core::exchange::{Conclusion, Outcome, Received};
use tiercel_core::field::Fields;
use tiercel_core::head::{RequestHead, ResponseHead};
use tiercel_core::invalidation::Facts;
use tiercel_core::key::Params;
use wasm_bindgen::prelude::*;
use web_sys::AbortController;

use crate::answer::{self, Failure, Fetched};
use crate::js;
use crate::network::{self, Sent};
use crate::pointer::strings_at;
use crate::session::Session;

/// Sends what causes `event` with `params`, and purges what the answer says. The promise gives `{ data, status, queued,
/// at }`, the last being the moment since which what is asked for is newer; where it is queued, also `method` and `url`.
///
/// # Errors
/// A `Failure` as a JavaScript value: no such event, an error of the origin, no connection, the session has ended.
pub(crate) async fn mutate(
    session: Rc<Session>,
    event: String,
    params: Params,
    fields: String,
    body: JsValue,
    abort: AbortController,
) -> Result<JsValue, JsValue> {
    session.ensure_open()?;
    let head = request(&session, &event, params, fields)?;
    let (method, path, url) = (head.method.clone(), head.target.path.clone(), head.target.url());
    let received = session.engine.receive(head, session.credential(), session.moment());
    let Received::Pass(fetch) = received else {
        let message = ["The trigger of `", &event, "` is a read; use get()."].concat();
        return Err(Failure::new("not-a-mutation", message).into());
    };
    let id = session.flights.id();
    session.flights.begun(id, None, js::settled(), abort.clone(), Array::new());
    let sent = network::write(&session.host, &fetch.request(), &body, &abort).await;
    session.flights.ended(id);
    session.ensure_open()?;
    let Sent { outcome, arrived, body } = sent;
    if let Outcome::Response(head) = &outcome
        && answer::is_queued(head)
    {
        // Nothing has changed at the origin yet. The Service Worker says when it has.
        let answer = done(head, body.as_ref(), true, 0.0);
        js::set(&answer, "method", &JsValue::from_str(&method));
        js::set(&answer, "url", &JsValue::from_str(&url));
        return Ok(answer);
    }
    let facts = match &outcome {
        Outcome::Response(head) => look_up(&fetch.facts_wanted(head.status), body.as_ref()),
        Outcome::Failed(_) => Facts::default(),
    };
    let conclusion = fetch.conclude(outcome, &facts, session.purges.borrow().epochs(), arrived);
    let Conclusion { delivery, invalidation, .. } = conclusion;
    if let Some(failure) = answer::failed(&delivery, body.as_ref(), &method, &path) {
        return Err(failure.into());
    }
    if let Some(invalidation) = invalidation {
        Rc::clone(&session).apply(Some(&event), invalidation).await;
    }
    let at = session.mark();
    Ok(done(&delivery.head, body.as_ref(), false, at.as_millis() as f64))
}

fn request(session: &Session, event: &str, mut params: Params, fields: String) -> Result<RequestHead, Failure> {
    session.fill_user(&mut params);
    let Some((method, path)) = session.engine.locate_event(event, &params) else {
        let known = session.engine.policy().events.iter().any(|known| known.name == event);
        return Err(match known {
            false => session.unknown_event(event),
            true => Failure::new(
                "missing-parameter",
                [
                    "A parameter in the path of `",
                    event,
                    "` is missing or empty, or its trigger is any method; see `trigger` of the event in the policy.",
                ]
                .concat(),
            ),
        });
    };
    let fields = Fields::from_text(fields);
    Ok(RequestHead { method: method.into(), target: session.target(&path), fields })
}

fn look_up(pointers: &[String], body: Option<&Fetched>) -> Facts {
    let mut facts = Facts::default();
    for pointer in pointers {
        if let Some(values) = body.and_then(|body| strings_at(&body.data, pointer)) {
            facts.record(pointer, values);
        }
    }
    facts
}

fn done(head: &ResponseHead, body: Option<&Fetched>, queued: bool, at: f64) -> JsValue {
    js::object([
        ("data", body.map_or(JsValue::NULL, |body| body.data.clone())),
        ("status", JsValue::from(head.status)),
        ("queued", JsValue::from_bool(queued)),
        ("at", JsValue::from_f64(at)),
    ])
}
