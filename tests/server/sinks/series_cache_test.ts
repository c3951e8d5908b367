import assert from "node:assert/strict";
import { type KnownSeries, NOTHING_KNOWN } from "../../../common/remote_write/write_encoder.ts";
import { SeriesCache } from "../../../server/sinks/series_cache.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const known = (bytes: number): KnownSeries => ({ ...NOTHING_KNOWN, bytes: new Uint8Array(bytes), count: 1 });

Deno.test("SeriesCache keeps what is there, takes up nothing for which there is no room, and counts its bytes", () => {
  let most = 100;
  const cache = new SeriesCache(() => most);
  const a = known(60);
  cache.set("a", a);
  cache.set("b", known(50));
  assert.deepEqual([cache.get("a"), cache.get("b"), cache.bytes], [a, NOTHING_KNOWN, 60]);
  most = 200;
  cache.set("b", known(50));
  cache.set("a", a);
  assert.deepEqual([cache.get("a"), cache.get("b").bytes.length, cache.bytes], [a, 50, 110]);
  cache.set("a", known(70));
  assert.equal(cache.bytes, 120);
  // Nobody has room for what has grown that much: nothing older stands for it.
  cache.set("a", known(160));
  assert.deepEqual([cache.get("a"), cache.bytes], [NOTHING_KNOWN, 50]);
  cache.set("b", NOTHING_KNOWN);
  cache.delete("c");
  assert.equal(cache.bytes, 0);
});
