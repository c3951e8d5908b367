/** How a guarded listener sends responses, and gives up on who does not take them. */

import assert from "node:assert/strict";
import type { Handler } from "../../../common/http/http.ts";
import { GET, KB, KERNEL_BUFFERS_BYTES, MB, openGuarded } from "../../support/guarded_listener.ts";

Deno.test.sanitizer({ ops: true, resources: true });

Deno.test("a guarded listener cuts a client that does not take its response, and frees what waited for it", async () => {
  const cancelled = Promise.withResolvers<void>();
  const chunk = new Uint8Array(64 * KB);
  const rows: Handler[] = [
    () => {
      const pull = (controller: ReadableStreamDefaultController) => controller.enqueue(chunk);
      return new Response(new ReadableStream({ pull, cancel: () => cancelled.resolve() }, { highWaterMark: 0 }));
    },
    () => new Response(new Uint8Array(50 * MB)),
  ];
  for (const handler of rows) {
    await using server = await openGuarded({ stallTimeoutMs: 400 }, { handler });
    using client = await server.connect();
    await client.send(GET);
    await client.until(/200 OK/);
    await client.drink(5 * MB);
    await server.cut("stalled");
    assert.deepEqual(await server.counts(), { "cut stalled": 1 });
  }
  await cancelled.promise;
});

Deno.test("a guarded listener lets a client take a long response slowly, as long as it always takes some", async () => {
  const stallTimeoutMs = 1_000, total = 48 * MB;
  await using server = await openGuarded({ stallTimeoutMs }, { handler: () => new Response(new Uint8Array(total)) });
  using client = await server.connect();
  await client.send(GET);
  await client.until(/200 OK/);
  const start = performance.now();
  for (let taken = 0; taken < total - KERNEL_BUFFERS_BYTES; taken += MB) {
    await client.drink(MB);
    await new Promise((resolve) => setTimeout(resolve, 90));
  }
  assert(performance.now() - start > 3 * stallTimeoutMs);
  assert.deepEqual(await server.counts(), {});
});

for (const [coding, body] of [["", ""], ["gzip, chunked", "0\r\n\r\n"]]) {
  Deno.test(`a guarded listener takes no request behind one that leaves its end in doubt: Transfer-Encoding '${coding}'`, async () => {
    const paths: string[] = [];
    const handler: Handler = (request) => {
      paths.push(new URL(request.url).pathname);
      return new Response("seen");
    };
    await using server = await openGuarded({}, { handler });
    using client = await server.connect();
    const first = `POST /first HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ${coding}\r\n\r\n`;
    await client.send(GET + first + body + GET.replace("/ ", "/smuggled "));
    assert.match(
      await client.untilClosed(),
      /^HTTP\/1\.1 200 OK\r\n[^]*seenHTTP\/1\.1 501 [^]*send that one, or a length\n$/,
    );
    assert.deepEqual(paths, ["/"]);
  });
}

Deno.test("a guarded listener closes a half-sent response whose stream fails, and says so in the log", async () => {
  const failing = async function* () {
    yield new TextEncoder().encode("begin");
    await Promise.resolve();
    throw new Error("the disk is gone");
  };
  const handler = () => new Response(ReadableStream.from(failing()));
  await using server = await openGuarded({}, { handler });
  using client = await server.connect();
  await client.send(GET);
  assert.doesNotMatch(await client.untilClosed(), /0\r\n\r\n$/);
  assert.equal(server.records.length, 1);
  assert.equal(server.records[0].sentence, "Failed to send a response to its end");
  assert.match(String(server.records[0].fields.error), /the disk is gone/);
});
