//! What operators ask of the edge itself. The core judges it; here the token is at hand, the body is read, the purge
//! recorded and the statistics asked for.

use js_sys::JSON;
use tiercel_core::exchange::Delivery;
use tiercel_core::head::RequestHead;
use tiercel_core::operator::{self, Operation};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Request, Response};

use crate::convert;
use crate::pointer::strings_at;
use crate::runtime::{Context, Env, Result};
use crate::{engine, epochs, tally};

/// Carries out what an operator asks for, or says why not.
pub(crate) async fn answer(
    asked: Operation,
    head: &RequestHead,
    request: &Request,
    env: &Env,
    context: &Context,
) -> Result<Response> {
    let delivery = carried_out(asked, head, request, env, context).await.unwrap_or_else(|refused| *refused);
    convert::response(&delivery, None)
}

async fn carried_out(
    asked: Operation,
    head: &RequestHead,
    request: &Request,
    env: &Env,
    context: &Context,
) -> core::result::Result<Delivery, Box<Delivery>> {
    operator::admit(asked, head, env.get("TIERCEL_OPERATOR_TOKEN").as_string().as_deref())?;
    let policy = engine().policy();
    if asked == Operation::Stats {
        return operator::told(head, tally::read(env, policy).await.as_ref(), policy);
    }
    let json = async { JSON::parse(&JsFuture::from(request.text()?).await?.as_string().unwrap_or_default()) };
    // What is no JSON names nothing.
    let json = json.await.unwrap_or_default();
    let mode = strings_at(&json, "/mode").and_then(|mut mode| mode.pop());
    let order = operator::order(strings_at(&json, "/tags"), mode.as_deref())?;
    let recorded = epochs::record(env, context, &order, policy).await;
    Ok(operator::purged(&order, recorded))
}
