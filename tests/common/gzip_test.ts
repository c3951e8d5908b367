import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { gzip } from "../../common/gzip.ts";

async function gunzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

Deno.test("gzip() writes one member that other readers read back", async () => {
  await fc.assert(fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 300, size: "max" })), async (chunks) => {
    const packed = new Uint8Array(Buffer.concat([...gzip(chunks)]));
    const plain = new Uint8Array(Buffer.concat(chunks));
    assert.deepEqual(new Uint8Array(gunzipSync(packed)), plain);
    assert.deepEqual(await gunzip(packed), plain);
  }));
});
