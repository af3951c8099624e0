// What lasts when the browser itself is ended and started again, in Chromium and in Firefox.

import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { browsers, controlledPage, get, site, tell, until } from "./harness.mjs";

const THUMBNAIL = "/api/files/videos/f1/thumbnail";

for (const { name, start, skip } of browsers) {
  describe(`a restart of ${name}`, { timeout: 120_000, skip }, () => {
    let started, web;
    beforeEach(async () => {
      web = await site((request, response) => {
        if (!request.url.endsWith("/thumbnail")) return false;
        response.writeHead(200, { "content-type": "text/plain", etag: '"1"' }).end("picture");
        return true;
      });
      started = await start();
    });
    afterEach(async () => {
      await started.close();
      await web.close();
    });

    /** A page that has been visited as `ada`, with a thumbnail. */
    async function visited() {
      const page = await controlledPage(started.browser, web.url);
      await tell(page, { type: "tiercel:identify", user: "ada" });
      await get(page, THUMBNAIL);
      await page.reload();
      await tell(page, { type: "tiercel:identify", user: "ada" });
      const kept = async () => {
        const names = await page.evaluate(() => caches.keys());
        return ["thumbnail", "page"].every((part) => names.some((name) => name.startsWith(`videomi_ada_${part}_`)));
      };
      await until(kept, "both are stored");
      return page;
    }

    test("the page opens without a network, with its pictures, as the user who was there", async () => {
      await visited();
      await web.down();
      await started.restart();
      const page = await started.browser.newPage();
      await page.goto(web.url);
      assert.equal(await page.title(), "site");
      const { headers, body } = await get(page, THUMBNAIL);
      assert.deepEqual([headers["cache-status"].slice(0, 15), body], ["tiercel-sw; hit", "picture"]);
      await tell(page, { type: "tiercel:identify", user: "bob" });
      assert.equal((await get(page, THUMBNAIL)).status, 504, "another user has none of it");
    });

    test("after a logout nothing is left of it", async () => {
      const page = await visited();
      await tell(page, { type: "tiercel:identify", user: null });
      await web.down();
      await started.restart();
      const again = await started.browser.newPage();
      // The browser shows an error of its own where the worker answers 504 without a body.
      await again.goto(web.url).catch(() => {});
      assert.notEqual(await again.title(), "site", "her page is not anybody's");
    });
  });
}
