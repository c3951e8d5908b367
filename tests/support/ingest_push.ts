/**
 * Taking one push in with a new ingester, and the fields that such pushes are made of.
 *
 * @module
 */

import type { IngestedPush, IngestRules } from "../../common/ingest/ingested_push.ts";
import { Ingester } from "../../common/ingest/ingester.ts";
import { delimited, double, field, integer, label } from "./wire_bytes.ts";

/** When pushes come, in milliseconds since the epoch. */
export const NOW = 1_700_000_000_000;
/** An hour in milliseconds. */
export const HOUR = 3_600_000;
/** The labels of the token. */
export const IDENTITY = new Map([["_id", "me"]]);

/** What is taken, unless a test says otherwise. */
export const RULES: IngestRules = {
  set: new Map(),
  elide: new Set(),
  always: new Set(),
  maxLabelBytes: 255,
  maxNameBytes: 255,
  maxTextBytes: 1_000_000,
  maxAgeMs: 24 * HOUR,
  maxAheadMs: 10 * 60_000,
  limits: { maxFamilies: 100, maxSeries: 1_000, maxLabels: 8 },
};

/** Takes a push in. */
export function ingest(bytes: Uint8Array, rules: Partial<IngestRules> = {}): IngestedPush {
  return new Ingester({ ...RULES, ...rules }).ingest(bytes, { identity: IDENTITY, nowMs: NOW });
}

/** The lines of a push. */
export function textOf(push: IngestedPush): string {
  return new TextDecoder().decode(push.text);
}

/** The field of the label that the token vouches for. */
export const me = label("_id", "me");
/** The field of a gauge's value, 1. */
export const value = field(2, double(1, 1));
/** The field of a timestamp, now. */
export const time = integer(6, NOW);
/** The field of a family's type. */
export const gauge = integer(3, 1);

/** A gauge family `x` of one sample with these fields. */
export const sample = (...fields: readonly number[][]) => delimited(field(1, "x"), gauge, field(4, fields.flat()));

/** A family of one sample without a fault. */
export const GOOD = delimited(field(1, "good"), gauge, field(4, [...me, ...value, ...time]));
