import assert from "node:assert/strict";
import { Losses } from "../../../common/ingest/losses.ts";

Deno.test("Losses.note() tells what has names in it without what breaks a line", () => {
  const losses = new Losses();
  const name = "a\n\u0000\u2028b";
  losses.note({
    rule: "label_name",
    family: 0,
    sample: 0,
    what: `the name ${name} is odd`,
    series: `x{${name}="\ud800"}`,
  });
  const { what, series } = losses.leftOut.get("label_name")!.first;
  assert.deepEqual([what, series], [
    "the name a\\u{a}\\u{0}\\u{2028}b is odd",
    'x{a\\u{a}\\u{0}\\u{2028}b="\\u{d800}"}',
  ]);
});
