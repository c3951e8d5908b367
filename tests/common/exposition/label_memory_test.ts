import assert from "node:assert/strict";
import fc from "fast-check";
import { type EncodedLabels, LabelMemory } from "../../../common/exposition/label_memory.ts";
import type { Label, MetricFamily } from "../../../common/exposition/metric_family.ts";
import { decodeFamilies, encodeFamilies } from "../../../common/exposition/protobuf.ts";
import { arbitraryProtobufFamilies } from "../../support/arbitrary_families.ts";
import { realisticFamilies } from "../../support/realistic_push.ts";
import { families } from "../../support/series.ts";

const LIMITS = { maxFamilies: 1e6, maxSeries: 1e6, maxLabels: 1e6 };

const labelsOf = (families: readonly MetricFamily[]): (readonly Label[])[] =>
  families.flatMap(({ metrics }) => metrics.map(({ labels }) => labels));

/** One scrape after the other by one memory. */
function scrapes() {
  const labels = new LabelMemory();
  return (...pages: (readonly MetricFamily[])[]) => {
    labels.turn();
    return pages.map((page) => decodeFamilies(encodeFamilies(page), { ...LIMITS, labels }));
  };
}

Deno.test("LabelMemory hands out the same array for labels that come again, wherever they stand", () => {
  const scrape = scrapes();
  const [first] = scrape(families(['up{a="1"} 1', 'up{a="2"} 2', 'up{b="1"} 3']));
  const [again] = scrape(families(['x{a="2"} 9', 'up{a="3"} 1', 'up{b="1"} 5', 'up{a="1"} 7']));
  const before = labelsOf(first), after = labelsOf(again);
  assert.deepEqual(after.map((labels) => before.indexOf(labels)), [1, -1, 2, 0]);
  assert.deepEqual(again.flatMap(({ metrics }) => metrics.map(({ value }) => value)), [9, 1, 5, 7]);
});

Deno.test("LabelMemory remembers over all pages of a scrape, and forgets what one scrape does not have", () => {
  const scrape = scrapes();
  const one = families(['up{a="1"} 1']), two = families(['up{a="2"} 1']);
  const before = scrape(one, two).map((page) => labelsOf(page)[0]);
  const both = scrape(two, one).map((page) => labelsOf(page)[0]);
  assert.deepEqual(both.map((labels) => before.indexOf(labels)), [1, 0]);
  scrape(one);
  const [third, fourth] = scrape(one, two).map((page) => labelsOf(page)[0]);
  assert.equal(third, before[0]);
  assert.notEqual(fourth, before[1]);
  assert.deepEqual(fourth, before[1]);
});

Deno.test("LabelMemory takes labels for the same only if all their bytes are", () => {
  const scrape = scrapes();
  const text = fc.string({ maxLength: 12, size: "max" });
  const pairs = fc.array(fc.tuple(fc.constantFrom("a", "b", "c"), text), { maxLength: 3 });
  fc.assert(fc.property(fc.array(pairs, { maxLength: 20, size: "max" }), (series) => {
    const page: MetricFamily = {
      name: "up",
      type: "untyped",
      metrics: series.map((pairs) => ({ labels: pairs.map(([name, value]) => ({ name, value })), value: 1 })),
    };
    assert.deepEqual(scrape([page])[0], [page]);
  }));
});

Deno.test("LabelMemory reads labels of 128 bytes and more, and such as stand behind other fields, each time anew", () => {
  const long = "x".repeat(200);
  const page = families([`up{a="1",b="${long}"} 1`]);
  const scrape = scrapes();
  const [first] = scrape(page), [again] = scrape(page);
  assert.deepEqual(again, page);
  assert.notEqual(labelsOf(again)[0], labelsOf(first)[0]);
});

Deno.test("encodeFamilies() with what it remembers of labels writes what it writes without", () => {
  const labels: EncodedLabels = new WeakMap();
  fc.assert(fc.property(arbitraryProtobufFamilies, (families) => {
    const plain = encodeFamilies(families);
    for (let time = 0; time < 2; time++) assert.deepEqual(encodeFamilies(families, { labels }), plain);
  }));
  const scrape = scrapes();
  for (let nowMs = 1_700_000_000_000; nowMs < 1_700_000_003_000; nowMs += 1_000) {
    const page = realisticFamilies({ id: "a", nowMs });
    const [read] = scrape(page);
    assert.deepEqual(encodeFamilies(read, { labels }), encodeFamilies(page));
  }
});
