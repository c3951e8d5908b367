import assert from "node:assert/strict";
import { Outbox } from "../../../ring/transport/outbox.ts";

const frame = (length: number) => new Uint8Array(length);

/** The lengths of all frames in the order in which they go out. */
function drain(outbox: Outbox): number[] {
  const lengths: number[] = [];
  for (let next = outbox.take(); next; next = outbox.take()) lengths.push(next.length);
  return lengths;
}

Deno.test("Outbox gives out control before data, each in order", () => {
  const outbox = new Outbox();
  assert.equal(outbox.take(), undefined);
  for (const [length, kind] of [[1, "data"], [2, "control"], [3, "data"], [4, "control"]] as const) {
    assert.ok(outbox.put(frame(length), kind));
  }
  assert.deepEqual(outbox.bytes, { control: 6, data: 4 });
  assert.deepEqual(drain(outbox), [2, 4, 1, 3]);
  assert.deepEqual(outbox.bytes, { control: 0, data: 0 });
});

Deno.test("Outbox holds each class to its bytes", () => {
  const outbox = new Outbox({ control: 10, data: 20 });
  assert.deepEqual([10, 1].map((length) => outbox.put(frame(length), "control")), [true, false]);
  assert.deepEqual([19, 2, 1].map((length) => outbox.put(frame(length), "data")), [true, false, true]);
  assert.equal(outbox.take()?.length, 10);
  assert.ok(outbox.put(frame(10), "control"));
});

Deno.test("Outbox.inherit() puts another's frames first, and leaves none there", () => {
  const [old, outbox] = [new Outbox(), new Outbox({ control: 10, data: 10 })];
  old.put(frame(11), "data");
  old.put(frame(12), "control");
  outbox.put(frame(1), "data");
  outbox.put(frame(2), "control");
  outbox.inherit(old);
  assert.deepEqual([old.bytes, outbox.bytes], [{ control: 0, data: 0 }, { control: 14, data: 12 }]);
  assert.equal(outbox.put(frame(1), "data"), false);
  assert.deepEqual(drain(outbox), [12, 2, 11, 1]);
  assert.equal(old.take(), undefined);
});
