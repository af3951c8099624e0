import type { Tiercel } from "./index.js";

/**
 * `<tiercel-inspector>`, for development: what is stored and how old it is, which tier answered the last reads, what was
 * counted here and in the Service Worker; it removes records and lets events of the policy happen. It hears only of reads
 * while it is in the document, which it may be with `hidden`.
 *
 * It sits in the corner of the window; style the element to place it elsewhere. `theme="dark"` or `"light"` overrides the
 * system's. Its button to close it dispatches `close` and, unless that is prevented, sets `hidden`.
 */
export class TiercelInspector extends HTMLElement {
  /** Whose cache is shown; `null` for none. */
  client: Tiercel | null;
  /** Reads what is shown again. It does so by itself every few seconds. */
  refresh(): void;
}

declare global {
  interface HTMLElementTagNameMap {
    "tiercel-inspector": TiercelInspector;
  }
}
