// The package as an app gets it: packed, installed, and with the code that the documentation shows.

import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { built } from "./harness.mjs";

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");

const run = promisify(execFile);
/** Wherever npm looks, nothing of the user's is read or asked for. */
const NPM = ["--offline", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];

/**
 * A project in which the packed package is installed, beside the packages of the workspace that are `linked`.
 * `close()` removes it.
 */
export async function project(linked) {
  const dir = await mkdtemp(path.join(tmpdir(), "tiercel-package-"));
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", dir, ...NPM], { cwd: built("sdk") });
  const [{ filename, files }] = JSON.parse(stdout);
  await writeFile(path.join(dir, "package.json"), JSON.stringify({ name: "app", private: true, type: "module" }));
  await run("npm", ["install", ...NPM, `./${filename}`], { cwd: dir });
  for (const name of linked) {
    await mkdir(path.dirname(path.join(dir, "node_modules", name)), { recursive: true });
    await symlink(path.join(ROOT, "node_modules", name), path.join(dir, "node_modules", name));
  }
  return {
    dir,
    /** What is in the tarball. */
    files: files.map(({ path }) => path),
    installed: path.join(dir, "node_modules/@tiercel/sdk"),
    async write(name, text) {
      await mkdir(path.dirname(path.join(dir, name)), { recursive: true });
      await writeFile(path.join(dir, name), text);
    },
    close: () => rm(dir, { recursive: true, force: true }),
  };
}

/** The code blocks of a Markdown file: `{ language, title, text, line }`; `title=NAME` stands behind the language. */
export async function blocks(file) {
  const text = await readFile(path.join(ROOT, file), "utf8");
  return [...text.matchAll(/^( *)```(\w+)(?: title=(\S+))?\n([\s\S]*?)^ *```$/gm)].map((match) => ({
    language: match[2],
    title: match[3],
    text: match[4].replaceAll(new RegExp(`^${match[1]}`, "gm"), ""),
    line: text.slice(0, match.index).split("\n").length + 1,
  }));
}

const TYPES = {
  ".css": "text/css", ".html": "text/html", ".js": "text/javascript", ".json": "application/json", ".wasm": "application/wasm",
};
const CSP = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' data:";

/**
 * Serves files, `{ prefix: directory }`, under a Content-Security-Policy, and an API with a list that can change:
 * `{ files }`. Counts the API's requests.
 */
export async function server(directories, { files = ["Dunes", "Aurora"] } = {}) {
  const requests = [];
  const api = { files: files.map((name, at) => ({ id: `v${at + 1}`, name })), down: false };
  const answer = async (request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    if (pathname.startsWith("/api/")) {
      requests.push(`${request.method} ${request.url}`);
      if (api.down) return request.socket.destroy();
      const gone = /^\/api\/files\/[^/]+\/([^/]+)$/.exec(pathname)?.[1];
      if (request.method === "DELETE") api.files = api.files.filter(({ id }) => id !== gone);
      const headers = { "content-type": "application/json", "cache-control": "no-cache" };
      return response.writeHead(200, headers).end(JSON.stringify({ success: true, data: { files: api.files } }));
    }
    const wanted = pathname.endsWith("/") ? `${pathname}index.html` : pathname;
    for (const [prefix, dir] of Object.entries(directories)) {
      const file = wanted.startsWith(prefix) && path.join(dir, path.normalize(`/${wanted.slice(prefix.length)}`));
      const body = file && (await readFile(file).catch(() => undefined));
      const headers = { "content-type": TYPES[path.extname(wanted)] ?? "text/plain", "content-security-policy": CSP };
      if (body) return response.writeHead(200, headers).end(body);
    }
    response.writeHead(404).end();
  };
  const listening = createServer((request, response) => void answer(request, response));
  await new Promise((resolve) => listening.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://localhost:${listening.address().port}`,
    api,
    requests,
    close: () =>
      new Promise((resolve) => {
        listening.close(resolve);
        listening.closeAllConnections();
      }),
  };
}
