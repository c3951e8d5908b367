/** What the server renders on arrival against what `common/exposition/text_format.ts` writes, both read by the strict parser. */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { MetricFamily } from "../../../common/exposition/metric_family.ts";
import { encodeFamilies } from "../../../common/exposition/protobuf.ts";
import { formatText } from "../../../common/exposition/text_format.ts";
import { Ingester } from "../../../common/ingest/ingester.ts";
import { arbitraryFamilies } from "../../support/arbitrary_families.ts";
import { type ExpositionFamily, parseExposition } from "../../support/exposition_parser.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const NOW = 1_700_000_000_000;
const ingester = new Ingester({
  always: new Set(),
  set: new Map(),
  elide: new Set(),
  maxLabelBytes: 100_000,
  maxNameBytes: 255,
  maxTextBytes: 10_000_000,
  maxAgeMs: 3_600_000,
  maxAheadMs: 3_600_000,
  limits: { maxFamilies: 100, maxSeries: 1_000, maxLabels: 20 },
});

/** The families as a server takes them: each sample is recent and says whose it is. */
function pushed(families: readonly MetricFamily[]): MetricFamily[] {
  return families.map(({ help: _, ...family }) => ({
    ...family,
    metrics: family.metrics.map(({ labels, value }, i) => ({
      labels: [...labels.filter(({ name }) => name !== "_id"), { name: "_id", value: `${i}` }],
      value,
      timestampMs: NOW,
    })),
  }));
}

/** The page of one push: its blocks with their types. */
function render(bytes: Uint8Array): Map<string, ExpositionFamily> {
  const { text, blocks } = ingester.ingest(bytes, { identity: new Map(), nowMs: NOW });
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const page = blocks.map(({ name, type, start, end }) =>
    `# TYPE ${name} ${type}\n${decoder.decode(text.subarray(start, end))}`
  );
  return parseExposition(page.join(""));
}

Deno.test("Ingester renders the samples that formatText() writes, and a strict reader takes both", () => {
  fc.assert(fc.property(arbitraryFamilies.filter(({ length }) => length > 0), (families) => {
    const push = pushed(families);
    const expected = parseExposition(formatText(push, { timestamps: false }));
    assert.deepEqual(render(encodeFamilies(push)), expected);
  }));
});
