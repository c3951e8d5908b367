import assert from "node:assert/strict";
import fc from "fast-check";
import { type ClusterEntry, toEntry } from "../../../server/exposition/exposition_index.ts";
import { Renderer } from "../../../server/ingest/renderer.ts";
import { SeriesEnds } from "../../../common/remote_write/ended_series.ts";
import { RENDER_RULES } from "../../support/render_rules.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const NOW_MS = Date.now();

function entryOf(renderer: Renderer, lines: readonly string[]): ClusterEntry {
  const rendered = renderer.render({
    contentType: "text",
    contentEncoding: "identity",
    labels: new Map([["_id", "a"]]),
    body: new TextEncoder().encode(
      lines.map((line) => line.startsWith("#") ? `${line}\n` : `${line} ${NOW_MS}\n`).join(""),
    ),
    receivedAtMs: NOW_MS,
  });
  assert.equal(rendered.leftOut.size, 0);
  return toEntry(rendered, { id: "a", sequence: 0, receivedAtMs: NOW_MS });
}

/** The series of what an entry shows. */
function seriesOf(text: Uint8Array): string[] {
  return new TextDecoder().decode(text).split("\n").slice(0, -1).map((line) => line.slice(0, line.lastIndexOf(" ")));
}

/** What has ended between two entries, as it is found; undefined if that is nothing. */
function endedOf(before: ClusterEntry, after: ClusterEntry): string[] | undefined {
  const ended = new SeriesEnds().between(before, after);
  return ended && [...seriesOf(ended.lines.text), ...seriesOf(ended.nativeLines.text)].sort();
}

/** What has, as it follows from the definition. */
function wantedOf(before: ClusterEntry, after: ClusterEntry): string[] | undefined {
  const there = new Set(seriesOf(after.text));
  const gone = seriesOf(before.text).filter((series) => !there.has(series));
  return gone.length === 0 ? undefined : gone.sort();
}

const series = fc.tuple(
  fc.constantFrom("x", "y", "kubernetes_io"),
  // Names that start alike and are as long, and values that may be swapped.
  fc.uniqueArray(fc.constantFrom("a", "b", "kubernetes_io_arch", "kubernetes_io_name")),
  fc.infiniteStream(fc.constantFrom("1", "2", "12", 'q\\"', "x".repeat(20))),
).map(([name, labels, values]) =>
  `${name}{${['_id="a"', ...labels.map((label) => `${label}="${values.next().value}"`)].join()}}`
);

function histogram(bounds: readonly number[], label: string): string[] {
  return [
    ...[...bounds, Infinity].map((bound, i) =>
      `h_bucket{_id="a",l="${label}",le="${bound === Infinity ? "+Inf" : bound}"} ${i}`
    ),
    `h_sum{_id="a",l="${label}"} 1`,
    `h_count{_id="a",l="${label}"} ${bounds.length}`,
  ];
}

const histograms = fc.uniqueArray(
  fc.record({ label: fc.constantFrom("1", "2"), bounds: fc.uniqueArray(fc.constantFrom(1, 2, 3), { minLength: 1 }) }),
  { selector: ({ label }) => label },
).map((all) =>
  all.length === 0
    ? []
    : ["# TYPE h histogram", ...all.flatMap(({ bounds, label }) => histogram(bounds.toSorted(), label))]
);

const page = fc.tuple(fc.uniqueArray(series, { maxLength: 8 }), histograms, fc.infiniteStream(fc.nat(100)))
  .map(([series, histograms, values]) => {
    // Of one series with its labels in another order, the server makes two.
    const lines = series.map((series) => `${series} ${values.next().value}`).sort();
    return [...lines, ...histograms];
  });

for (const [what, renderers] of [["one renderer", 1], ["two of them, as after a reload", 2]] as const) {
  Deno.test(`SeriesEnds.between() finds what is shown no more, of pushes rendered by ${what}`, () => {
    const first = new Renderer(RENDER_RULES), second = renderers === 1 ? first : new Renderer(RENDER_RULES);
    fc.assert(
      fc.property(page, page, (before, after) => {
        const one = entryOf(first, [...before, 'z{_id="a"} 1']), other = entryOf(second, [...after, 'z{_id="a"} 2']);
        assert.deepEqual(endedOf(one, other), wantedOf(one, other));
      }),
      { numRuns: 500 },
    );
  });
}

Deno.test("SeriesEnds.between() finds nothing where only values, or the order of families and series, are others", () => {
  const renderer = new Renderer(RENDER_RULES);
  const one = entryOf(renderer, ['x{_id="a",a="1"} 1', 'x{_id="a",a="2"} 2', 'y{_id="a"} 3']);
  const other = entryOf(renderer, ['y{_id="a"} 30', 'x{_id="a",a="2"} 20', 'x{_id="a",a="1"} 10']);
  assert.equal(endedOf(one, other), undefined);
});

Deno.test("SeriesEnds.between() tells series apart whose labels alone have other names, or whose values are swapped", () => {
  const renderer = new Renderer(RENDER_RULES);
  for (
    const [before, after] of [
      ['x{_id="a",kubernetes_io_arch="1"}', 'x{_id="a",kubernetes_io_name="1"}'],
      ['x{_id="a",a="1",b="2"}', 'x{_id="a",a="2",b="1"}'],
      ['x{_id="a",a="1"}', 'x{_id="a",a="1",b="1"}'],
    ]
  ) assert.equal(endedOf(entryOf(renderer, [`${before} 1`]), entryOf(renderer, [`${after} 1`]))?.length, 1, after);
});

Deno.test("SeriesEnds.between() finds what ends as the labels that are set on all series become others", () => {
  const rules = (region: string) => ({ ...RENDER_RULES, set: new Map([["region", region]]) });
  const one = entryOf(new Renderer(rules("eu")), ['x{_id="a"} 1']),
    other = entryOf(new Renderer(rules("us")), ['x{_id="a"} 1']);
  assert.deepEqual(endedOf(one, other), wantedOf(one, other));
  assert.equal(endedOf(one, other)?.length, 1);
});
