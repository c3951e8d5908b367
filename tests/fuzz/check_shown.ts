/**
 * What must hold of an accepted input: the page stays readable for the strictest of readers, each line of it says whose it
 * is, and it shows what an independent decoder reads from the input.
 *
 * @module
 */

import { gunzipSync } from "node:zlib";
import { messageOf } from "../../common/explain.ts";
import type { MetricFamily } from "../../common/exposition/metric_family.ts";
import { expectedSeries, familiesOfText, plainRules } from "../support/expected_series.ts";
import { type ExpositionFamily, parseExposition } from "../support/exposition_parser.ts";
import { oracleUnframe } from "../support/framed_snappy_oracle.ts";
import { oracleDecode } from "../support/metric_family_oracle.ts";
import { MEDIA_TYPES, type PushInput } from "./push_input.ts";
import type { Target } from "./target.ts";
import type { Finding, Verdict } from "./verdict.ts";
import { withMergedValues } from "./wire_tree.ts";

/** Looks at the page, and at what the cluster of an accepted input shows on it. */
export async function checkShown(
  input: PushInput,
  target: Target,
): Promise<{ finding?: Finding; oracle?: Verdict["oracle"] }> {
  const finding = checkEntry(input, target);
  if (finding !== undefined) return { finding };
  const page = await target.page();
  let shown: Map<string, ExpositionFamily>;
  try {
    shown = parseExposition(page);
  } catch (error) {
    return { finding: { what: "the page is malformed", detail: messageOf(error) } };
  }
  const differs = await otherFormat(target, shown);
  if (differs !== undefined) return { finding: { what: "the page in protobuf is another one", detail: differs } };
  const { id } = target.clusters[input.cluster];
  const tokens = target.clusters.map(({ labels }) => [...labels]);
  const own = new Map<string, number>();
  for (const [key, sample] of [...shown.values()].flatMap(({ samples }) => [...samples])) {
    // One of the tokens has all of its labels on the line; the parser saw to it that none is there twice.
    if (!tokens.some((token) => token.every(([name, value]) => sample.labels.get(name) === value))) {
      return { finding: { what: "a line says not whose it is", detail: key } };
    }
    if (sample.labels.get("_id") === id) own.set(key, sample.value);
  }
  const families = familiesOf(input);
  if (families === undefined) return { oracle: "refuses" };
  const difference = differenceOf(own, expectedSeries(families, target.rules));
  if (difference === undefined) return { oracle: "agrees" };
  return { finding: { what: "the page shows something else than was sent", detail: difference } };
}

/** Where the page in protobuf differs from the one in text, if it does. */
async function otherFormat(
  target: Target,
  shown: ReadonlyMap<string, ExpositionFamily>,
): Promise<string | undefined> {
  const page = await target.page("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily");
  const text = new Map(
    [...shown.values()].flatMap(({ samples }) => [...samples].map(([key, { value }]) => [key, value])),
  );
  return differenceOf(expectedSeries(oracleDecode(page), plainRules(target.rules)), text);
}

/** Whether the index is in order: lines, blocks and runs that add up. */
function checkEntry({ cluster }: PushInput, target: Target): Finding | undefined {
  const entry = target.entry(cluster);
  const wrong = (detail: string): Finding => ({ what: "the index is out of order", detail });
  if (entry === undefined) return wrong("an accepted push is not shown");
  const { text, blocks, runs, series } = entry;
  let lines = 0;
  for (const byte of text) if (byte === 0x0a) lines++;
  if (lines !== series) return wrong(`${series} series are ${lines} lines`);
  let end = 0, run = 0;
  for (const block of blocks) {
    if (block.start !== end || block.end <= end) return wrong("blocks are not one behind the other");
    if (block.firstRun !== run || block.endRun <= run) return wrong("runs are not one behind the other");
    for (let at = end; run < block.endRun; run++) {
      if (runs[2 * run + 1] <= at) return wrong("the ends of runs do not ascend");
      if (run > block.firstRun && runs[2 * run] < runs[2 * run - 2]) return wrong("the times of runs descend");
      at = runs[2 * run + 1];
    }
    end = block.end;
    if (runs[2 * run - 1] !== end) return wrong("a run does not end with its block");
  }
  return end === text.length && 2 * run === runs.length ? undefined : wrong("there is more than the blocks");
}

/** What independent readers make of an input; undefined if one refuses it, or cannot be asked. */
function familiesOf({ contentType, contentEncoding, body }: PushInput): MetricFamily[] | undefined {
  try {
    const encoding = contentEncoding.trim().toLowerCase();
    const raw = encoding === "snappy" ? oracleUnframe(body) : encoding === "gzip" ? gunzipSync(body) : body;
    if (contentType === MEDIA_TYPES.protobuf) return oracleDecode(withMergedValues(raw));
    return familiesOfText(parseExposition(raw));
  } catch {
    return undefined;
  }
}

function differenceOf(shown: ReadonlyMap<string, number>, expected: ReadonlyMap<string, number>): string | undefined {
  for (const [key, value] of expected) {
    if (!shown.has(key)) return `${key} is missing`;
    if (!Object.is(shown.get(key), value)) return `${key} is ${shown.get(key)} in place of ${value}`;
  }
  for (const key of shown.keys()) if (!expected.has(key)) return `${key} is there`;
  return undefined;
}
