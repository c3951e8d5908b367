/**
 * Configuration files: YAML with one key an option, by the name of its flag.
 *
 * ```yaml
 * from: http://localhost:9090
 * interval: 1m
 * match: # a list, where a flag is repeatable
 *   - '{__name__="up"}'
 *   - '{__name__="ALERTS"}'
 * label: # a map, where a flag takes NAME=VALUE
 *   region: north
 * ```
 *
 * A program loads this module, and the library for YAML with it, only where there is such a file.
 *
 * @module
 */

import { type Document, isAlias, isMap, isPair, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import { WatchedFile } from "./watched_file.ts";
import { fileUsageError } from "./named_path.ts";
import { CONFIG_OPTIONS, flagOf, type OptionTable, UsageError } from "./options.ts";
import { type Given } from "./read_options.ts";

/** The longest file that is read, in bytes. */
const FILE_LIMIT_BYTES = 1024 * 1024;

/** The flag that names the file. */
const FLAG = flagOf("config.file");

/** What a file gives for each option. */
export type ConfigFile = ReadonlyMap<string, Given>;

/**
 * Reads a file of options of a table.
 *
 * @throws {UsageError} if it cannot be read, is no YAML, or has a key that is no option, with the line. Values stand in no
 *   message, as they may be secret.
 */
export async function readConfigFile(path: string, options: OptionTable): Promise<ConfigFile> {
  let text: string;
  try {
    text = await new WatchedFile(path, { limitBytes: FILE_LIMIT_BYTES }).text();
  } catch (cause) {
    throw fileUsageError(cause, { flag: FLAG, path });
  }
  return parseConfigFile(text, { path, options });
}

/** The same of a text that was read from `path`. */
export function parseConfigFile(
  text: string,
  { path, options }: { readonly path: string; readonly options: OptionTable },
): ConfigFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: "1.2" });
  const placeOf = (offset: number | undefined) => `${path}:${lines.linePos(offset ?? 0).line}`;
  const [fault] = [...document.errors, ...document.warnings];
  if (fault !== undefined) throw bad(placeOf(fault.pos[0]), `Cannot read it as YAML: ${withoutValues(fault.message)}`);
  const { contents } = document;
  if (contents === null || (isScalar(contents) && contents.value === null)) return new Map();
  if (!isMap(contents)) {
    throw bad(placeOf(contents.range?.[0]), "Cannot read it as options: write a line 'NAME: VALUE' for each");
  }
  const given = new Map<string, Given>();
  for (const { key, value } of contents.items) {
    const place = placeOf(isNode(key) ? key.range?.[0] : undefined);
    const name = optionOf(textOf(key), { place, options });
    if (given.has(name)) throw bad(place, `Cannot take ${flagOf(name)} twice: leave one of them out`);
    given.set(name, { ...contentOf(value as Node | null, { name, place, options, document }), place });
  }
  return given;
}

/** The option of a key: the name of its flag, with or without the dashes. */
function optionOf(
  key: string | undefined,
  { place, options }: { place: string; options: OptionTable },
): string {
  if (key === undefined) throw bad(place, "Cannot read a key that is no text: write the name of an option");
  const names = Object.keys(options).filter((name) => !Object.hasOwn(CONFIG_OPTIONS, name));
  const plain = (name: string) => flagOf(name).slice(2);
  const wanted = key.replace(/^--/, "");
  const found = names.find((name) => plain(name) === wanted);
  if (found !== undefined) return found;
  if (Object.keys(CONFIG_OPTIONS).includes(wanted)) {
    throw bad(place, `Cannot use '${wanted}' in a file: it belongs on the command line`);
  }
  const [nearest] = names.map(plain).sort((a, b) => distance(a, wanted) - distance(b, wanted));
  throw bad(place, `There is no option '${wanted}': did you mean '${nearest}'?`);
}

function contentOf(
  node: Node | null,
  { name, place, options, document }: { name: string; place: string; options: OptionTable; document: Document },
): Pick<Given, "texts" | "map"> {
  const { kind } = options[name];
  const resolved = isAlias(node) ? node.resolve(document) : node;
  const isMany = kind.repeats === true;
  if (isMap(resolved) && kind.readMap !== undefined) {
    const map = new Map<string, string>();
    for (const { key, value } of resolved.items) {
      const [from, to] = [textOf(key), textOf(value)];
      if (from === undefined || from === "" || to === undefined) {
        throw bad(place, `Cannot use '${flagOf(name).slice(2)}': write a map of texts`);
      }
      map.set(from, to);
    }
    return { texts: [], map };
  }
  if (isSeq(resolved) && isMany) {
    const texts = resolved.items.map(textOf);
    if (texts.every((text) => text !== undefined)) return { texts: texts.length === 0 ? [""] : texts };
  }
  const text = textOf(resolved);
  if (text !== undefined) return { texts: [text] };
  const natural = kind.readMap === undefined ? isMany ? "a text, or a list of texts" : "one value" : "a map of texts";
  throw bad(place, `Cannot use '${flagOf(name).slice(2)}': write ${natural}`);
}

/** A scalar as it is written, so that numbers keep their digits; nothing is an empty text. */
function textOf(node: unknown): string | undefined {
  if (node === null) return "";
  if (!isScalar(node)) return undefined;
  if (typeof node.value === "string") return node.value;
  return node.value === null ? "" : node.source ?? String(node.value);
}

function isNode(value: unknown): value is Node {
  return isScalar(value) || isMap(value) || isSeq(value) || isAlias(value) || isPair(value);
}

/** What the library says quotes pieces of the file behind a colon, or in backquotes. */
function withoutValues(message: string): string {
  return message.replace(/: .*$/s, "").replace(/; please use .*$/, "");
}

function bad(place: string, what: string): UsageError {
  return new UsageError(`Bad ${FLAG} ${place}: ${what}`);
}

/** How many letters must be put in, taken out or changed: the distance of Levenshtein. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(next[j - 1] + 1, row[j] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length];
}
