// <tiercel-inspector>: what is stored, which tier answered, and what the policy's events drop. For development.

import { badge, element, row, size, span, table, workerCounters } from "./inspector-parts.js";
import { stylesheet } from "./inspector-style.js";
import { events, policy } from "./policy.js";

/** Decisions that are kept. */
const KEPT = 200;
/** How often the tables are read again while they can be seen, in milliseconds. */
const REFRESH = 2_000;
/** What happens soon after something is shown together, in milliseconds. */
const SOON = 100;

const SHORT = { device: "Device", "service-worker": "SW", edge: "Edge", origin: "Origin" };
const INVALIDATED = `${policy}:cache-invalidate`;

// Imported where there is no DOM, as on a server, it does nothing.
const Base = globalThis.HTMLElement ?? class {};

export class TiercelInspector extends Base {
  static observedAttributes = ["hidden"];
  #client = null;
  #decisions = [];
  #records = new Map();
  #stop = () => {};
  #timer;
  #soon;
  #turn = 0;
  #parts;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [stylesheet()];
    this.#parts = build(this);
    root.append(...this.#parts.all);
    this.#choose("stored");
    this.#showEvent();
  }

  get client() {
    return this.#client;
  }

  set client(client) {
    if (client === this.#client) return;
    this.#client = client ?? null;
    // The next user's page shows nothing of the last one's.
    this.clearDecisions();
    this.#records.clear();
    this.#parts.stored.replaceChildren();
    this.say("");
    this.#follow();
  }

  connectedCallback() {
    // Set before the element was known, it hides the setter.
    if (Object.hasOwn(this, "client")) {
      const { client } = this;
      delete this.client;
      this.client = client;
    }
    this.#follow();
  }

  disconnectedCallback() {
    this.#unfollow();
  }

  attributeChangedCallback() {
    this.refresh();
  }

  /** Reads the tables again, unless nobody sees them. */
  refresh() {
    clearTimeout(this.#soon);
    clearTimeout(this.#timer);
    if (this.isConnected && this.#client && !this.hidden) void this.#read();
  }

  clearDecisions() {
    this.#decisions = [];
    this.#parts.decisions.replaceChildren();
    this.#count();
  }

  /** Runs what a button asks for and says how it went. */
  async run(what, action) {
    try {
      await action(this.#client);
      this.say(what);
    } catch (error) {
      this.say(`${what}: ${error?.message ?? error}`, true);
    }
    this.refresh();
  }

  say(text, failed = false) {
    this.#parts.said.textContent = text;
    this.#parts.said.classList.toggle("failed", failed);
  }

  #follow() {
    this.#unfollow();
    const client = this.#client;
    this.#parts.user.textContent = client ? (client.user ?? "nobody is signed in") : "no client";
    this.#parts.invalidate.disabled = this.#parts.clear.disabled = !client;
    if (!client || !this.isConnected) return;
    const soon = () => {
      clearTimeout(this.#soon);
      this.#soon = setTimeout(() => this.refresh(), SOON);
    };
    const stopDecisions = client.onDecision((decision) => {
      this.#note(decision);
      soon();
    });
    globalThis.addEventListener(INVALIDATED, soon);
    this.#stop = () => {
      stopDecisions();
      globalThis.removeEventListener(INVALIDATED, soon);
    };
    this.refresh();
  }

  #unfollow() {
    this.#stop();
    this.#stop = () => {};
    this.#turn++;
    clearTimeout(this.#soon);
    clearTimeout(this.#timer);
  }

  async #read() {
    const mine = ++this.#turn;
    try {
      const [stored, page, worker] = await Promise.all([this.#client.stored(), this.#client.counters(), workerCounters()]);
      if (mine !== this.#turn) return;
      this.#showStored(stored);
      this.#showCounters({ "This page": page, "Service Worker": worker });
    } catch (error) {
      if (mine !== this.#turn) return;
      this.#showStored([]);
      this.say(error?.message ?? String(error), true);
      return;
    }
    this.#timer = setTimeout(() => this.refresh(), REFRESH);
  }

  /** A row that is there stays, so that the focus on its button stays. */
  #showStored(stored) {
    const now = Date.now();
    const wanted = this.#parts.filter.value.trim().toLowerCase();
    const gone = new Map(this.#records);
    for (const record of stored) {
      const { key, class: cls, age, fresh, expires, bytes } = record;
      gone.delete(key);
      let shown = this.#records.get(key);
      if (!shown) {
        const remove = element("button", { type: "button", className: "icon", title: "Remove", "aria-label": `Remove ${key}` }, "✕");
        remove.onclick = () => void this.run(`Removed ${key}`, (client) => client.remove(key));
        shown = row([cls, [key, "wide", key], "", ["", "number"], ["", "number muted"], ["", "number muted"], remove]);
        this.#records.set(key, shown);
        this.#parts.stored.append(shown);
      }
      const [, , state, old, left, length] = shown.cells;
      state.replaceChildren(fresh ? badge("fresh", "fresh") : badge("stale", "stale", "old"));
      old.textContent = span(age);
      left.textContent = Number.isFinite(expires) ? span((expires - now) / 1_000) : "–";
      length.textContent = size(bytes);
      shown.hidden = !`${cls} ${key}`.toLowerCase().includes(wanted);
    }
    for (const [key, shown] of gone) {
      this.#records.delete(key);
      shown.remove();
    }
    this.#parts.emptyStored.hidden = stored.length > 0;
    this.#count();
  }

  #note(decision) {
    this.#decisions.push(decision);
    const { at, class: cls, event, params, behind, status, source, reason, age, ms } = decision;
    const given = Object.entries(params ?? {}).filter(([, value]) => value !== undefined);
    const old = status === "fresh" || status === "done" ? [] : ["old"];
    const what = element("span", {}, element("b", {}, cls ?? `↑ ${event}`), ` ${given.map(([, value]) => value).join(" / ")}`);
    const shown = row([
      [new Date(at).toLocaleTimeString([], { hour12: false }), "muted"],
      source ? badge(SHORT[source] ?? source, source, ...old) : "",
      [what, "wide", given.map((pair) => pair.join("=")).join(" ")],
      badge(status.replaceAll("_", " "), status, ...old),
      [behind ? `${reason}, behind` : reason, "muted", behind ? "The refresh behind a stale answer" : ""],
      [age === null ? "" : span(age), "number"],
      [`${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`, "number"],
    ], "new");
    this.#parts.decisions.prepend(shown);
    if (this.#decisions.length > KEPT) {
      this.#decisions.shift();
      this.#parts.decisions.lastElementChild.remove();
    }
    this.#count();
  }

  #showCounters(byTier) {
    const tables = Object.entries(byTier).map(([caption, byClass]) => {
      const classes = Object.entries(byClass ?? {});
      const names = [...new Set(classes.flatMap(([, counters]) => Object.keys(counters)))];
      if (names.length === 0) return element("p", { className: "empty" }, `${caption}: ${byClass ? "nothing yet" : "does not answer"}`);
      const made = table(["class", ...names.map((name) => [name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`), "number"])], caption);
      made.body.append(...classes.map(([cls, counters]) => row([cls, ...names.map((name) => [String(counters[name] ?? 0), "number"])])));
      return made.table;
    });
    this.#parts.panels.counters.replaceChildren(...tables);
  }

  #count() {
    const { tabs, emptyDecisions } = this.#parts;
    tabs.stored.lastElementChild.textContent = this.#records.size;
    tabs.decisions.lastElementChild.textContent = this.#decisions.length;
    emptyDecisions.hidden = this.#decisions.length > 0;
  }

  /** Shows a tab. */
  #choose(chosen) {
    for (const [name, tab] of Object.entries(this.#parts.tabs)) {
      tab.ariaSelected = String(name === chosen);
      tab.tabIndex = name === chosen ? 0 : -1;
      tab.onclick = () => this.#choose(name);
      tab.onkeydown = ({ key }) => this.#step(name, key);
      this.#parts.panels[name].hidden = name !== chosen;
    }
  }

  #step(from, key) {
    const names = Object.keys(this.#parts.tabs);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
    if (!step) return;
    const to = names[(names.indexOf(from) + step + names.length) % names.length];
    this.#choose(to);
    this.#parts.tabs[to].focus();
  }

  /** A field for each parameter of the chosen event. */
  #showEvent() {
    const { event, fields, form } = this.#parts;
    const show = () =>
      fields.replaceChildren(...(events[event.value] ?? []).map((name) => element("input", { name, placeholder: name, "aria-label": name, autocomplete: "off" })));
    event.onchange = show;
    form.onsubmit = (submitted) => {
      submitted.preventDefault();
      const given = [...fields.children].filter(({ value }) => value !== "").map(({ name, value }) => [name, value]);
      const said = [event.value, ...given.map((pair) => pair.join("="))].join(" ");
      void this.run(`Invalidated ${said}`, (client) => client.invalidate(event.value, Object.fromEntries(given)));
    };
    show();
  }
}

/** The fixed parts, by name. */
function build(host) {
  const user = element("span", { className: "user" });
  const close = element("button", { type: "button", className: "icon", title: "Close", "aria-label": "Close the inspector" }, "✕");
  close.onclick = () => host.dispatchEvent(new Event("close", { cancelable: true })) && (host.hidden = true);
  const mark = element("span", { className: "mark", "aria-hidden": "true" }, element("i"), element("i"), element("i"));
  const header = element("header", {}, element("h2", {}, mark, "Tiercel"), user, element("span", { className: "space" }), close);

  const tab = (name, text, ...more) => element("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": name }, text, ...more);
  const tabs = {
    stored: tab("stored", "Stored", element("small", {}, "0")),
    decisions: tab("decisions", "Decisions", element("small", {}, "0")),
    counters: tab("counters", "Counters"),
  };
  const tablist = element("div", { role: "tablist", "aria-label": "Inspector" }, ...Object.values(tabs));

  const filter = element("input", { type: "search", placeholder: "Filter by class or key", "aria-label": "Filter" });
  filter.oninput = () => host.refresh();
  const clear = sure(element("button", { type: "button", className: "danger" }, "Remove all"), () =>
    host.run("Removed all records", async (client) => {
      for (const { key } of await client.stored()) await client.remove(key);
    }));
  const records = table(["class", "key", "state", ["age", "number"], ["gone in", "number"], ["size", "number"], ""]);
  const emptyStored = element("p", { className: "empty" }, "Nothing is stored on this device.");
  const decisions = table(["time", "tier", "what", "status", "reason", ["age", "number"], ["took", "number"]]);
  const emptyDecisions = element("p", { className: "empty" }, "Reads appear here as they are answered.");
  const panel = (name, ...children) => element("section", { role: "tabpanel", id: name, "aria-labelledby": `tab-${name}`, tabIndex: 0 }, ...children);
  const panels = {
    stored: panel("stored", element("div", { className: "tools" }, filter, clear), records.table, emptyStored),
    decisions: panel("decisions", decisions.table, emptyDecisions),
    counters: panel("counters"),
  };

  const event = element("select", { "aria-label": "Event" }, ...Object.keys(events).map((name) => element("option", { value: name }, name)));
  const fields = element("span", {});
  fields.style.display = "contents";
  const invalidate = element("button", { type: "submit", className: "primary" }, "Invalidate");
  const said = element("output", { "aria-live": "polite" });
  const form = element("form", { "aria-label": "Invalidate an event" }, event, fields, invalidate, said);
  form.hidden = Object.keys(events).length === 0;

  const body = element("div", { className: "body" }, ...Object.values(panels));
  body.style.cssText = "display: grid; min-height: 0";
  return {
    all: [header, tablist, body, form],
    user, tabs, panels, filter, clear, stored: records.body, emptyStored, decisions: decisions.body, emptyDecisions, event, fields, invalidate, said, form,
  };
}

/** A button that asks once more. */
function sure(button, action) {
  const { textContent } = button;
  const relax = () => (button.textContent = textContent);
  button.onclick = () => {
    if (button.textContent === textContent) button.textContent = "Really?";
    else relax(), void action();
  };
  button.onblur = relax;
  return button;
}

if (globalThis.customElements && !customElements.get("tiercel-inspector")) customElements.define("tiercel-inspector", TiercelInspector);
