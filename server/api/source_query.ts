/**
 * Which sources are asked for, in what order: the parameters of `/api/v1/sources`, which the page has as well.
 *
 * @module
 */

import { HttpError } from "../../common/http/http.ts";
import { SOURCE_STATES, SOURCE_WAYS, type SourceState, type WayName } from "../directory/source_state.ts";
import type { SourceReport } from "./source_report.ts";

/** By what sources can be sorted. */
export const SOURCE_ORDERS = ["worst", "id", "age", "series", "refusals"] as const;

/** One of {@linkcode SOURCE_ORDERS}. */
export type SourceOrder = (typeof SOURCE_ORDERS)[number];

/** Which sources are asked for. */
export interface SourceQuery {
  /** Those that fare so; all if empty. */
  readonly states: readonly SourceState[];
  /** Only those near a limit. */
  readonly near: boolean;
  /** Only those that send by this way; all if undefined. */
  readonly way?: WayName;
  /** Only those whose id has this in it, in lower case. */
  readonly search: string;
  /** By what they are sorted. */
  readonly sort: SourceOrder;
  /** How many are left out at the start. */
  readonly offset: number;
  /** How many follow at most. */
  readonly limit: number;
}

/** An answer to a query. */
export interface SourceList {
  /** Those asked for. */
  readonly sources: readonly SourceReport[];
  /** How many match, on all pages. */
  readonly matching: number;
  /** How many there are, by how they fare. */
  readonly states: Readonly<Record<SourceState, number>>;
  /** How many there are near a limit. */
  readonly near: number;
  /** How many send by each way; some by both. */
  readonly ways: Readonly<Record<WayName, number>>;
}

/** The most sources of one answer. */
export const MAX_LISTED = 10_000;

/**
 * Reads a query from the parameters of a request: `state` (several by commas), `near`, `way`, `search`, `sort`, `offset`, `limit`.
 *
 * @throws {HttpError} 400 for a value that makes no sense.
 */
export function readSourceQuery(parameters: URLSearchParams): SourceQuery {
  const way = parameters.get("way") ?? "";
  const states = (parameters.get("state") ?? "").split(",").filter((name) => name !== "");
  return {
    states: states.map((state) => oneOf(SOURCE_STATES, { name: "state", value: state })),
    near: ["1", "true"].includes(parameters.get("near") ?? ""),
    ...way !== "" && { way: oneOf(SOURCE_WAYS, { name: "way", value: way }) },
    search: (parameters.get("search") ?? "").trim().toLowerCase(),
    sort: oneOf(SOURCE_ORDERS, { name: "sort", value: parameters.get("sort") || "worst" }),
    offset: numberOf(parameters, { name: "offset", most: Number.MAX_SAFE_INTEGER, absent: 0 }),
    limit: numberOf(parameters, { name: "limit", most: MAX_LISTED, absent: 100 }),
  };
}

function oneOf<T extends string>(known: readonly T[], { name, value }: { name: string; value: string }): T {
  const found = known.find((one) => one === value);
  if (found !== undefined) return found;
  throw new HttpError(400, `Bad ${name}: write one of ${known.join(", ")}`, { reason: "parameter" });
}

function numberOf(
  parameters: URLSearchParams,
  { name, most, absent }: { name: string; most: number; absent: number },
): number {
  const text = parameters.get(name);
  if (text === null || text === "") return absent;
  const number = Number(text);
  if (/^\d{1,15}$/.test(text) && number <= most) return number;
  throw new HttpError(400, `Bad ${name}: write a number from 0 to ${most}`, { reason: "parameter" });
}

/** Answers a query from reports on all sources, of which those of several servers may be put together. */
export function listSources(reports: Iterable<SourceReport>, query: SourceQuery): SourceList {
  const states: Record<SourceState, number> = { refused: 0, silent: 0, up: 0, revoked: 0 };
  const ways: Record<WayName, number> = { push: 0, "remote write": 0 };
  let near = 0;
  const found: SourceReport[] = [];
  for (const report of reports) {
    states[report.state]++;
    for (const { way } of report.ways) ways[way]++;
    if (report.near.length > 0) near++;
    if (matches(report, query)) found.push(report);
  }
  const { offset, limit } = query;
  return {
    sources: found.sort(orderOf(query.sort)).slice(offset, offset + limit),
    matching: found.length,
    states,
    near,
    ways,
  };
}

function matches({ id, state, near, ways }: SourceReport, query: SourceQuery): boolean {
  return (query.states.length === 0 || query.states.includes(state)) && (!query.near || near.length > 0) &&
    (query.way === undefined || ways.some(({ way }) => way === query.way)) && id.toLowerCase().includes(query.search);
}

type Compare = (a: SourceReport, b: SourceReport) => number;

const byId: Compare = (a, b) => a.id < b.id ? -1 : a.id > b.id ? 1 : 0;

const ORDERS: Readonly<Record<SourceOrder, Compare>> = {
  worst: (a, b) => badness(a) - badness(b) || lateness(b) - lateness(a),
  id: byId,
  age: (a, b) => (b.ageSeconds ?? Infinity) - (a.ageSeconds ?? Infinity),
  series: (a, b) => b.series - a.series,
  refusals: (a, b) => b.refusals - a.refusals,
};

function orderOf(sort: SourceOrder): Compare {
  return (a, b) => ORDERS[sort](a, b) || byId(a, b);
}

/** The worst state first, and those near a limit before others of the same state. */
function badness({ state, near }: SourceReport): number {
  return 2 * SOURCE_STATES.indexOf(state) + (near.length > 0 ? 0 : 1);
}

/** How long a source has not pushed, measured by what it usually takes. */
function lateness({ ageSeconds = Infinity, silentAfterSeconds }: SourceReport): number {
  return ageSeconds / silentAfterSeconds;
}
