import assert from "node:assert/strict";
import fc from "fast-check";
import snappyjs from "snappyjs";
import { Kernel, SPARE_BYTES } from "../../../common/kernel/kernel.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const kernel = new Kernel();

/** The block that the kernel makes of bytes, behind which stands what is not to be read. */
function compressed(raw: Uint8Array): Uint8Array {
  const from = kernel.freeFrom, to = from + raw.length + SPARE_BYTES;
  kernel.reserve(to + raw.length + Math.ceil(raw.length / 6) + 32);
  kernel.bytes.set(raw, from);
  kernel.bytes.set(raw.subarray(0, SPARE_BYTES), from + raw.length);
  return kernel.bytes.slice(to, kernel.exports.compressBlock(from, from + raw.length, to));
}

function assertComesBack(raw: Uint8Array): Uint8Array {
  const block = compressed(raw);
  assert.deepEqual(new Uint8Array(snappyjs.uncompress(block)), raw);
  // The server reads blocks with the kernel.
  const { exports, freeFrom } = kernel, start = freeFrom + block.length + SPARE_BYTES;
  kernel.reserve(start + raw.length);
  kernel.bytes.set(block, freeFrom);
  assert.equal(exports.uncompress(freeFrom, freeFrom + block.length, start, start + raw.length), 1);
  assert.deepEqual(kernel.bytes.slice(start, start + raw.length), raw);
  assert.ok(block.length <= 32 + raw.length + raw.length / 6, `${raw.length} bytes become ${block.length}`);
  return block;
}

/** Bytes that look random, the same in each run. */
function noise(length: number, seed = 1): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length }, () => (state = Math.imul(state, 1_664_525) + 1_013_904_223) >>> 24);
}

/** Bytes of a few letters, so that much in them is met again, in pieces of all lengths. */
const repetitive = fc.array(
  fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 12, max: 3 }), fc.integer({ min: 1, max: 40 })),
  { maxLength: 40 },
).map((pieces) => Uint8Array.from(pieces.flatMap(([piece, times]) => Array(times).fill([...piece]).flat())));

Deno.test("Kernel.compressBlock() makes of any bytes what others read as these", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void assertComesBack(bytes)));
  fc.assert(fc.property(repetitive, (bytes) => void assertComesBack(bytes)));
});

for (const length of [0, 1, 3, 4, 5, 15, 16, 17, 60, 61, 64, 68, 256, 257, 65_535, 65_536, 65_537, 200_000]) {
  Deno.test(`Kernel.compressBlock() makes little of ${length} bytes that are the same, and hardly more of noise`, () => {
    const block = assertComesBack(new Uint8Array(length).fill(7));
    assert.ok(block.length <= 10 + length / 20, `${length} bytes become ${block.length}`);
    assertComesBack(noise(length));
  });
}

for (const distance of [1, 2, 3, 7, 8, 15, 16, 17, 2_047, 2_048, 65_535]) {
  Deno.test(`Kernel.compressBlock() copies what was met ${distance} bytes before`, () => {
    const piece = noise(distance);
    const block = assertComesBack(Uint8Array.from([...piece, ...piece, ...piece]));
    assert.ok(block.length < 1.1 * distance + 20 + distance / 10, `${3 * distance} bytes become ${block.length}`);
  });
}

Deno.test("Kernel.compressBlock() reads nothing before the bytes and reaches no further back than 64 KiB", () => {
  const piece = noise(5_000);
  const block = assertComesBack(Uint8Array.from([...piece, ...noise(70_000, 2), ...piece]));
  assert.ok(block.length > 79_000, `${block.length}`);
});
