import assert from "node:assert/strict";
import { FamilyNames } from "../../../server/ingest/family_names.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const encoder = new TextEncoder();

Deno.test("FamilyNames.read() tells names by all of their bytes, whether it has seen them or not", () => {
  const names = new FamilyNames();
  // The last two have one hash.
  const text = "up:up_up costarring liquid";
  const bytes = encoder.encode(text);
  for (const _ of [1, 2]) {
    for (const [start, end] of [[0, 2], [0, 3], [0, 8], [3, 8], [3, 5], [9, 19], [20, 26]] as const) {
      assert.equal(names.read(bytes, start, end), text.slice(start, end));
    }
  }
});

Deno.test("FamilyNames.read() knows what is no name, however often it comes", () => {
  const names = new FamilyNames();
  for (const name of ["", "0a", "a b", "é", "\ufeffup", "up\n", "a.b"]) {
    const bytes = encoder.encode(name);
    for (const _ of [1, 2]) assert.equal(names.read(bytes, 0, bytes.length), undefined, JSON.stringify(name));
  }
});

Deno.test("FamilyNames.read() forgets, and goes on, when there are more names than it keeps", () => {
  const names = new FamilyNames();
  for (let i = 0; i < 25_000; i++) {
    const bytes = encoder.encode(`name_${i}`);
    assert.equal(names.read(bytes, 0, bytes.length), `name_${i}`);
  }
});
