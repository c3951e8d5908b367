/**
 * The limits, times and queue bounds that are no options, read out of the code: its constants and the defaults that its
 * interfaces document.
 *
 * @module
 */

import { formatDuration } from "../../common/duration.ts";
import { cell, code, markdownTable } from "./markdown_table.ts";

/** A file of the product. */
export interface SourceFile {
  /** Its path from the root of the repository. */
  readonly path: string;
  /** Its text. */
  readonly text: string;
}

/** A bound of the code. */
export interface FixedBound {
  /** The file that has it. */
  readonly path: string;
  /** The constant, or the property of an interface. */
  readonly name: string;
  /** For a person, with its unit. */
  readonly value: string;
  /** The sentence above it in the code. */
  readonly help: string;
}

/** A product of numbers, as in `24 * 3_600_000`. */
const NUMBER = String.raw`[\d_]+(?: \*\*? [\d_]+)*`;
const DOC = String.raw`/\*\*((?:(?!\*/)[^])*)\*/\n`;
const CONSTANT = new RegExp(
  String.raw`(?:${DOC})?^(?:export )?const ([A-Z][A-Z\d_]*)(?:: [^=]*?)? = (${NUMBER}|\{[^;]*\})(?: as const)?;`,
  "gm",
);
const PROPERTY = new RegExp(String.raw`${DOC}\s*readonly (\w+)\??: number;`, "g");
const MEMBER = new RegExp(String.raw`(\w+): (?:\{([^{}]*)\}|(${NUMBER}))(?=\s*[,}]|\s*$)`, "g");

/** What a constant that bounds something is called, or says of itself. */
const BOUND_NAME = /^(MAX|MIN|LEAST)_|_(MS|SECONDS|LIMITS?|LIMIT_BYTES)$/;
const BOUND_DOC =
  /^(The (most|longest|largest|shortest|highest)|How many [^.]*\b(may|kept|at a time|remembered))\b|\bat the bound\b/;
/** Names of units, which bound nothing. */
const UNIT_NAME = /^(SECOND|MINUTE|HOUR|DAY|UNIT)_MS$/;

/**
 * Finds the bounds of some files, in their order.
 *
 * @throws {Error} if a bound has no sentence above it, or a documented default is not what the code has.
 */
export function fixedBounds(files: readonly SourceFile[]): FixedBound[] {
  const documented = limitsDocs(files);
  const folders = Map.groupBy(files, folderOf);
  return files.flatMap((file) => {
    const defaults = [...documentedDefaults(file, { among: folders.get(folderOf(file))! })];
    return [...constants(file, { defaults, documented }), ...defaults];
  });
}

/** The bounds as tables in Markdown, one for each folder under a heading of its own; `root` leads from the page to the files. */
export function boundTables(bounds: readonly FixedBound[], { root }: { readonly root: string }): string {
  return [...Map.groupBy(bounds, folderOf)].map(([folder, inFolder]) => {
    const rows = inFolder.map(({ path, name, value, help }) => {
      return [code(name), cell(value), `[${path.slice(folder.length + 1)}](${root}${path})`, cell(help)];
    });
    return `### ${folder}\n\n${markdownTable([["Bound", "Value", "Where", "What it bounds"], ...rows])}`;
  }).join("\n\n");
}

/** Reads the files of the product's folders, sorted by path. */
export async function readSources(root: URL, folders: readonly string[]): Promise<SourceFile[]> {
  const files: SourceFile[] = [];
  for (const folder of folders) {
    for await (const { name, isDirectory } of Deno.readDir(new URL(`${folder}/`, root))) {
      const path = `${folder}/${name}`;
      if (isDirectory) files.push(...await readSources(root, [path]));
      else if (name.endsWith(".ts")) files.push({ path, text: await Deno.readTextFile(new URL(path, root)) });
    }
  }
  return files.sort((a, b) => a.path < b.path ? -1 : 1);
}

function folderOf({ path }: { readonly path: string }): string {
  return path.slice(0, path.lastIndexOf("/"));
}

function* constants(
  { path, text }: SourceFile,
  { defaults, documented }: { defaults: readonly FixedBound[]; documented: ReadonlyMap<string, string> },
): Generator<FixedBound> {
  for (const [, doc = "", name, expression] of text.matchAll(CONSTANT)) {
    const help = sentenceOf(doc);
    if (UNIT_NAME.test(name) || !(BOUND_NAME.test(name) || BOUND_DOC.test(help))) continue;
    if (!expression.startsWith("{")) {
      if (help === "") throw new Error(`Cannot list ${name} of ${path}: write a sentence above it`);
      yield { path, name, value: valueOf(name, numberOf(expression)), help };
      continue;
    }
    const members = membersOf(expression);
    if (members.length === 0 || members.every(([key]) => defaults.some((property) => property.name === key))) continue;
    const room = path.split("/")[0];
    if (members.every(([key]) => documented.has(`${room} ${key}`))) {
      for (const [key, number] of members) {
        yield { path, name: `${name}.${key}`, value: valueOf(key, number), help: documented.get(`${room} ${key}`)! };
      }
      continue;
    }
    const unit = /_MS$/.exec(name)?.[0] ?? "";
    const value = members.map(([key, number]) => `${key} ${valueOf(key + unit, number)}`).join(", ");
    yield { path, name, value, help };
  }
}

/** Properties whose documentation has a number for their default, which some file of the folder puts in force. */
function* documentedDefaults(
  { path, text }: SourceFile,
  { among }: { among: readonly SourceFile[] },
): Generator<FixedBound> {
  for (const [, doc, name] of text.matchAll(PROPERTY)) {
    const stated = /@default \{([\d_]+)\}/.exec(doc)?.[1];
    if (stated === undefined || numberOf(stated) === 0) continue;
    const inForce = new RegExp(String.raw`\b${name}(?:: \w+)?(?: =|:) (${NUMBER})\b`, "g");
    const numbers = among.flatMap(({ text }) => [...text.matchAll(inForce)].map(([, number]) => numberOf(number)));
    if (!numbers.includes(numberOf(stated))) {
      throw new Error(`Cannot list ${name} of ${path}: its documented default ${stated} is not what the code has`);
    }
    yield { path, name, value: valueOf(name, numberOf(stated)), help: sentenceOf(doc) };
  }
}

/** What interfaces called `…Limits` say of their properties, by room and property. */
function limitsDocs(files: readonly SourceFile[]): Map<string, string> {
  const docs = new Map<string, string>();
  for (const { path, text } of files) {
    for (const [body] of text.matchAll(/^export interface \w+Limits\b[^]*?^\}/gm)) {
      for (const [, doc, name] of body.matchAll(PROPERTY)) docs.set(`${path.split("/")[0]} ${name}`, sentenceOf(doc));
    }
  }
  return docs;
}

/** The numbers of an object, nested ones by both keys; none if it holds anything else. */
function membersOf(expression: string): [key: string, number: number][] {
  const inner = expression.replaceAll(/^\s*\/\/.*$/gm, "").slice(1, -1);
  if (inner.replaceAll(MEMBER, "").replaceAll(/[\s,]/g, "") !== "") return [];
  return [...inner.matchAll(MEMBER)].flatMap(([, key, nested, number]): [string, number][] => {
    if (nested === undefined) return [[key, numberOf(number)]];
    return membersOf(`{${nested}}`).map(([below, number]) => [`${key}.${below}`, number]);
  });
}

function numberOf(expression: string): number {
  const [first, ...rest] = expression.replaceAll("_", "").split(/ (\*\*?) /);
  let number = Number(first);
  for (let at = 0; at < rest.length; at += 2) {
    number = rest[at] === "*" ? number * Number(rest[at + 1]) : number ** Number(rest[at + 1]);
  }
  return number;
}

function valueOf(name: string, number: number): string {
  if (/(Ms|_MS)$/.test(name)) return formatDuration(number);
  if (/bytes_?per_?second$/i.test(name)) return `${bytesOf(number)}/s`;
  if (/(Seconds|_SECONDS)$/.test(name)) return formatDuration(number * 1_000);
  return /bytes$/i.test(name) ? bytesOf(number) : number.toLocaleString("en");
}

function bytesOf(number: number): string {
  for (const [unit, bytes] of [["MiB", 1_048_576], ["KiB", 1_024]] as const) {
    if (number >= bytes && number % bytes === 0) return `${number / bytes} ${unit}`;
  }
  return `${number.toLocaleString("en")} B`;
}

/** The text of a comment, on one line and without tags and units: the value has its unit. */
function sentenceOf(doc: string): string {
  return doc.split(/\s@\w/)[0].replaceAll(/\s*\n\s*\* ?/g, " ").replace(/^\s*\* ?/, "").trim()
    .replaceAll(/\{@linkcode (?:import\("[^"]*"\)\.)?([^}]*)\}/g, "`$1`")
    .replaceAll(/, in (?:milliseconds|seconds|bytes)\b,?(?! of)/g, "");
}
