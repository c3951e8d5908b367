/**
 * What the codecs cost over a push of 521 series, and over as many native histograms: `deno task bench`.
 *
 * @module
 */

import { escapeFamilies } from "../../common/exposition/escape_families.ts";
import type { MetricFamily } from "../../common/exposition/metric_family.ts";
import { decodeFamilies, encodeFamilies } from "../../common/exposition/protobuf.ts";
import { formatText, parseText } from "../../common/exposition/text_format.ts";
import { realisticFamilies } from "../support/realistic_push.ts";

const LIMITS = { maxFamilies: 1_000, maxSeries: 25_000, maxLabels: 64 };
const onFault = () => {};

const families = realisticFamilies({ id: "cluster-1", nowMs: Date.now() });
const protobuf = encodeFamilies(families);
const text = formatText(families);

const CLASSIC = `521 series: ${protobuf.length} bytes of protobuf, ${text.length} of text`;
Deno.bench("decodeFamilies()", { group: CLASSIC, baseline: true }, () => void decodeFamilies(protobuf, LIMITS));
Deno.bench("encodeFamilies()", { group: CLASSIC }, () => void encodeFamilies(families));
Deno.bench("parseText()", { group: CLASSIC }, () => void parseText(text, LIMITS));
Deno.bench("parseText() that hears of faults", { group: CLASSIC }, () => void parseText(text, { ...LIMITS, onFault }));
Deno.bench("formatText()", { group: CLASSIC }, () => void formatText(families));
Deno.bench("escapeFamilies()", { group: CLASSIC }, () => void escapeFamilies(families, onFault));

/** The same series, each a native histogram of 40 buckets, as a Prometheus federates it. */
const histograms = families.map((family): MetricFamily => ({
  ...family,
  type: "histogram",
  metrics: family.metrics.map((metric, i) => ({
    ...metric,
    value: {
      count: 40 * i,
      sum: i / 7,
      buckets: [],
      isFloat: true,
      native: {
        schema: 3,
        zeroThreshold: 2 ** -128,
        zeroCount: 0,
        positive: { spans: [{ offset: -20, length: 25 }, { offset: 2, length: 15 }], counts: Array(40).fill(i) },
        negative: { spans: [], counts: [] },
      },
    },
  })),
}));
const native = encodeFamilies(histograms);

const NATIVE = `521 native histograms: ${native.length} bytes of protobuf`;
Deno.bench("decodeFamilies() ", { group: NATIVE, baseline: true }, () => void decodeFamilies(native, LIMITS));
Deno.bench("encodeFamilies() ", { group: NATIVE }, () => void encodeFamilies(histograms));
Deno.bench("formatText() ", { group: NATIVE }, () => void formatText(histograms));
