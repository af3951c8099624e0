// A navigation that no class covers: the network's page, or the app's shell where there is none.

import { named, shell, shown } from "tiercel:app";
import { stored } from "./lifecycle.js";

/** Whether the shell stands in for it: not for what the policy knows as something else than a page. */
export const isPage = (request, url) => shell && request.mode === "navigate" && !named.test(url.pathname);

/** The page. The browser may have asked for it already. */
export async function page(event) {
  try {
    return (await event.preloadResponse) ?? (await fetch(event.request));
  } catch (error) {
    const found = await stored(shell);
    if (!found) throw error;
    const headers = new Headers(found.headers);
    headers.set("cache-status", shown);
    return new Response(found.body, { headers });
  }
}
