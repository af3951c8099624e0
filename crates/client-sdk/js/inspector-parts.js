// What the inspector is made of: elements, words for figures, and the Service Worker's counters.

/** Longest wait for the worker's answer, in milliseconds. */
const ANSWER_LIMIT = 2_000;

/** An element with properties and children. What is shown is text, never markup: keys come from anywhere. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in made && !name.includes("-")) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** A row of a table; a cell is text, an element, or `[text or element, class, title]`. */
export function row(cells, className = "") {
  const made = cells.map((cell, at) => {
    const [content, kind = "", title = ""] = Array.isArray(cell) ? cell : [cell];
    return at === 0 && typeof content === "string"
      ? element("th", { scope: "row", className: kind, title }, content)
      : element("td", { className: kind, title }, content);
  });
  return element("tr", { className }, ...made);
}

export function table(heads, caption) {
  const cells = heads.map((head) => {
    const [text, kind = ""] = Array.isArray(head) ? head : [head];
    return element("th", { scope: "col", className: kind }, text);
  });
  const body = element("tbody");
  const made = element("table", {}, ...(caption ? [element("caption", {}, caption)] : []), element("thead", {}, element("tr", {}, ...cells)), body);
  return { table: made, body };
}

export function badge(text, ...kinds) {
  return element("span", { className: ["badge", ...kinds].join(" ") }, text);
}

/** Seconds as people say them: `45 s`, `3 min`, `2 h`, `5 d`. */
export function span(seconds) {
  const units = [["d", 86_400], ["h", 3_600], ["min", 60]];
  const [unit, length] = units.find(([, length]) => seconds >= length) ?? ["s", 1];
  return `${Math.max(0, Math.floor(seconds / length))} ${unit}`;
}

/** Bytes as people say them. */
export function size(bytes) {
  if (bytes === undefined) return "";
  return bytes < 1_000 ? `${bytes} B` : bytes < 1_000_000 ? `${(bytes / 1_000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** What the Service Worker has counted, by class; `null` where none answers. */
export function workerCounters() {
  const worker = globalThis.navigator?.serviceWorker?.controller;
  if (!worker) return Promise.resolve(null);
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    const done = (counters) => {
      clearTimeout(limit);
      port1.close();
      resolve(counters);
    };
    const limit = setTimeout(done, ANSWER_LIMIT, null);
    port1.onmessage = ({ data }) => done(data?.ok ? (data.counters ?? null) : null);
    worker.postMessage({ type: "tiercel:counters" }, [port2]);
  });
}
