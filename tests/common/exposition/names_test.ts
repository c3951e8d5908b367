import assert from "node:assert/strict";
import fc from "fast-check";
import {
  escapeLabelName,
  escapeMetricName,
  isClassicLabelName,
  isClassicMetricName,
} from "../../../common/exposition/names.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const ANY = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.stringMatching(/^[a-z0-9:_]{0,4}$/),
  fc.constantFrom("", "1", ":", "é"),
);

Deno.test("isClassicMetricName() and isClassicLabelName() tell what matches the classic patterns", () => {
  fc.assert(fc.property(ANY, (name) => {
    assert.equal(isClassicMetricName(name), /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name) && !name.includes("\n"));
    assert.equal(isClassicLabelName(name), /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) && !name.includes("\n"));
  }));
});

Deno.test("escapeMetricName() writes an underscore for each character that is out of place, as Prometheus does", () => {
  // From the table of `TestEscapeName` in prometheus/common, with more characters outside ASCII.
  const table: readonly (readonly [string, string])[] = [
    ["", ""],
    ["no:escaping_required", "no:escaping_required"],
    ["mysystem.prod.west.cpu.load", "mysystem_prod_west_cpu_load"],
    ["mysystem.prod.west.cpu.load_total", "mysystem_prod_west_cpu_load_total"],
    ["http.status:sum", "http_status:sum"],
    ["label with 😱", "label_with__"],
    ["花火", "__"],
    ["1a2", "_a2"],
    ["a\nb", "a_b"],
  ];
  for (const [name, expected] of table) assert.equal(escapeMetricName(name), expected);
});

Deno.test("escapeLabelName() escapes colons too", () => {
  assert.equal(escapeLabelName("a:b.c_1"), "a_b_c_1");
  assert.equal(escapeLabelName(":"), "_");
});

Deno.test("escapeMetricName() and escapeLabelName() make names classic, and leave alone what is", () => {
  fc.assert(fc.property(ANY.filter((name) => name !== ""), (name) => {
    assert(isClassicMetricName(escapeMetricName(name)));
    assert(isClassicLabelName(escapeLabelName(name)));
    if (isClassicMetricName(name)) assert.equal(escapeMetricName(name), name);
    if (isClassicLabelName(name)) assert.equal(escapeLabelName(name), name);
  }));
});
