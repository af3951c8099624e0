// A page that shows a stored list, however it is read.

import { createElement, useLayoutEffect } from "react";
import { createRoot } from "react-dom/client";

/** Renders what the hook `useList` gives: `undefined` until it is there. Says when the list stood in the document. */
export function show(useList, wrap = (page) => page) {
  function Page() {
    const files = useList();
    useLayoutEffect(() => {
      if (files) globalThis.painted?.(performance.now(), files.length);
    }, [files]);
    if (!files) return createElement("p", null, "Loading…");
    return createElement("ul", null, files.map(({ id, name, size }) => createElement("li", { key: id }, `${name}, ${size} bytes`)));
  }
  createRoot(document.querySelector("main")).render(wrap(createElement(Page)));
}

export const LIST = "/api/upload/user/abc123";
