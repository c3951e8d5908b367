import assert from "node:assert/strict";
import { LimitError } from "../../../common/exposition/metric_family.ts";
import { readUpTo } from "../../../common/http/read_up_to.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** A response in chunks of the given sizes, each filled with its place, and whether it was cancelled. */
function chunked(sizes: readonly number[]): { response: Response; cancelled: () => boolean } {
  let next = 0, cancelled = false;
  const body = new ReadableStream({
    type: "bytes",
    pull(controller) {
      // A stream of bytes has no empty chunks.
      while (sizes[next] === 0) next++;
      if (next < sizes.length) controller.enqueue(new Uint8Array(sizes[next]).fill(next++));
      else {
        controller.close();
        controller.byobRequest?.respond(0);
      }
    },
    cancel: () => void (cancelled = true),
  }, { highWaterMark: 0 });
  return { response: new Response(body), cancelled: () => cancelled };
}

Deno.test("readUpTo() reads a body of up to its limit, however it is cut", async () => {
  const bodies: [sizes: number[], bytes: number[]][] = [
    [[], []],
    [[3], [0, 0, 0]],
    [[1, 0, 2], [0, 2, 2]],
    [[1, 1, 1], [0, 1, 2]],
  ];
  for (const [sizes, bytes] of bodies) assert.deepEqual([...await readUpTo(chunked(sizes).response, 3)], bytes);
  assert.deepEqual(await readUpTo(new Response(null), 0), new Uint8Array());
});

Deno.test("readUpTo() makes room for what is longer than at first", async () => {
  const sizes = [60_000, 60_000, 200_000, 1];
  const bytes = await readUpTo(chunked(sizes).response, 400_000);
  assert.equal(bytes.length, 320_001);
  assert.deepEqual([59_999, 60_000, 119_999, 120_000, 320_000].map((at) => bytes[at]), [0, 1, 1, 2, 3]);
});

Deno.test("readUpTo() reads what a server sends, compressed or not, and knows when it breaks off", async () => {
  const text = "x".repeat(100_000);
  const handler = ({ url }: Request) => {
    if (url.endsWith("/compressed")) {
      const body = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
      return new Response(body, { headers: { "content-encoding": "gzip" } });
    }
    if (url.endsWith("/broken")) {
      return new Response(
        new ReadableStream({
          async start(controller) {
            controller.enqueue(new TextEncoder().encode(text));
            await Promise.resolve();
            controller.error(new Error("broken"));
          },
        }),
      );
    }
    return new Response(text);
  };
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, handler);
  const read = async (path: string) =>
    await readUpTo(await fetch(`http://127.0.0.1:${server.addr.port}/${path}`), 200_000);
  for (const path of ["compressed", "plain"]) assert.equal(new TextDecoder().decode(await read(path)), text);
  await assert.rejects(read("broken"));
});

Deno.test("readUpTo() stops at the chunk that passes the limit", async () => {
  for (const sizes of [[4], [3, 1], [1, 1, 1, 1], [2, 2, 1_000_000]]) {
    const { response, cancelled } = chunked(sizes);
    await assert.rejects(readUpTo(response, 3), LimitError);
    assert(cancelled(), `${sizes}`);
  }
});

Deno.test("readUpTo() takes a body of exactly its limit and stops reading one that is longer", async () => {
  assert.equal((await readUpTo(chunked([5]).response, 5)).length, 5);
  assert.equal((await readUpTo(new Response(null), 5)).length, 0);
  let chunks = 0;
  const endless = new ReadableStream({
    type: "bytes",
    pull: (body) => (chunks++, body.enqueue(new Uint8Array(3))),
  });
  await assert.rejects(readUpTo(new Response(endless), 5), {
    name: "LimitError",
    message: "the answer is longer than 5 bytes",
  });
  assert.ok(chunks < 6, `${chunks} chunks were read`);
});
