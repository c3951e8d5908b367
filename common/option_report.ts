/**
 * The options that a program runs with, as text that anybody may read.
 *
 * @module
 */

import { formatDuration } from "./duration.ts";
import { withoutSecretsOfUrls } from "./explain.ts";
import { duration, flagOf, type OptionRow, type OptionTable } from "./options.ts";

/** One option. */
export interface OptionReport {
  /** Its flag, such as `--limit-bytes`. */
  readonly flag: string;
  /** What it is set to; of a secret, only that it is. */
  readonly value: string;
  /** Whether that is what stands without the flag. */
  readonly isDefault: boolean;
}

/** What stands for a secret. */
const SECRET = "(secret)";

/** Reports on the options of a table, in its order; those that are not set and have no default are left out. */
export function reportOptions(table: OptionTable, values: Readonly<Record<string, unknown>>): OptionReport[] {
  return Object.entries(table).flatMap(([name, row]) => {
    const value = textOf(row, values[name]);
    if (value === undefined) return [];
    const usual = row.default === undefined ? textOf(row, row.kind.absent) : textOf(row, row.kind.read([row.default]));
    return [{ flag: flagOf(name), value, isDefault: value === usual }];
  });
}

function textOf({ kind, secret }: OptionRow, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (secret === "value" || kind.hasSecret?.(value, { hasFile: false })) return SECRET;
  return plain(value, kind === duration);
}

function plain(value: unknown, isDuration = false): string {
  if (typeof value === "number") return isDuration ? formatDuration(value) : String(value);
  if (value instanceof URL) return withoutSecretsOfUrls(value.href);
  if (value instanceof Map) return Array.from(value, ([key, of]) => `${key}=${of}`).join(", ");
  if (Array.isArray(value)) return value.map((element) => plain(element)).join(", ");
  if (typeof value === "object" && value !== null) {
    if ("hostname" in value && "port" in value) return `${bracketed(String(value.hostname))}:${value.port}`;
    if ("text" in value) return String(value.text);
    return Object.hasOwn(Object.getPrototypeOf(value), "toString") ? String(value) : JSON.stringify(value);
  }
  return String(value);
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
