//! Waiting, with an end to it.

use std::cell::RefCell;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_util::future::{Either, select};
use tiercel_core::time::Timestamp;
use wasm_bindgen::prelude::*;

use crate::js::{Work, spawn};

#[wasm_bindgen]
extern "C" {
    // Globals rather than members of `window`: the SDK also runs in a worker.
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &js_sys::Function, millis: f64) -> JsValue;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(id: &JsValue);
}

/// What the clock says.
pub(crate) fn clock() -> Timestamp {
    Timestamp::from_millis(js_sys::Date::now().max(0.0) as u64)
}

#[derive(Default)]
struct Alarm {
    rung: bool,
    waker: Option<Waker>,
}

/// Ready after a while. Dropping it takes the timer away.
pub(crate) struct Sleep {
    alarm: Rc<RefCell<Alarm>>,
    id: JsValue,
    _ring: Closure<dyn FnMut()>,
}

/// Waits for `millis`.
pub(crate) fn sleep(millis: u64) -> Sleep {
    let alarm = Rc::new(RefCell::new(Alarm::default()));
    let rings = Rc::clone(&alarm);
    let ring = Closure::once(move || {
        let waker = {
            let mut alarm = rings.borrow_mut();
            alarm.rung = true;
            alarm.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    });
    // Timers hold 31 bits; a longer one would ring at once.
    let millis = millis.min(i32::MAX as u64) as f64;
    Sleep { alarm, id: set_timeout(ring.as_ref().unchecked_ref(), millis), _ring: ring }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut alarm = self.alarm.borrow_mut();
        if alarm.rung {
            return Poll::Ready(());
        }
        alarm.waker = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        clear_timeout(&self.id);
    }
}

/// `work`'s result, or `None` when it takes longer than `millis`. It then goes on by itself: a request that
/// IndexedDB has begun must not lose its callbacks, and a connection that opens late must be closed again.
pub(crate) async fn within<T: 'static>(millis: u64, work: Work<T>) -> Option<T> {
    let limit = pin!(sleep(millis));
    match select(work, limit).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(((), work)) => {
            spawn(Box::pin(async move { drop(work.await) }));
            None
        }
    }
}
