/**
 * What must hold of an accepted input: the page stays readable for the strictest of readers, each line of it says whose it
 * is, and it shows what an independent reader makes of the input by the rules in words, in every form of the page.
 *
 * @module
 */

import { gunzipSync } from "node:zlib";
import { messageOf, stackOf } from "../../common/explain.ts";
import type { MetricFamily } from "../../common/exposition/metric_family.ts";
import { type ExpectedSeries, expectedSeries, familiesOfText, plainRules } from "../support/expected_series.ts";
import { type ExpositionFeatures, type ExpositionSample, parseExposition } from "../support/exposition_parser.ts";
import { oracleUnframe } from "../support/framed_snappy_oracle.ts";
import { type KeptSamples, keptSamples } from "../support/kept_samples.ts";
import { oracleDecode } from "../support/metric_family_oracle.ts";
import { checkEntry } from "./check_entry.ts";
import { checkEscaped } from "./check_escaped.ts";
import { checkLosses } from "./check_losses.ts";
import { differenceOf } from "./difference.ts";
import { MEDIA_TYPES, type PushInput } from "./push_input.ts";
import type { PushTarget } from "./push_target.ts";
import type { Finding } from "./verdict.ts";
import { withMergedValues } from "./wire_tree.ts";

/** What a text of today may hold. */
const FEATURES: ExpositionFeatures = { quotedNames: true, floatCounts: true };

/** Whose names may be any UTF-8. */
const TEXT = "text/plain; version=1.0.0; escaping=allow-utf-8";
const PROTOBUF =
  "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;escaping=allow-utf-8";

/** What came of looking. */
export interface Look {
  /** What must not be, if anything. */
  readonly finding?: Finding;
  /** What an independent reader made of the input, if it was asked. */
  readonly oracle?: "agrees" | "refuses";
}

/** Looks at the page, and at what the cluster of an accepted input shows on it. */
export async function checkShown(input: PushInput, target: PushTarget): Promise<Look> {
  const found = (what: string, detail: string): Look => ({ finding: { what, detail } });
  const disorder = checkEntry(target.entry(input.cluster));
  if (disorder !== undefined) return found("the index is out of order", disorder);
  let samples: readonly (readonly [key: string, sample: ExpositionSample])[];
  try {
    samples = samplesOf(await target.page(TEXT));
  } catch (error) {
    return found("the page is malformed", messageOf(error));
  }
  const tokens = target.clusters.map(({ labels }) => [...labels]);
  // One of the tokens has all of its labels on the line; the parser saw to it that none is there twice.
  const stray = samples.find(([, { labels }]) =>
    !tokens.some((token) => token.every(([name, value]) => labels.get(name) === value))
  );
  if (stray !== undefined) return found("a line says not whose it is", stray[0]);
  const { id } = target.clusters[input.cluster];
  const text = new Map(samples.map(([key, { value }]) => [key, value]));
  const own = new Map(
    samples.filter(([, { labels }]) => labels.get("_id") === id).map(([key, { value }]) => [key, value]),
  );
  let protobuf: ExpectedSeries;
  try {
    protobuf = readProtobuf(target, await target.page(PROTOBUF));
    const differs = checkForms(text, protobuf) ?? await checkPicked(target, { text, protobuf });
    if (differs !== undefined) return found("a form of the page is another one", differs);
  } catch (error) {
    return found("a form of the page cannot be made", stackOf(error));
  }
  const unreadable = await checkEscaped(samples, target);
  if (unreadable !== undefined) return found("the page with underscores is another one", unreadable);

  const families = familiesOf(input);
  if (families === undefined) return { oracle: "refuses" };
  const kept = keptSamples(families, target.keepRules(input.cluster));
  if (kept.identity === "wrong") return found("a push that speaks for others is accepted", "");
  const expected = expectedSeries(kept.families, target.rules);
  const miscount = checkLosses(target.rendered!, { kept, expected });
  if (miscount !== undefined) return found("what was left out is something else than had to be", miscount);
  const difference = differenceOf(own, linesOfText(expected, kept)) ??
    differenceOf(ownNatives(protobuf, id), new Map(valuesOf(expected)));
  if (difference === undefined) return { oracle: "agrees" };
  return found("the page shows something else than was sent", difference);
}

/** Whether a push that was refused for whom it speaks spoke for another: undefined where nobody can tell. */
export function checkRefusal(input: PushInput, target: PushTarget): Finding | undefined {
  const families = familiesOf(input);
  if (families === undefined) return undefined;
  const { identity } = keptSamples(families, target.keepRules(input.cluster));
  return identity === "right" ? { what: "a push of a cluster's own is refused", detail: "" } : undefined;
}

function samplesOf(page: Uint8Array): [key: string, sample: ExpositionSample][] {
  return [...parseExposition(page, FEATURES).values()].flatMap(({ samples }) => [...samples]);
}

/** A page in protobuf, as an independent decoder reads it. */
function readProtobuf(target: PushTarget, page: Uint8Array): ExpectedSeries {
  return expectedSeries(oracleDecode(page), plainRules(target.rules));
}

/** What a selector picks that looks at a label which all series have is the whole page. */
async function checkPicked(
  target: PushTarget,
  { text, protobuf }: { text: ReadonlyMap<string, number>; protobuf: ExpectedSeries },
): Promise<string | undefined> {
  const picked = readProtobuf(target, await target.page(PROTOBUF, '{_id!=""}'));
  const samples = samplesOf(await target.page(TEXT, '{_id!=""}'));
  return differenceOf(new Map(samples.map(([key, { value }]) => [key, value])), text) ??
    differenceOf(picked.lines, protobuf.lines) ??
    differenceOf(new Map(valuesOf(picked)), new Map(valuesOf(protobuf)));
}

/** Text has what protobuf has, but for native histograms, of which it has lines or nothing. */
function checkForms(text: ReadonlyMap<string, number>, { lines, natives }: ExpectedSeries): string | undefined {
  const ofNatives = new Map(natives.values().flatMap(({ lines }) => lines));
  const wanted = new Map(lines);
  for (const key of text.keys()) {
    if (!wanted.has(key) && ofNatives.has(key)) wanted.set(key, ofNatives.get(key)!);
  }
  return differenceOf(text, wanted);
}

/** The lines of a push in text. */
function linesOfText({ lines, natives }: ExpectedSeries, { hidesLines }: KeptSamples): Map<string, number> {
  const all = new Map(lines);
  for (const { family, lines } of natives.values()) {
    if (!hidesLines(family)) { for (const [key, value] of lines) all.set(key, value); }
  }
  return all;
}

function* valuesOf({ natives }: ExpectedSeries): Generator<[key: string, value: string]> {
  for (const [key, { value }] of natives) yield [key, JSON.stringify(value)];
}

function ownNatives(page: ExpectedSeries, id: string): Map<string, string> {
  return new Map(valuesOf(page).filter(([key]) => page.natives.get(key)!.labels.get("_id") === id));
}

/** What independent readers make of an input; undefined if one refuses it, or cannot be asked. */
function familiesOf({ contentType, contentEncoding, body }: PushInput): MetricFamily[] | undefined {
  try {
    const encoding = contentEncoding.trim().toLowerCase();
    const raw = encoding === "snappy" ? oracleUnframe(body) : encoding === "gzip" ? gunzipSync(body) : body;
    if (contentType === MEDIA_TYPES.protobuf) return oracleDecode(withMergedValues(raw));
    return familiesOfText(parseExposition(raw, { ...FEATURES, emptyLabels: true }));
  } catch {
    return undefined;
  }
}
