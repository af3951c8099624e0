// Pages with React, the SDK's hooks, and components that show what a hook gives.

import path from "node:path";
import { build } from "esbuild";
import { built, until } from "./harness.mjs";
import { ROOT } from "./sdk-package.mjs";
import { World, open } from "./sdk-world.mjs";

/** What runs in every page: React, the hooks, and a component that shows what a hook gives. */
const FIXTURE = `
  import * as React from "react";
  import { createRoot, hydrateRoot } from "react-dom/client";
  import { flushSync } from "react-dom";
  import { renderToString } from "react-dom/server.browser";
  import * as hooks from "@tiercel/sdk/react";

  const root = createRoot(document.body.appendChild(document.createElement("main")));
  /** What each component rendered last, and how often, by its name. */
  const seen = {};
  const renders = {};
  let onServer = false;
  /** A component that shows what \`use\` gives. */
  function Shown({ name, use }) {
    const given = use(hooks);
    if (!onServer) React.useLayoutEffect(() => {
      seen[name] = given;
      renders[name] = (renders[name] ?? 0) + 1;
    });
    return React.createElement("p", { id: name }, React.isValidElement(given?.data) ? given.data : String(given?.data?.data?.version ?? given?.data ?? "nothing"));
  }
  /** Shows nothing where something below failed, and keeps why as \`seen.caught\`. */
  class Boundary extends React.Component {
    state = { failed: false };
    static getDerivedStateFromError = () => ({ failed: true });
    componentDidCatch(error) {
      seen.caught = error;
    }
    render() {
      return this.state.failed ? null : this.props.children;
    }
  }
  /** A component for each of \`uses\`: { name: (hooks) => … }. */
  function treeOf(client, uses) {
    const shown = Object.entries(uses).map(([name, use]) => React.createElement(Shown, { key: name, name, use }));
    return React.createElement(React.StrictMode, null, React.createElement(Boundary, null, React.createElement(hooks.TiercelProvider, { client }, shown)));
  }
  /** Renders it. */
  function show(client, uses, concurrent = false) {
    const tree = treeOf(client, uses);
    if (concurrent) React.startTransition(() => root.render(tree));
    else flushSync(() => root.render(tree));
  }
  /** Takes over what a server has rendered, where there is no cache. Gives that, and fails where React had to mend it. */
  async function hydrate(client, uses) {
    const main = document.body.appendChild(document.createElement("main"));
    onServer = true;
    const html = (main.innerHTML = renderToString(treeOf(null, uses)));
    onServer = false;
    await new Promise((done, failed) => {
      const Hydrated = () => (React.useEffect(() => done(), []), treeOf(client, uses));
      hydrateRoot(main, React.createElement(Hydrated), { onRecoverableError: failed });
    });
    return html;
  }
  Object.assign(globalThis, { React, seen, renders, show, hydrate, leave: () => flushSync(() => root.render(null)) });
`;

/**
 * A world whose pages run React `old`, or the newest; its `errors` are what went wrong in a page, in React's eyes too.
 * `reactPage` opens one, `shown` and `shows` are what a component there shows.
 */
export async function startReact(old) {
  const packageOf = (name) => path.join(ROOT, "node_modules", old ? `${name}-${old}` : name);
  const world = await World.start();
  world.errors = [];
  const { outputFiles } = await build({
    stdin: { contents: FIXTURE, resolveDir: ROOT },
    alias: { "@tiercel/sdk/react": built("sdk/react.js"), react: packageOf("react"), "react-dom": packageOf("react-dom") },
    bundle: true,
    write: false,
    format: "iife",
    define: { "process.env.NODE_ENV": '"development"' },
  });

  /** A page with the fixture, and the cache of `user` unless that is `null`. */
  async function reactPage(user = "a", signed = false) {
    const page = await world.page();
    page.on("console", (message) => message.type() === "error" && !/Failed to load resource/.test(message.text()) && world.errors.push(message.text()));
    await page.addScriptTag({ content: outputFiles[0].text });
    if (user !== null) await open(page, user, signed);
    return page;
  }

  /** What the component called `name` shows: the members of what the hook gave, but for those that are undefined. */
  const shown = (page, name = "one") =>
    page.evaluate((name) => {
      const { data, status, source, error, isLoading, isRefreshing } = seen[name] ?? {};
      return { version: data?.data?.version, status, source, error: error?.code, isLoading, isRefreshing };
    }, name);
  /** Waits until the component shows what `wanted` says. */
  const shows = (page, wanted, name = "one") =>
    until(async () => {
      const now = await shown(page, name);
      return Object.entries(wanted).every(([member, value]) => now[member] === value) && now;
    }, `${name} shows ${JSON.stringify(wanted)}`).catch(async (error) => {
      throw new Error(`${error.message}, but ${JSON.stringify(await shown(page, name))} ${world.errors}`, { cause: error });
    });

  return { world, reactPage, shown, shows };
}
