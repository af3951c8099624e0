// Moments at which what is on the screen may be out of date: the user comes back, or the connection does, or the Service
// Worker says so. And what it is told.

/** Shortest time between two looks because of focus, in milliseconds. */
const FOCUS_PAUSE = 5_000;

/** Calls `look` at such moments until the function that it gives is called. */
export function onWake({ focus, reconnect }, look) {
  let last = 0;
  const seen = () => {
    if (globalThis.document?.visibilityState === "hidden" || Math.abs(Date.now() - last) < FOCUS_PAUSE) return;
    last = Date.now();
    look();
  };
  const pairs = [
    focus && [globalThis, "focus", seen],
    focus && globalThis.document && [document, "visibilitychange", seen],
    reconnect && [globalThis, "online", look],
  ].filter(Boolean);
  for (const [target, type, listener] of pairs) target.addEventListener(type, listener);
  return () => {
    for (const [target, type, listener] of pairs) target.removeEventListener(type, listener);
  };
}

/** Calls `given` with method and URL of each queued mutation that the Service Worker gave up, until told not to. */
export function onGivenUp(given) {
  const workers = globalThis.navigator?.serviceWorker;
  const heard = ({ data }) => data?.type === "tiercel:replay-failed" && given(data.method, data.url);
  workers?.addEventListener("message", heard);
  workers?.startMessages?.();
  return () => workers?.removeEventListener("message", heard);
}

/** Tells the Service Worker, also from a page that it does not control, such as one after a forced reload. */
export function tellWorker(message) {
  const workers = globalThis.navigator?.serviceWorker;
  if (workers?.controller) {
    workers.controller.postMessage(message);
    return;
  }
  workers?.getRegistration?.().then((registration) => registration?.active?.postMessage(message), () => {});
}
