import assert from "node:assert/strict";
import fc from "fast-check";
import { BodyBuffer, HttpError, readBody } from "../../../common/http/http.ts";

const URL_OF_ALL = "http://localhost/path?token=secret";
const post = (body: BodyInit | null, headers: HeadersInit = {}) =>
  new Request(URL_OF_ALL, { method: "POST", body, headers });

Deno.test("readBody() reads a body up to its limit", async () => {
  const bytes = new Uint8Array(1_000).fill(7);
  for (const body of [bytes, new Blob([bytes]).stream()]) {
    assert.deepEqual(await readBody(post(body), { limitBytes: 1_000 }), bytes);
  }
  assert.deepEqual(await readBody(post(bytes, { "content-length": "1000" }), { limitBytes: 1_000 }), bytes);
  assert.deepEqual(await readBody(new Request(URL_OF_ALL), { limitBytes: 0 }), new Uint8Array());
});

Deno.test("readBody() refuses a body over its limit, whatever its length claims, and reads no further", async () => {
  let pulled = 0;
  const endless = () =>
    new ReadableStream({
      pull: (controller) => {
        pulled++;
        controller.enqueue(new Uint8Array(100));
      },
    }, { highWaterMark: 0 });
  const rows = [
    post(new Uint8Array(1_001)),
    post(new Uint8Array(1_001), { "content-length": "1001" }),
    post(new Uint8Array(1_001), { "content-length": "5" }),
    post(new Uint8Array(5), { "content-length": "1001" }),
    post(endless()),
    post(endless(), { "content-length": "5", "transfer-encoding": "chunked" }),
    post(endless(), { "content-length": "nonsense" }),
  ];
  for (const request of rows) {
    await assert.rejects(readBody(request, { limitBytes: 1_000 }), (error) => {
      assert(error instanceof HttpError);
      assert.deepEqual([error.status, error.reason], [413, "body_size"]);
      const claims = request.headers.get("content-length") === "1001" ? ": there are 1001" : "";
      assert.equal(error.message, `Cannot take a body of more than 1000 bytes${claims}`);
      return true;
    });
  }
  assert.equal(pulled, 3 * 11);
});

Deno.test("readBody() takes a stream that breaks for a client that went away, and a second reading for a mistake", async () => {
  const broken = new ReadableStream({ pull: (controller) => controller.error(new Error("reset")) });
  await assert.rejects(readBody(post(broken), { limitBytes: 10 }), { status: 499, reason: "client_gone" });
  const request = post("abc");
  await readBody(request, { limitBytes: 10 });
  await assert.rejects(readBody(request, { limitBytes: 10 }), TypeError);
});

Deno.test("BodyBuffer gathers any chunks into the same bytes, and never takes more than its limit", () => {
  fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 20, size: "max" })), fc.nat(100), (chunks, limitBytes) => {
    const whole = new Uint8Array(chunks.flatMap((chunk) => [...chunk]));
    const buffer = new BodyBuffer(limitBytes);
    const gather = () => chunks.forEach((chunk) => buffer.append(chunk.slice()));
    if (whole.length > limitBytes) {
      assert.throws(gather, HttpError);
      assert(buffer.take().length <= limitBytes);
    } else {
      gather();
      assert.deepEqual(buffer.take(), whole);
      assert(buffer.take().buffer.byteLength <= Math.max(1, 2 * whole.length), "memory");
    }
  }));
});
