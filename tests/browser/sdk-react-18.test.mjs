// The same under React 18, the oldest that the package takes.

await import("./sdk-react.test.mjs?react=18");
