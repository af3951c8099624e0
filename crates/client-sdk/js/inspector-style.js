// The inspector's looks. A constructed sheet, since a Content-Security-Policy may forbid a <style>.

const CSS = `
:host {
  position: fixed; inset: auto 1rem 1rem auto; z-index: 2147483000;
  display: grid; grid-template-rows: auto auto minmax(0, 1fr) auto;
  box-sizing: border-box; width: min(50rem, calc(100vw - 2rem)); height: min(30rem, calc(100vh - 2rem));
  overflow: hidden; border: 1px solid var(--line); border-radius: 14px;
  background: var(--bg); color: var(--text); box-shadow: 0 24px 64px -12px var(--shadow), 0 4px 12px var(--shadow);
  font: 13px/1.45 ui-sans-serif, system-ui, sans-serif; text-align: start;
  --bg: #fff; --raised: #f4f5f8; --line: #dfe2ea; --text: #191c24; --muted: #5c6475; --accent: #4f46e5; --on-accent: #fff;
  --danger: #c4283a; --shadow: rgb(20 24 40 / 0.16);
  --device: #0b7a52; --service-worker: #6242d6; --edge: #8f5a00; --origin: #c02b52;
  color-scheme: light;
}
:host([theme="dark"]) { --bg: #12151d; --raised: #1b1f2a; --line: #2a3040; --text: #eceef5; --muted: #98a1b6; --accent: #a5a0ff;
  --on-accent: #14122e; --danger: #ff7f88; --shadow: rgb(0 0 0 / 0.55);
  --device: #58dba6; --service-worker: #b3a2ff; --edge: #ffc05c; --origin: #ff8ea0; color-scheme: dark; }
@media (prefers-color-scheme: dark) {
  :host(:not([theme="light"])) { --bg: #12151d; --raised: #1b1f2a; --line: #2a3040; --text: #eceef5; --muted: #98a1b6; --accent: #a5a0ff;
    --on-accent: #14122e; --danger: #ff7f88; --shadow: rgb(0 0 0 / 0.55);
    --device: #58dba6; --service-worker: #b3a2ff; --edge: #ffc05c; --origin: #ff8ea0; color-scheme: dark; }
}
:host([hidden]) { display: none; }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: -1px; }

header { display: flex; align-items: center; gap: 0.6rem; padding: 0.6rem 0.6rem 0.6rem 0.9rem; }
h2 { display: flex; align-items: center; gap: 0.5rem; margin: 0; font-size: 14px; font-weight: 650; letter-spacing: -0.01em; }
.mark { display: grid; gap: 2px; width: 16px; }
.mark i { height: 4px; border-radius: 2px; }
.mark i:nth-child(1) { background: var(--device); width: 60%; }
.mark i:nth-child(2) { background: var(--edge); width: 80%; }
.mark i:nth-child(3) { background: var(--origin); }
.user { overflow: hidden; max-width: 14rem; padding: 0 0.5rem; border-radius: 99px; background: var(--raised); color: var(--muted); text-overflow: ellipsis; white-space: nowrap; }
.space { flex: 1; }

button, input, select { font: inherit; color: inherit; }
button { min-height: 28px; padding: 0 0.7rem; border: 1px solid var(--line); border-radius: 8px; background: var(--bg); cursor: pointer; white-space: nowrap; }
button:hover { background: var(--raised); }
button:disabled { opacity: 0.45; cursor: default; }
button.primary { border-color: transparent; background: var(--accent); color: var(--on-accent); font-weight: 600; }
button.primary:hover { filter: brightness(1.08); }
button.danger, button.danger:hover { border-color: color-mix(in srgb, var(--danger) 45%, transparent); color: var(--danger); }
button.icon { width: 28px; padding: 0; border-color: transparent; background: none; color: var(--muted); font-size: 15px; line-height: 1; }
button.icon:hover { background: var(--raised); color: var(--text); }
tr:hover button.icon:hover { background: color-mix(in srgb, var(--danger) 14%, transparent); color: var(--danger); }
input, select { min-width: 0; height: 28px; padding: 0 0.55rem; border: 1px solid var(--line); border-radius: 8px; background: var(--bg); }
input::placeholder { color: var(--muted); opacity: 1; }

[role="tablist"] { display: flex; align-items: center; gap: 0.15rem; padding: 0 0.6rem; border-bottom: 1px solid var(--line); }
[role="tab"] { border: 0; border-radius: 0; background: none; color: var(--muted); box-shadow: inset 0 -2px transparent; font-weight: 550; }
[role="tab"]:hover { background: none; color: var(--text); }
[role="tab"][aria-selected="true"] { color: var(--text); box-shadow: inset 0 -2px var(--accent); }
[role="tab"] small { margin-inline-start: 0.35rem; padding: 0 0.4rem; border-radius: 99px; background: var(--raised); color: var(--muted); font-size: 11px; font-variant-numeric: tabular-nums; }

[role="tabpanel"] { overflow: auto; overscroll-behavior: contain; scrollbar-width: thin; }
.tools { position: sticky; top: 0; left: 0; z-index: 2; display: flex; gap: 0.5rem; height: 44px; padding: 8px 0.9rem; background: var(--bg); }
.tools input { flex: 1; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: 0.28rem 0.5rem; border-bottom: 1px solid color-mix(in srgb, var(--line) 60%, transparent); text-align: start; vertical-align: middle; white-space: nowrap; font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { padding-inline-start: 0.9rem; }
th:last-child, td:last-child { padding-inline-end: 0.9rem; }
thead th { position: sticky; top: 0; z-index: 1; background: var(--bg); color: var(--muted); font-size: 11px; font-weight: 550; }
.tools ~ table thead th { top: 44px; }
tbody th { font-weight: 550; }
tbody th.muted { font-weight: 400; }
td b { font: 550 13px/1.45 ui-sans-serif, system-ui, sans-serif; }
td button.icon { min-height: 22px; height: 22px; }
tbody tr:hover { background: var(--raised); }
td.number, th.number { text-align: end; }
td.wide { width: 100%; max-width: 0; overflow: hidden; text-overflow: ellipsis; font: 12px/1.45 ui-monospace, monospace; }
.muted, td.muted { color: var(--muted); }
.empty { padding: 2.5rem 1rem; color: var(--muted); text-align: center; }
caption { padding: 0.7rem 0.9rem 0.3rem; color: var(--muted); font-size: 11px; font-weight: 650; text-align: start; }

.badge { display: inline-flex; align-items: center; gap: 0.4em; padding: 0 0.55em; border-radius: 99px; background: color-mix(in srgb, var(--tier, var(--muted)) 14%, transparent); color: var(--tier, var(--muted)); font-size: 11.5px; font-weight: 600; }
.badge::before { content: ""; width: 6px; height: 6px; border-radius: 50%; background: currentColor; }
.badge.old::before { background: none; box-shadow: inset 0 0 0 1.5px currentColor; }
.device { --tier: var(--device); }
.service-worker { --tier: var(--service-worker); }
.edge { --tier: var(--edge); }
.origin { --tier: var(--origin); }
.fresh, .done { --tier: var(--device); }
.stale, .queued { --tier: var(--edge); }
.offline, .fallback_revoked, .failed { --tier: var(--origin); }

form { display: flex; flex-wrap: wrap; align-items: center; gap: 0.5rem; padding: 0.55rem 0.9rem; border-top: 1px solid var(--line); background: var(--raised); }
form select { max-width: 12rem; }
form input { flex: 1 1 6rem; width: 6rem; }
output { flex: 1 1 100%; overflow: hidden; color: var(--muted); font-size: 12px; text-overflow: ellipsis; white-space: nowrap; }
output:empty { display: none; }
output.failed { color: var(--danger); }
@media (prefers-reduced-motion: no-preference) { tr.new { animation: new 1.2s; } @keyframes new { from { background: color-mix(in srgb, var(--accent) 18%, transparent); } } }
`;

export function stylesheet() {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(CSS);
  return sheet;
}
