import assert from "node:assert/strict";
import { BytesMap, equals } from "../../../common/ingest/bytes_map.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const encoder = new TextEncoder();

Deno.test("BytesMap.get() finds what was set for the same bytes, wherever they stand, and for no others", () => {
  const map = new BytesMap<number>(100);
  const text = encoder.encode("up:up_up\ufeffup");
  map.set(text.subarray(0, 2), 1);
  map.set(text.subarray(0, 3), 0);
  map.set(text.subarray(0, 0), 2);
  const spans = [[0, 2, 1], [3, 5, 1], [11, 13, 1], [0, 3, 0], [4, 4, 2], [8, 13, undefined], [
    3,
    6,
    undefined,
  ]] as const;
  for (const [start, end, value] of spans) assert.equal(map.get(text, start, end), value, `${start} to ${end}`);
});

Deno.test("BytesMap keeps a copy of the bytes", () => {
  const map = new BytesMap<string>(100);
  const bytes = encoder.encode("up");
  map.set(bytes, "up");
  bytes.fill(0x78);
  assert.equal(map.get(bytes, 0, 2), undefined);
  assert.equal(map.get(encoder.encode("up"), 0, 2), "up");
});

Deno.test("BytesMap never takes bytes for others with the same hash", () => {
  const map = new BytesMap<string>(100);
  for (const name of ["costarring", "liquid"]) {
    map.set(encoder.encode(name), name);
    for (const other of ["costarring", "liquid"]) {
      const found = map.get(encoder.encode(other), 0, other.length);
      assert.equal(found, other === name ? name : undefined, `${other} after ${name}`);
    }
  }
});

Deno.test("BytesMap forgets all at its bound, and goes on", () => {
  const map = new BytesMap<number>(1_000);
  for (let i = 0; i < 2_500; i++) {
    const bytes = encoder.encode(`name_${i}`);
    map.set(bytes, i);
    assert.equal(map.get(bytes, 0, bytes.length), i);
  }
  const kept = Array.from({ length: 2_500 }, (_, i) => encoder.encode(`name_${i}`)).filter((bytes) =>
    map.get(bytes, 0, bytes.length) !== undefined
  );
  assert.equal(kept.length, 500);
});

Deno.test("equals() compares all bytes and lengths", () => {
  const bytes = encoder.encode("abcabc");
  assert.ok(equals(bytes, 3, 6, bytes.subarray(0, 3)));
  assert.ok(!equals(bytes, 3, 6, encoder.encode("abd")));
  assert.ok(!equals(bytes, 3, 5, bytes.subarray(0, 3)));
  assert.ok(equals(bytes, 1, 1, new Uint8Array()));
});
