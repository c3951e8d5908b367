import assert from "node:assert/strict";
import fc from "fast-check";
import { formatBound, formatValue } from "../../../common/exposition/format_number.ts";
import { valueOf } from "../../support/whole_text.ts";
import { shownByGo } from "../../support/shown_by_go.ts";

Deno.test.sanitizer({ ops: true, resources: true });

Deno.test("formatBound() writes what strconv.FormatFloat(bound, 'g', -1, 64) of Go writes", () => {
  const table: readonly (readonly [number, string])[] = [
    [0, "0"],
    [-0, "-0"],
    [1, "1"],
    [2.5, "2.5"],
    [0.005, "0.005"],
    [0.0001, "0.0001"],
    [0.00012345, "0.00012345"],
    [0.00001, "1e-05"],
    [0.0000625, "6.25e-05"],
    [99999, "99999"],
    [123456, "123456"],
    [999999.5, "999999.5"],
    [1e6, "1e+06"],
    [1234567, "1.234567e+06"],
    [-1e6, "-1e+06"],
    [16777216, "1.6777216e+07"],
    [1e21, "1e+21"],
    [1e100, "1e+100"],
    [5e-324, "5e-324"],
    [1.7976931348623157e308, "1.7976931348623157e+308"],
    [Infinity, "+Inf"],
    [-Infinity, "-Inf"],
  ];
  for (const [value, text] of table) assert.equal(formatBound(value), text);
  fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (bound) => {
    assert.equal(formatBound(bound), shownByGo(bound));
    assert.equal(Number(formatBound(bound)), bound);
  }));
});

Deno.test("formatValue() writes numbers that read back as the same double", () => {
  const table: readonly (readonly [number, string])[] = [
    [0, "0"],
    [-0, "-0"],
    [1, "1"],
    [-1.5, "-1.5"],
    [1e6, "1000000"],
    [2 ** 53, "9007199254740992"],
    [1e21, "1e+21"],
    [1e-7, "1e-7"],
    [Infinity, "+Inf"],
    [-Infinity, "-Inf"],
    [NaN, "NaN"],
  ];
  for (const [value, text] of table) assert.equal(formatValue(value), text);
  fc.assert(fc.property(fc.double(), (value) => assert.deepEqual(valueOf(`x ${formatValue(value)}\n`), value)));
});
