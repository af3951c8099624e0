// The same under React 18, the oldest that the package takes.

await import("./sdk-react.test.mjs?react=18");
await import("./sdk-react-opening.test.mjs?react=18");
