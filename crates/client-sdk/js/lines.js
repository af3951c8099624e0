// The lines to everybody else: other tabs and the Service Worker on a channel, the page by an event.

/** Listens under the policy's name. Where there are no such channels, tabs go their own ways. */
export function linesOf(policy, { heard, told }) {
  const event = `${policy}:cache-invalidate`;
  const channel = channelOf(`tiercel:${policy}`);
  const onEvent = ({ detail }) => told(detail);
  if (channel) channel.onmessage = ({ data }) => heard(data);
  globalThis.addEventListener(event, onEvent);
  return {
    broadcast: (message) => channel?.postMessage(message),
    announce: (detail) => globalThis.dispatchEvent(new CustomEvent(event, { detail })),
    close() {
      if (channel) channel.onmessage = null;
      channel?.close();
      globalThis.removeEventListener(event, onEvent);
    },
  };
}

/** Says one thing more when the lines are closed: a logout is everybody's, also that of a cache which has ended. */
export function sayOnce(policy, message) {
  const channel = channelOf(`tiercel:${policy}`);
  channel?.postMessage(message);
  channel?.close();
}

function channelOf(name) {
  try {
    return new BroadcastChannel(name);
  } catch {
    return null;
  }
}

/** Cache Storage belongs to page and Service Worker alike. Insecure pages have none. */
export async function deleteCaches(prefix) {
  const { caches } = globalThis;
  for (const name of (await caches?.keys()) ?? []) {
    if (name.startsWith(prefix)) await caches.delete(name);
  }
}
