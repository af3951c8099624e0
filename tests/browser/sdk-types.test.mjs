// The types of the packed package, by TypeScript: what is right compiles, each wrong use is that one error; and so does
// every code block of the documentation.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import ts from "typescript";
import { FILE, reference } from "../../tools/sdk-api.mjs";
import { built } from "./harness.mjs";
import { ROOT, blocks, project } from "./sdk-package.mjs";
import { RIGHT, WRONG } from "./sdk-types.cases.mjs";

const STRICT = {
  target: ts.ScriptTarget.ES2022,
  lib: ["lib.esnext.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  jsx: ts.JsxEmit.ReactJSX,
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  verbatimModuleSyntax: true,
  noEmit: true,
  types: [],
};
/** How the package is found, by bundlers and by Node itself, and what is tried then. */
const RESOLUTIONS = {
  bundler: [{}, WRONG],
  node: [{ module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext }, []],
};

/** Before every case. */
const PRELUDE = `import { estimate, open, persist, register, TiercelError, type DataOf, type Params, type Result, type StorageUse, type Tiercel } from "@tiercel/sdk";
import { TiercelProvider, useLocal, useMutation, useResource, useTiercel } from "@tiercel/sdk/react";
import "@tiercel/sdk/inspector";
declare const cache: Tiercel;
`;
/** What the app says of its data. */
const DATA = `import "@tiercel/sdk";
declare module "@tiercel/sdk" {
  interface Data { "user-files": { data: { files: { id: string; name: string }[] } }; "user-stats": { data: { files: number } } }
  interface LocalData { preferences: string }
}
`;
/** What the documentation's blocks take for granted. */
const GIVEN = `import type { Tiercel } from "@tiercel/sdk";
declare global {
  const cache: Tiercel;
  const body: FormData;
  const userId: string;
  const render: (...shown: unknown[]) => void;
  const showButton: (action: () => void) => void;
  interface MediaFile { id: string; name: string }
}
`;
const DOCUMENTS = ["README.md", "crates/client-sdk/js/README.md", "docs/sdk.md", "docs/migrating.md", "docs/deploying.md"];
const CODE = ["js", "ts", "tsx"];

/** The diagnostics of each of `files` and of the package's own: `[code, message]`. Those of others are not looked for. */
function diagnosed(files, options) {
  const program = ts.createProgram(files, options);
  const isOurs = ({ fileName }) => files.includes(fileName) || fileName.includes("/@tiercel/sdk/");
  const diagnostics = [
    ...program.getOptionsDiagnostics(),
    ...program.getSourceFiles().filter(isOurs).flatMap((file) => [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]),
  ];
  const of = new Map(files.map((file) => [file, []]));
  const text = ({ code, messageText, file, start }) => {
    const line = file && start !== undefined ? `:${file.getLineAndCharacterOfPosition(start).line + 1}` : "";
    return [code, `TS${code}${line} ${ts.flattenDiagnosticMessageText(messageText, "\n")}`];
  };
  for (const diagnostic of diagnostics) {
    const name = diagnostic.file?.fileName ?? "elsewhere";
    of.set(name, [...(of.get(name) ?? []), text(diagnostic)]);
  }
  return of;
}

describe("the types", { timeout: 300_000 }, () => {
  let app;
  before(async () => {
    app = await project([
      "@tanstack/react-query", "@types/react", "@types/react-dom", "dexie", "react", "react-dom", "vite", "webpack",
    ]);
  });
  after(() => app?.close());

  /** Writes `{ name: text }` below `dir` and gives the paths. */
  const written = async (dir, sources) => {
    for (const [name, text] of Object.entries(sources)) await app.write(path.join(dir, name), text);
    return Object.keys(sources).map((name) => path.join(app.dir, dir, name));
  };

  for (const [name, [resolution, wrongOnes]] of Object.entries(RESOLUTIONS)) {
    test(`right uses compile, each wrong one is its error (${name})`, async () => {
      const cases = [...RIGHT.map((code) => [code, []]), ...wrongOnes.map(([expected, code]) => [code, [expected]])];
      const [data, ...files] = await written(name, {
        "data.ts": DATA,
        ...Object.fromEntries(cases.map(([code], at) => [`case-${at}.tsx`, `${PRELUDE}export async function use() {\n${code}\n}\n`])),
      });
      const found = diagnosed([data, ...files], { ...STRICT, ...resolution });
      const wrong = files.flatMap((file, at) => {
        const [code, expected] = cases[at];
        const got = found.get(file);
        const codes = got.map(([code]) => code);
        return String(codes) === String(expected) ? [] : [`${code}\n  expected ${expected.join() || "none"}, got ${got.map(([, text]) => text).join("\n  ") || "none"}`];
      });
      assert.equal(wrong.join("\n\n"), "");
      // Nor is there an error in the package's own files.
      assert.deepEqual([...found].filter(([file]) => !files.includes(file)).flatMap(([file, all]) => all.map(([, text]) => `${file} ${text}`)), []);
    });
  }

  test("another policy has other types", async () => {
    const snapshot = "crates/core/src/policy/document/snapshots/tiercel_core__policy__document__types__tests__nothing_of_a_policy_is_code.snap";
    const other = await project(["@types/react", "react"]);
    try {
      const text = await readFile(path.join(ROOT, snapshot), "utf8");
      await writeFile(path.join(other.installed, "policy.d.ts"), text.split("---\n")[2]);
      await other.write("right.tsx", `${PRELUDE}void cache.get("a-b");\nvoid cache.get("a-b", { id: "1", "a-b": "x" });\nvoid useResource("a-b", { id: "1" });\n`);
      await other.write("wrong.tsx", `${PRELUDE}void cache.get("user-files");\n`);
      await other.write("none.tsx", `${PRELUDE}void cache.invalidate("upload");\n`);
      const files = ["right.tsx", "wrong.tsx", "none.tsx"].map((name) => path.join(other.dir, name));
      const found = diagnosed(files, STRICT);
      assert.deepEqual(files.map((file) => found.get(file).map(([code]) => code)), [[], [2345], [2345]]);
      assert.deepEqual([...found.keys()], files);
    } finally {
      await other.close();
    }
  });

  test("the reference is what the types say", async () => {
    assert.equal(await readFile(FILE, "utf8"), await reference(), "docs/sdk-api.md is stale: run `node tools/sdk-api.mjs`");
  });

  test("the demo's page compiles", () => {
    const page = path.join(ROOT, "demo/web");
    const { config } = ts.readConfigFile(path.join(page, "tsconfig.json"), ts.sys.readFile);
    const { options, fileNames } = ts.parseJsonConfigFileContent(config, ts.sys, page);
    // The build may lie where no React is.
    const react = path.join(ROOT, "node_modules/@types/react/index.d.ts");
    options.paths = { "@tiercel/sdk": [built("sdk/index.d.ts")], "@tiercel/sdk/*": [built("sdk/*.d.ts")], react: [react] };
    assert.ok(fileNames.length > 20);
    const wrong = [...diagnosed(fileNames, options)].flatMap(([file, all]) => all.map(([, text]) => `${path.relative(page, file)} ${text}`));
    assert.deepEqual(wrong, []);
  });

  test("every code block of the documentation compiles", async () => {
    const sources = {};
    const origin = new Map();
    for (const file of DOCUMENTS) {
      for (const { language, title, text, line } of await blocks(file)) {
        if (!CODE.includes(language)) continue;
        const name = title ?? `${file.replaceAll("/", "-")}-${line}.${language}`;
        sources[name] = `${text}${/^(import|export) /m.test(text) ? "" : "\nexport {};\n"}`;
        origin.set(path.join(app.dir, "documents", name), `${file}:${line}`);
      }
    }
    assert.ok(origin.size >= 15, `${origin.size} blocks`);
    const files = await written("documents", { ...sources, "given.d.ts": GIVEN });
    // The page's own path to the package, as docs/sdk.md has it.
    const options = { ...STRICT, paths: { "/sdk/*": [path.join(app.installed, "*")] } };
    const isScript = (file) => file.endsWith(".js");
    const given = files.filter((file) => file.endsWith(".d.ts"));
    const found = new Map([
      ...diagnosed(files.filter((file) => !isScript(file)), options),
      // JavaScript is what people write, so that elements need not be proven to be there.
      ...diagnosed([...files.filter(isScript), ...given], { ...options, allowJs: true, checkJs: true, strict: false, exactOptionalPropertyTypes: false }),
    ]);
    const wrong = [...found].flatMap(([file, all]) => all.map(([, text]) => `${origin.get(file) ?? file} ${text}`));
    assert.deepEqual(wrong, []);
  });
});
