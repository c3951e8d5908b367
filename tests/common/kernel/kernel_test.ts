import assert from "node:assert/strict";
import { Kernel } from "../../../common/kernel/kernel.ts";
import { Random } from "../../support/random.ts";
import { bitwiseCrc32c } from "../../support/framed_snappy_oracle.ts";

Deno.test.sanitizer({ ops: true, resources: true });

Deno.test("Kernel.exports.crc32c() agrees with a division bit by bit, at every length and whatever was there before", () => {
  const kernel = new Kernel();
  const at = kernel.freeFrom, most = 65_536;
  kernel.reserve(at + 3 + most);
  const random = new Random(5);
  for (let i = 0; i < most + 19; i++) kernel.bytes[at + i] = random.below(256);
  for (const length of [...Array.from({ length: 700 }, (_, i) => i), 4_096, 65_535, most, 225, 224, most, 12_345]) {
    const start = at + length % 4;
    const bytes = kernel.bytes.slice(start, start + length);
    assert.equal(kernel.exports.crc32c(start, length) >>> 0, bitwiseCrc32c(bytes), `${length} bytes`);
  }
});

Deno.test("Kernel.reserve() keeps what the memory holds as it grows", () => {
  const kernel = new Kernel();
  const { freeFrom } = kernel;
  kernel.reserve(freeFrom + 3);
  kernel.bytes.set([1, 2, 3], freeFrom);
  kernel.reserve(5_000_000);
  assert.ok(kernel.bytes.length > 5_000_000);
  assert.ok(kernel.bytes.buffer === kernel.view.buffer);
  assert.deepEqual([...kernel.bytes.subarray(freeFrom, freeFrom + 4)], [1, 2, 3, 0]);
});
