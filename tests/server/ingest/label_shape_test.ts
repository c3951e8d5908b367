import assert from "node:assert/strict";
import { LimitError } from "../../../common/exposition/metric_family.ts";
import { type LabelRules, type LabelShape, LabelShapes } from "../../../server/ingest/label_shape.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const RULES: LabelRules = { set: new Map(), elide: new Set(), always: new Set(), maxLabelBytes: 255 };

/** The shape of these names, on bytes as a push has them. */
function shapeOf(shapes: LabelShapes, names: readonly string[]): LabelShape {
  const bytes = new TextEncoder().encode(names.join(""));
  const spans = new Int32Array(4 * names.length);
  names.reduce((at, name, i) => {
    const end = at + new TextEncoder().encode(name).length;
    spans.set([at, end, end, end], 4 * i);
    return end;
  }, 0);
  return shapes.of(new DataView(bytes.buffer), spans, names.length);
}

/** The heads of the output, with the index of the label whose value follows. */
function headsOf({ segments }: LabelShape): string[] {
  return segments.map(({ head: { words, length }, source }) => {
    const text = new TextDecoder().decode(new Uint8Array(words.buffer, 0, length));
    return source < 0 ? text : `${text}${source}`;
  });
}

Deno.test("LabelShapes.of() sorts the labels, and has its own say on those set, elided and always shown", () => {
  const shapes = new LabelShapes({
    set: new Map([["region", 'a"b'], ["zone", "z"]]),
    elide: new Set(["secret", "zone"]),
    always: new Set(["job", "instance"]),
    maxLabelBytes: 255,
  }, ["_id"]);
  const shape = shapeOf(shapes, ["z", "secret", "job", "_id", "region"]);
  assert.deepEqual(headsOf(shape), ['_id="3', 'instance="",', 'job="2', 'region="a\\"b",', 'z="0', ""]);
  assert.deepEqual([...shape.elided].sort(), [1, 4]);
  assert.deepEqual([...shape.identity], [3]);
  assert.equal(shape.fault, undefined);
});

Deno.test("LabelShapes.of() tells shapes apart whose hashes collide", () => {
  // Two names each with the same effect on the hash, so that all 32 choices have the same one.
  const pairs = [["a52vu", "aguea"], ["bocqx", "b12we4"], ["c33zx", "cepad"], ["d126wu", "d1dwfa"], ["e1ya8", "eyki6"]];
  const shapes = new LabelShapes(RULES, ["_id"]);
  const choices = Array.from({ length: 32 }, (_, i) => ["_id", ...pairs.map((pair, k) => pair[i >> k & 1])]);
  for (const names of [...choices, ...choices]) {
    assert.deepEqual(headsOf(shapeOf(shapes, names)), names.map((name, i) => `${name}="${i}`));
  }
});

Deno.test("LabelShapes.of() keeps to a bound on names that one push may bring anew, and forgets it with the next", () => {
  const shapes = new LabelShapes(RULES, ["_id"]);
  const fresh = (from: number) => {
    for (let i = from;; i++) {
      try {
        shapeOf(shapes, ["_id", ...Array.from({ length: 14 }, (_, j) => `l${j}_${i}`)]);
      } catch (error) {
        assert(error instanceof LimitError, String(error));
        assert.match(error.message, /more than 32768 names/);
        return i - from;
      }
    }
  };
  assert.equal(fresh(0), 2_048);
  assert.equal(fresh(100_000), 0);
  shapes.open();
  for (let i = 0; i < 2_048; i++) shapeOf(shapes, ["_id", ...Array.from({ length: 14 }, (_, j) => `l${j}_${i}`)]);
  assert.equal(fresh(200_000), 2_048, "names that are known count");
  // By now more were seen than are kept.
  shapes.open();
  assert.deepEqual(headsOf(shapeOf(shapes, ["b", "_id", "a"])), ['_id="1', 'a="2', 'b="0']);
});
