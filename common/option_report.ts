/**
 * The options that a program runs with, as text that anybody may read.
 *
 * @module
 */

import type { OptionOrigin } from "./configuration.ts";
import { formatDuration } from "./duration.ts";
import { withoutSecretsOfUrls } from "./explain.ts";
import { duration } from "./option_kinds.ts";
import { flagOf, type OptionRow, type OptionTable } from "./options.ts";

/** One option. */
export interface OptionReport {
  /** Its flag, such as `--limit-bytes`. */
  readonly flag: string;
  /** What it is set to; of a secret, only that it is. Absent where it is not set and has no default. */
  readonly value?: string;
  /** Where that is said. */
  readonly from: OptionOrigin;
}

/** What a program runs with. */
export interface UsedOptions {
  /** By the names of the options. */
  readonly values: Readonly<Record<string, unknown>>;
  /** Where the value of an option is said. */
  readonly originOf: (name: string) => OptionOrigin;
}

/** What stands for a secret. */
const SECRET = "(secret)";

/** Reports on all options of a table, in its order. */
export function reportOptions(table: OptionTable, { values, originOf }: UsedOptions): OptionReport[] {
  return Object.entries(table).map(([name, row]) => {
    const value = textOf(row, values[name]);
    return { flag: flagOf(name), ...value !== undefined && { value }, from: originOf(name) };
  });
}

function textOf({ kind, secret }: OptionRow, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (secret === "value" || kind.hasSecret?.(value, { hasFile: false })) return SECRET;
  return plain(value, kind.placeholder === duration.placeholder);
}

function plain(value: unknown, isDuration = false): string {
  if (typeof value === "number") return isDuration ? formatDuration(value) : String(value);
  if (value instanceof URL) return placeOf(value);
  if (value instanceof Map) return Array.from(value, ([key, of]) => `${key}=${of}`).join(", ");
  if (Array.isArray(value)) return value.map((element) => plain(element)).join(", ");
  if (typeof value === "object" && value !== null) {
    if ("hostname" in value && "port" in value) return `${bracketed(String(value.hostname))}:${value.port}`;
    if ("text" in value) return String(value.text);
    return Object.hasOwn(Object.getPrototypeOf(value), "toString") ? String(value) : JSON.stringify(value);
  }
  return String(value);
}

/** A URL without what may be secret in it: its user, its password and its query. */
function placeOf({ origin, pathname, href }: URL): string {
  return origin === "null" ? withoutSecretsOfUrls(href) : origin + (pathname === "/" ? "" : pathname);
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
