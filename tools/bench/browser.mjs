// What the benches in a browser share: one Chromium with a profile of its own, and sites that are measured in turns.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import puppeteer from "puppeteer-core";

/** The value below which `share` of `values` lie. */
export const at = (values, share) => [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * share)];
export const median = (values) => at(values, 0.5);

/**
 * Gives `work` the browser at `chrome` and a list for its sites, each `{ name, server, url, page }`, which end with it. Prints what
 * it finds, an object by the names of the sites, as one line of JSON.
 */
export async function measure(chrome, work) {
  const profile = await mkdtemp(path.join(tmpdir(), "tiercel-bench-"));
  const browser = await puppeteer.launch({
    executablePath: chrome,
    headless: true,
    userDataDir: profile,
    args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
  const sites = [];
  try {
    console.log(JSON.stringify(await work(browser, sites)));
  } finally {
    await browser.close();
    for (const { server } of sites) {
      server.close();
      server.closeAllConnections();
    }
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Measures each site once a round, beginning with another one each time, so that what slows the machine slows all of them. */
export async function inTurns(count, sites, found, measured) {
  for (let round = 0; round < count; round++) {
    for (let i = 0; i < sites.length; i++) {
      const site = sites[(round + i) % sites.length];
      await site.page.bringToFront();
      await measured(site, found[site.name], round);
    }
  }
}
