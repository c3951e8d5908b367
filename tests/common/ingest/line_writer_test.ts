import assert from "node:assert/strict";
import fc from "fast-check";
import { Kernel } from "../../../common/kernel/kernel.ts";
import { LINE_ROOM, LineWriter } from "../../../common/ingest/line_writer.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const kernel = new Kernel();
const writer = new LineWriter(kernel);

Deno.test("LineWriter.number() writes what reads back as the same number, at every number of digits", () => {
  const written = (value: number) => {
    writer.at = kernel.freeFrom;
    writer.reserve(32);
    writer.number(value);
    assert.ok(writer.at <= kernel.freeFrom + 32, String(value));
    return decoder.decode(kernel.bytes.subarray(kernel.freeFrom, writer.at));
  };
  for (let power = 1; power <= 1e10; power *= 10) {
    for (const value of [power - 1, power, power + 1]) assert.equal(written(value), String(value));
  }
  fc.assert(fc.property(fc.oneof(fc.double(), fc.maxSafeInteger()), (value) => {
    const read = Number(written(value).replace("Inf", "Infinity"));
    assert.ok(Object.is(read, value), `${value} is written as ${written(value)}`);
  }));
});

Deno.test("LineWriter keeps what it has written as the memory grows, and writes on where it stood", () => {
  const kernel = new Kernel();
  const growing = new LineWriter(kernel);
  const { freeFrom } = kernel;
  growing.at = freeFrom;
  const before = kernel.bytes.length;
  let expected = "";
  while (kernel.bytes.length < before + 3_000_000) {
    const text = `value ${expected.length}`.padEnd(expected.length % 97, "x");
    growing.reserve(text.length + LINE_ROOM);
    growing.append(encoder.encode("{"));
    growing.append(encoder.encode(text));
    growing.endLabel();
    growing.closeLabels();
    growing.value(0.5);
    expected += `{${text}"} 0.5\n`;
  }
  assert.equal(decoder.decode(kernel.bytes.subarray(freeFrom, growing.at)), expected);
});
