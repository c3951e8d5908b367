import assert from "node:assert/strict";
import type { MetricType } from "../../../common/exposition/metric_family.ts";
import { Grouping } from "../../../server/exposition/exposition_groups.ts";
import { groupLines } from "../../../server/exposition/page_lines.ts";
import type { ClusterEntry } from "../../../server/exposition/exposition_index.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Groups families given as `[cluster, type, name, lines]` and shows the page that comes of it. */
function page(families: readonly [cluster: string, type: MetricType, name: string, lines: string][]) {
  const grouping = new Grouping();
  for (const [id, type, name, lines] of families) {
    const text = encoder.encode(lines);
    const entry: ClusterEntry = {
      id,
      sequence: 1,
      receivedAtMs: 0,
      text,
      runs: new Uint32Array(),
      baseMs: 0,
      samples: new Uint32Array(),
      natives: new Uint8Array(),
      blocks: [],
      newestMs: 0,
      series: 0,
      bytes: 0,
    };
    const place = { start: 0, end: text.length, firstRun: 0, endRun: 0 };
    grouping.add(entry, { block: { name, type, ...place, quoted: false, natives: [], hidesNatives: false }, start: 0 });
  }
  const { groups, conflicts } = grouping.settle();
  const shown = groups.map((group) => {
    const options = { nativesAsLines: true, allowsUtf8: true, timestamps: false, onCollision: () => {} };
    const lines = Array.from(groupLines(group, options), (slice) => decoder.decode(slice)).join("");
    return `${group.type} ${group.name}: ${lines.trimEnd().split("\n").join(" | ")}`;
  });
  return { shown, conflicts };
}

const HISTOGRAM = 'x_bucket{_id="a",le="+Inf"} 1\nx_sum{_id="a"} 2\nx_count{_id="a"} 3\n';
const SUMMARY = 's{_id="a",quantile="0.5"} 1\ns_sum{_id="a"} 2\ns_count{_id="a"} 3\n';

const TABLE: [what: string, families: [string, MetricType, string, string][], shown: string[], conflicts: number][] = [
  [
    "one group a name over all clusters, by name",
    [["a", "gauge", "y", "y 1\n"], ["a", "counter", "x", "x 1\n"], ["b", "gauge", "y", "y 2\n"]],
    ["counter x: x 1", "gauge y: y 1 | y 2"],
    0,
  ],
  ["a histogram whole where nothing is in its way", [["a", "histogram", "x", HISTOGRAM]], [
    'histogram x: x_bucket{_id="a",le="+Inf"} 1 | x_sum{_id="a"} 2 | x_count{_id="a"} 3',
  ], 0],
  [
    "the majority's type among simple ones",
    [["a", "gauge", "x", "x 1\n"], ["b", "untyped", "x", "x 2\n"], ["c", "untyped", "x", "x 3\n"]],
    ["untyped x: x 1 | x 2 | x 3"],
    1,
  ],
  [
    "a histogram beside a gauge of its name line name by line name",
    [["a", "histogram", "x", HISTOGRAM], ["b", "gauge", "x", "x 9\n"]],
    [
      "untyped x: x 9",
      'untyped x_bucket: x_bucket{_id="a",le="+Inf"} 1',
      'untyped x_count: x_count{_id="a"} 3',
      'untyped x_sum: x_sum{_id="a"} 2',
    ],
    1,
  ],
  [
    "a histogram beside a gauge of its count's name",
    [["a", "histogram", "x", HISTOGRAM], ["b", "gauge", "x_count", "x_count 9\n"]],
    [
      'untyped x_bucket: x_bucket{_id="a",le="+Inf"} 1',
      'untyped x_count: x_count{_id="a"} 3 | x_count 9',
      'untyped x_sum: x_sum{_id="a"} 2',
    ],
    1,
  ],
  [
    "a histogram beside a summary of its name",
    [["b", "histogram", "s", "s_bucket 1\ns_sum 1\ns_count 1\n"], ["a", "summary", "s", SUMMARY]],
    [
      'untyped s: s{_id="a",quantile="0.5"} 1',
      "untyped s_bucket: s_bucket 1",
      'untyped s_count: s_count 1 | s_count{_id="a"} 3',
      'untyped s_sum: s_sum 1 | s_sum{_id="a"} 2',
    ],
    3,
  ],
];

for (const [what, families, shown, conflicts] of TABLE) {
  Deno.test(`Grouping shows ${what}`, () => assert.deepEqual(page(families), { shown, conflicts }));
}
