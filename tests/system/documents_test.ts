/** Every document is true where a program can tell: links, anchors, tasks, flags and paths. New documents are picked up by themselves. */

import assert from "node:assert/strict";
import { dirname, join } from "node:path/posix";
import { allFlags, flagsOf, type ProgramCall, programCallIn, TASKS } from "../support/documented_programs.ts";
import { type Markdown, parseMarkdown, shellCommands } from "../support/markdown.ts";

const ROOT = new URL("../../", import.meta.url);
/** Folders that are made here and belong to nobody's clone. */
const MADE = new Set([".git", "node_modules", "data", "bin", "coverage", "certs", "fuzz-corpus"]);
const ROOMS = /^(?:\.ci|client|common|deploy|docs|ring|scripts|server|tests)\/[\w./-]*$/;
const ROOT_FILE = /^(?:[A-Z_]+\.md|deno\.(?:json|lock))$/;
/** Names flags and metrics of another program, to compare with. */
const COMPARES = /^docs\/migration\.md$/;
const README_LINES = 150;

interface Document extends Markdown {
  readonly path: string;
  readonly text: string;
}

async function* filesIn(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, ROOT))) {
    if (isDirectory && !MADE.has(name)) yield* filesIn(`${folder}${name}/`);
    if (!isDirectory) yield `${folder}${name}`;
  }
}

const files = (await Array.fromAsync(filesIn("./"))).map((path) => path.slice("./".length)).sort();
const folders = new Set(files.map(dirname).flatMap((folder) => [folder, dirname(folder), dirname(dirname(folder))]));
const names = new Set(files.map((path) => path.slice(path.lastIndexOf("/") + 1)));
const documents: readonly Document[] = await Promise.all(
  files.filter((path) => path.endsWith(".md")).map(async (path) => {
    const text = await Deno.readTextFile(new URL(path, ROOT));
    return { path, text, ...parseMarkdown(text) };
  }),
);
const documentAt = new Map(documents.map((document) => [document.path, document]));

function isThere(path: string): boolean {
  const plain = path.replace(/\/$/, "");
  return plain === "" || plain === "." || files.includes(plain) || folders.has(plain);
}

function faultOfLink(link: string, { path, anchors }: Document): string | undefined {
  if (/^[a-z][a-z+.-]*:/i.test(link)) return undefined;
  const [target, anchor] = link.split("#");
  const to = target === "" ? path : join(dirname(path), decodeURI(target));
  if (!isThere(to)) return `${path} links to ${link}: there is no ${to}`;
  const known = target === "" ? anchors : documentAt.get(to)?.anchors;
  if (anchor === undefined || (known === undefined ? /^L\d+$/.test(anchor) : known.has(anchor))) return undefined;
  return `${path} links to ${link}: there is no such heading`;
}

/** The calls of our programs in a document's blocks and code spans. */
function callsIn({ fences, spans }: Document): ProgramCall[] {
  const commands = [...fences.map(({ text }) => text), ...spans].flatMap(shellCommands);
  return commands.map(programCallIn).filter((call) => call !== undefined);
}

async function faultsOfCall({ name, module, args }: ProgramCall, { path }: Document): Promise<string[]> {
  const given = args.slice(0, args.includes("--") ? args.indexOf("--") : undefined)
    .map((word) => /^(--[a-z][a-z\d-]*|-[a-zA-Z]$)/.exec(word)?.[0]).filter((flag) => flag !== undefined);
  if (given.length === 0 || module === undefined) return [];
  const known = await flagsOf(module);
  return given.filter((flag) => !known.has(flag)).map((flag) => `${path} shows ${name} with ${flag}, which it has not`);
}

Deno.test("the documents link to files and headings that there are", () => {
  assert.ok(documents.length >= 6, `${documents.length} documents are read`);
  const faults = documents.flatMap((document) => document.links.map((link) => faultOfLink(link, document)));
  assert.deepEqual(faults.filter((fault) => fault !== undefined), []);
});

Deno.test("the documents name only tasks that there are", () => {
  const named = documents.flatMap(({ path, text }) => {
    const tasks = text.matchAll(/deno(?:@[\d.]+)? task (?:-\S+ )*([a-z][a-z-]*)/g);
    return [...tasks].map(([, task]) => ({ path, task }));
  });
  for (const task of ["demo", "test"]) {
    assert.ok(named.some((name) => name.path === "README.md" && name.task === task), `the README lacks ${task}`);
  }
  const faults = named.filter(({ task }) => !Object.hasOwn(TASKS, task));
  assert.deepEqual(faults, []);
});

Deno.test("the documents show each program with flags that it has", async () => {
  const calls = documents.flatMap((document) => callsIn(document).map((call) => ({ call, document })));
  assert.ok(calls.length > 10, `${calls.length} commands are read`);
  const faults = await Promise.all(calls.map(({ call, document }) => faultsOfCall(call, document)));
  assert.deepEqual(faults.flat(), []);
});

Deno.test("the documents run only files that there are", () => {
  const run = documents.flatMap((document) => callsIn(document).map(({ module }) => ({ module, document })));
  const faults = run.filter(({ module }) => module !== undefined && !isThere(module));
  assert.deepEqual(faults.map(({ module, document: { path } }) => `${path} runs ${module}`), []);
});

Deno.test("the documents name flags of our programs, or of the tasks that start them", async () => {
  const known = await allFlags();
  const ofTasks = new Set(JSON.stringify(TASKS).match(/--[a-z][a-z-]*/g));
  const faults = documents
    .filter(({ path }) => !COMPARES.test(path))
    .flatMap(({ path, spans }) => {
      const named = spans.map((span) => /^--[a-z][a-z\d-]*(?=$|[ =])/.exec(span)?.[0]).filter((flag) =>
        flag !== undefined
      );
      return named.filter((flag) => !known.has(flag) && !ofTasks.has(flag)).map((flag) => `${path} names ${flag}`);
    });
  assert.deepEqual(faults, []);
});

Deno.test("the documents name paths that there are", () => {
  const faults = documents.flatMap(({ path, spans }) =>
    spans.filter((span) => {
      if (ROOMS.test(span) || ROOT_FILE.test(span)) return !isThere(span);
      return /^\w+\.ts$/.test(span) && !names.has(span);
    }).map((span) => `${path} names ${span}`)
  );
  assert.deepEqual(faults, []);
});

Deno.test("the documents name metrics that there are", async () => {
  const product = files.filter((path) => /^(client|common|ring|server)\/.*\.ts$/.test(path));
  const code = (await Promise.all(product.map((path) => Deno.readTextFile(new URL(path, ROOT))))).join("\n");
  const isKnown = (metric: string) =>
    code.includes(`"${metric}"`) || code.includes(`"${metric.replace(/_(bucket|count|sum)$/, "")}"`);
  const faults = documents.filter(({ path }) => !COMPARES.test(path)).flatMap(({ path, spans, fences }) => {
    const named = [...spans, ...fences.map(({ text }) => text)].flatMap((text) =>
      text.match(/\b(?:telemeter|federate|metricsclient)_[a-z_]*[a-z]\b(?![*_])/g) ?? []
    );
    return named.filter((metric) => !isKnown(metric)).map((metric) => `${path} names ${metric}`);
  });
  assert.deepEqual(faults, []);
});

Deno.test("the code cites documents that there are, by their path", async () => {
  // These read documents and make some up.
  const sources = files.filter((path) => path.endsWith(".ts") && !/(documents|readme|markdown)[^/]*\.ts$/.test(path));
  const faults = await Promise.all(sources.map(async (path) => {
    const cited = (await Deno.readTextFile(new URL(path, ROOT))).matchAll(/[\w./-]*\b[\w-]+\.md\b/g);
    return [...cited].filter(([document]) =>
      !documentAt.has(document) && !documentAt.has(join(dirname(path), document))
    ).map(([document]) => `${path} cites ${document}`);
  }));
  assert.deepEqual(faults.flat(), []);
});

Deno.test(`the README is ${README_LINES} lines at most, and links to every document`, () => {
  const readme = documentAt.get("README.md")!;
  const lines = readme.text.trimEnd().split("\n").length;
  assert.ok(lines <= README_LINES, `it has ${lines} lines`);
  const linked = new Set(readme.links.map((link) => link.split("#")[0]));
  const expected = [...documents.map(({ path }) => path).filter((path) => /^(docs\/)?\w+\.md$/.test(path)), "LICENSE"];
  assert.deepEqual(expected.filter((path) => path !== "README.md" && !linked.has(path)), []);
});
