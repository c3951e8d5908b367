import assert from "node:assert/strict";
import { encodeFamilies } from "../../../common/exposition/protobuf.ts";
import { frameSnappy } from "../../../common/exposition/snappy.ts";
import { atOnce, type Steps } from "../../../common/steps.ts";
import { type RawPush, type RenderedPush, Renderer, type RenderRules } from "../../../server/ingest/renderer.ts";
import { bombs } from "../../support/bombs.ts";
import { realisticFamilies } from "../../support/realistic_push.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const NOW = Date.now();
/** The defaults of a server. */
const RULES: RenderRules = {
  set: new Map(),
  elide: new Set(),
  always: new Set(),
  limits: { maxFamilies: 5_000, maxSeries: 50_000, maxLabels: 64 },
  maxNameBytes: 255,
  maxLabelBytes: 255,
  maxTextBytes: 33_554_432,
  maxAgeMs: 86_400_000,
  maxAheadMs: 600_000,
  limitBytes: 8_388_608,
  limitTextBytes: 2_097_152,
};

function usual(id = "usual"): RawPush {
  const body = frameSnappy(encodeFamilies(realisticFamilies({ id, nowMs: NOW })));
  return {
    contentType: "protobuf",
    contentEncoding: "snappy",
    labels: new Map([["_id", id]]),
    body,
    receivedAtMs: NOW,
  };
}

function bomb(what: string, id = "b"): RawPush {
  const { headers, body } = bombs(NOW).find((one) => one.what === what)!;
  return {
    contentType: headers["content-type"] === "text/plain" ? "text" : "protobuf",
    contentEncoding: headers["content-encoding"] === "gzip" ? "gzip" : "snappy",
    labels: new Map([["_id", id]]),
    body: body(id),
    receivedAtMs: NOW,
  };
}

function text(push: RenderedPush): string {
  return new TextDecoder().decode(new Uint8Array(push.buffer, 0, push.textBytes));
}

/** Does all steps, and something after each; tells how many there were. */
function between(steps: Steps<RenderedPush>, other: (step: number) => void = () => {}): [RenderedPush, number] {
  for (let count = 1;; count++) {
    const { done, value } = steps.next();
    if (done) return [value, count];
    other(count);
  }
}

for (
  const [what, leastSteps] of [
    ["text: lines of 60 labels", 120],
    ["text: values of escapes", 120],
    ["text: a fault in every line", 100],
    ["protobuf: 50,000 long series", 150],
    ["protobuf: values that double", 200],
    ["protobuf: 5,000 long names", 30],
    ["protobuf: new sets of labels", 10],
  ] as const
) {
  Deno.test(`Renderer.renderApart() renders in small steps: ${what}`, () => {
    const renderer = new Renderer(RULES), push = bomb(what);
    let refused: unknown, count = 0;
    try {
      between(renderer.renderApart(push), () => void count++);
    } catch (error) {
      refused = error;
    }
    assert(count >= leastSteps, `${count} steps`);
    if (what === "protobuf: new sets of labels") assert.match(String(refused), /LimitError/);
    else assert.equal(refused, undefined);
  });
}

Deno.test("Renderer.render() leaves out a line that is longer than its limits allow, and tells the first of them", () => {
  const labels = (count: number, value: string) => Array.from({ length: count }, (_, i) => `l${i}="${value}"`).join();
  const line = (more: string) => `x{_id="b",${more}} 1 ${NOW}\n`;
  // What is as long as can be within the limits: 64 labels, and each byte of their values escaped.
  const text = line(labels(63, '\\"'.repeat(255))) + line(labels(8_000, "v")) + line(labels(9_000, "v"));
  const push: RawPush = {
    contentType: "text",
    contentEncoding: "identity",
    labels: new Map([["_id", "b"]]),
    body: new TextEncoder().encode(text),
    receivedAtMs: NOW,
  };
  const { series, received, leftOut } = new Renderer(RULES).render(push);
  assert.deepEqual([series, received, [...leftOut.keys()]], [1, 3, ["line_length"]]);
  const { count, first } = leftOut.get("line_length")!;
  assert.equal(count, 2);
  assert.match(first.what, /^its line has \d+ characters, where \d+ are the most, in line 2 at offset \d+$/);
});

Deno.test("Renderer.renderApart() renders as Renderer.render() does, with others rendered between its steps", () => {
  const renderer = new Renderer(RULES), alone = new Renderer(RULES), expected = alone.render(usual());
  for (const what of ["text: lines of 60 labels", "protobuf: values that double"]) {
    const whole = renderer.render(bomb(what));
    const [inSteps, count] = between(renderer.renderApart(bomb(what)), (step) => {
      if (step % 40 === 0) assert.equal(text(renderer.render(usual())), text(expected));
    });
    assert(count > 100);
    assert.equal(inSteps.series, whole.series);
    assert.deepEqual(inSteps.blocks, whole.blocks);
    assert(text(inSteps) === text(whole), what);
  }
});

Deno.test("Renderer.renderApart() may render two at a time", () => {
  const renderer = new Renderer(RULES);
  const one = renderer.renderApart(bomb("text: lines of 60 labels", "one"));
  one.next();
  const [other] = between(renderer.renderApart(bomb("text: lines of 60 labels", "other")), () => void one.next());
  assert.match(text(other), /^x\{_id="other"/);
  assert.match(text(between(one)[0]), /^x\{_id="one"/);
});

Deno.test("Renderer.renderQuickly() takes usual pushes, and none that says it is large", () => {
  const renderer = new Renderer(RULES), push = usual();
  assert.equal(text(atOnce(renderer.renderQuickly(push)!)), text(new Renderer(RULES).render(push)));
  for (const { what } of bombs(NOW).filter(({ what }) => what.startsWith("text"))) {
    assert.equal(renderer.renderQuickly(bomb(what)), undefined, what);
  }
  const large = { ...push, contentEncoding: "identity", body: new Uint8Array(600_000) } as const;
  assert.equal(renderer.renderQuickly(large), undefined);
  assert.equal(
    renderer.renderQuickly({ ...large, contentEncoding: "snappy", body: frameSnappy(large.body) }),
    undefined,
  );
});

Deno.test("Renderer.renderQuickly() may be given up at any step", () => {
  const renderer = new Renderer(RULES), push = usual();
  for (let steps = 1; steps < 4; steps++) {
    const given = renderer.renderQuickly(push)!;
    for (let i = 0; i < steps; i++) given.next();
    assert.equal(text(renderer.render(push)), text(new Renderer(RULES).render(push)));
  }
});
