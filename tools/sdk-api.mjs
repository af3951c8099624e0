// Writes docs/sdk-api.md from the SDK's type declarations.
//
//   node sdk-api.mjs

import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import ts from "typescript";

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");
const SOURCES = path.join(ROOT, "crates/client-sdk/js");

/** Where the reference lies. */
export const FILE = path.join(ROOT, "docs/sdk-api.md");

/** What is imported from where. */
const ENTRIES = [
  ["@tiercel/sdk", ["index.d.ts"]],
  ["@tiercel/sdk/register", ["register.d.ts"]],
  ["@tiercel/sdk/react", ["react.d.ts"]],
  ["@tiercel/sdk/inspector", ["inspector.d.ts"]],
];

const INTRODUCTION = `# The SDK's interface

Every export of \`@tiercel/sdk\`; [sdk.md](sdk.md) is the walk through. \`Classes\`, \`Events\` and \`LocalStores\` are those of the policy that
the package was built with, in its \`policy.d.ts\`. Written from the type declarations by \`node tools/sdk-api.mjs\`: change those.
`;

/** The reference, as Markdown. */
export async function reference() {
  const parts = [INTRODUCTION];
  for (const [entry, files] of ENTRIES) {
    parts.push(`## \`${entry}\`\n`);
    const statements = [];
    for (const file of files) {
      const text = await readFile(path.join(SOURCES, file), "utf8");
      statements.push(...ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true).statements.filter((node) => isExported(node) && node.name));
    }
    const isMain = ({ name }) => name.text === "Tiercel";
    const isOther = (node) => isShape(node) && !isMain(node);
    for (const rank of [isFunction, isMain, isOther, ts.isTypeAliasDeclaration]) parts.push(...statements.filter(rank).map(section));
  }
  return `${parts.join("\n").replaceAll(/\n{3,}/g, "\n\n").trimEnd()}\n`;
}

const isExported = (node) => node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) ?? false;
const isFunction = (node) => ts.isFunctionDeclaration(node);
const isShape = (node) => ts.isInterfaceDeclaration(node) || ts.isClassDeclaration(node);

function section(node) {
  const heading = `### ${node.name.text}\n`;
  const described = description(node);
  if (!isShape(node)) return [heading, code(node), described].join("\n");
  const isMethod = (member) => ts.isMethodSignature(member) || ts.isMethodDeclaration(member);
  const properties = node.members.filter((member) => !isMethod(member)).map((member) => item(member));
  const methods = node.members.filter(isMethod).map((member) => [`#### ${node.name.text}.${member.name.text}\n`, code(member), description(member)].join("\n"));
  const base = node.heritageClauses?.map((clause) => clause.getText()).join(" ");
  const kind = `\`${ts.isClassDeclaration(node) ? "class" : "interface"} ${node.name.text}${node.typeParameters ? `<${node.typeParameters.map((p) => p.getText()).join(", ")}>` : ""}${base ? ` ${base}` : ""}\`\n`;
  const list = properties.length > 0 ? `${properties.join("\n")}\n` : "";
  return [heading, kind, described, list, ...methods].filter(Boolean).join("\n");
}

/** A declaration without its comments and the words that only a declaration needs. */
function code(node) {
  return `\`\`\`ts\n${plain(node).replace(/^export (declare )?/, "")}\n\`\`\`\n`;
}

function item(member) {
  const said = description(member).trim().replaceAll("\n", " ");
  return `- \`${plain(member).replace(/;$/, "").replaceAll(/\s+/g, " ")}\`${said ? `: ${said}` : ""}`;
}

/** The text of a node without the comments before and in it. */
function plain(node) {
  const text = node.getText().replaceAll(/ *\/\*\*[\s\S]*?\*\/\n?/g, "");
  // What stands in an interface is indented by its depth.
  const depth = node.parent && isShape(node.parent) ? 2 : 0;
  return text.replaceAll(new RegExp(`\n {${depth}}`, "g"), "\n").trim();
}

function description(node) {
  const [doc] = (node.jsDoc ?? []).slice(-1);
  if (!doc) return "";
  const tags = (doc.tags ?? []).map((tag) => {
    const text = ts.getTextOfJSDocComment(tag.comment) ?? "";
    if (tag.tagName.text === "throws") return `Throws ${tag.typeExpression ? `\`${tag.typeExpression.type.getText()}\` ` : ""}${text}.`;
    return `Returns ${text}.`;
  });
  const text = [ts.getTextOfJSDocComment(doc.comment) ?? "", ...tags].filter(Boolean).join("\n\n");
  return `${text.replaceAll(/\{@link ([\w.]+)\s*\}/g, "`$1`")}\n`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  await writeFile(FILE, await reference());
  console.log(`wrote ${path.relative(process.cwd(), FILE)}`);
}
