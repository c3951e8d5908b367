import assert from "node:assert/strict";
import { difference } from "../../../../scripts/integration/same_answers/answers.ts";
import { WAYS } from "../../../../scripts/integration/same_answers/chain_plan.ts";

Deno.test.sanitizer({ ops: true, resources: true });

type Element = Record<string, unknown>;

/** Answers every question with these elements. */
function fakePrometheus(result: readonly Element[]): { url: URL } & AsyncDisposable {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => Response.json({ status: "success", data: { resultType: "vector", result } }),
  );
  return {
    url: new URL(`http://127.0.0.1:${server.addr.port}/`),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

const TIME = 1_700_000_000;
const WAY = { _id: "alone", via: "text" };
const HISTOGRAM = { count: "3", sum: "1.5", buckets: [[0, "1", "2", "3"]] };
const number = (labels: Record<string, string>, value: string) => ({ metric: labels, value: [TIME, value] });

for (
  const [what, sent, arrived, options, expected] of [
    ["finds none", [number({ a: "b" }, "1")], [number({ ...WAY, a: "b" }, "1")], {}, undefined],
    [
      "finds another value",
      [number({ a: "b" }, "1")],
      [number({ ...WAY, a: "b" }, "2")],
      {},
      /"1" at the .* "2" where/,
    ],
    ["finds another last digit", [number({}, "0.3")], [number(WAY, "0.30000000000000004")], {}, /"0.3" at the source/],
    [
      "lets the last digit of a rate be another",
      [number({}, "0.3")],
      [number(WAY, "0.30000000000000004")],
      { isExact: false },
      undefined,
    ],
    ["finds another rate", [number({}, "0.3")], [number(WAY, "0.31")], { isExact: false }, /"0.31" where it arrives/],
    ["holds what is not a number for the same", [number({}, "NaN")], [number(WAY, "NaN")], {}, undefined],
    ["finds a series that is missing", [number({ a: "b" }, "1")], [], {}, /"1" at the source and absent where/],
    [
      "finds a series too many",
      [number({}, "1")],
      [number(WAY, "1"), number({ ...WAY, a: "b" }, "1")],
      {},
      /^.*absent at/,
    ],
    ["finds that the source has none", [], [], {}, /the source has no answer/],
    ["names few of many", ["1", "2", "3"].map((a) => number({ a }, a)), [], {}, /; and 1 more$/],
    [
      "compares native histograms whole",
      [{ metric: {}, histogram: [TIME, HISTOGRAM] }],
      [{ metric: WAY, histogram: [TIME, { ...HISTOGRAM, buckets: [[0, "1", "2", "2"], [0, "2", "4", "1"]] }] }],
      {},
      /"buckets":\[\[0,"1","2","3"\]\]/,
    ],
    [
      "finds a number in place of a native histogram",
      [{ metric: {}, histogram: [TIME, HISTOGRAM] }],
      [number(WAY, "3")],
      { isExact: false },
      /"3" where it arrives/,
    ],
    [
      "expects underscores where names have them",
      [number({ __name__: "a.b", "c.d": "e.f" }, "1")],
      [number({ ...WAY, __name__: "a_b", c_d: "e.f" }, "1")],
      { names: "underscores" },
      undefined,
    ],
    [
      "expects names as they are elsewhere",
      [number({ __name__: "a.b" }, "1")],
      [number({ ...WAY, __name__: "a_b" }, "1")],
      {},
      /"a.b"/,
    ],
  ] as [string, Element[], Element[], { isExact?: boolean; names?: "underscores" }, RegExp | undefined][]
) {
  Deno.test(`difference() ${what}`, async () => {
    await using source = fakePrometheus(sent);
    await using central = fakePrometheus(arrived);
    const { isExact = true, names = "utf-8" } = options;
    const said = await difference(({ series }) => series("x"), {
      source: source.url,
      arrival: { url: central.url, way: WAYS[0], form: { name: "text", names } },
      isExact,
      signal: new AbortController().signal,
    });
    if (expected === undefined) assert.equal(said, undefined);
    else assert.match(said ?? "nothing", expected);
  });
}
