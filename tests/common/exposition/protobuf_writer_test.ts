import assert from "node:assert/strict";
import fc from "fast-check";
import protobuf from "protobufjs";
import { encodeFamilies } from "../../../common/exposition/protobuf.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const { root } = protobuf.parse(`
  syntax = "proto2";
  message LabelPair { optional string name = 1; optional string value = 2; }
  message Metric { repeated LabelPair label = 1; }
  message MetricFamily { optional string name = 1; optional string help = 2; repeated Metric metric = 4; }
`);
const type = root.lookupType("MetricFamily");

interface Family {
  readonly name: string;
  readonly help: string;
  readonly metric: readonly { readonly label: readonly { readonly value: string }[] }[];
}

function roundTrip(text: string): string[] {
  const metrics = [{ labels: [{ name: "l", value: text }], value: 1 }];
  const bytes = encodeFamilies([{ name: "n", help: text, type: "gauge", metrics }]);
  const family = type.decodeDelimited(bytes) as unknown as Family;
  return [family.name, family.help, family.metric[0].label[0].value];
}

Deno.test("encodeFamilies() writes strings of every length and script, as protobufjs reads them", () => {
  const lengths = [0, 1, 126, 127, 128, 129, 5_000];
  for (
    const text of lengths.flatMap((n) => ["a".repeat(n), "é".repeat(n), "a".repeat(n) + "🦕", "\u0000\u007f\u0080"])
  ) {
    assert.deepEqual(roundTrip(text), ["n", text, text]);
  }
});

Deno.test("encodeFamilies() writes any well-formed string, as protobufjs reads it", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 300, size: "max" }), (text) => {
    assert.deepEqual(roundTrip(text), ["n", text, text]);
  }));
});
