import assert from "node:assert/strict";
import { LimitError } from "../../../common/exposition/metric_family.ts";
import { readUpTo } from "../../../common/http/read_up_to.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** A response in chunks of the given sizes, each filled with its place, and whether it was cancelled. */
function chunked(sizes: readonly number[]): { response: Response; cancelled: () => boolean } {
  let next = 0, cancelled = false;
  const body = new ReadableStream({
    pull(controller) {
      if (next === sizes.length) controller.close();
      else controller.enqueue(new Uint8Array(sizes[next]).fill(next++));
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

Deno.test("readUpTo() stops at the chunk that passes the limit", async () => {
  for (const sizes of [[4], [3, 1], [1, 1, 1, 1], [2, 2, 1_000_000]]) {
    const { response, cancelled } = chunked(sizes);
    await assert.rejects(readUpTo(response, 3), LimitError);
    assert(cancelled(), `${sizes}`);
  }
});

Deno.test("readUpTo() takes a body of exactly its limit and stops reading one that is longer", async () => {
  assert.equal((await readUpTo(new Response("12345"), 5)).length, 5);
  assert.equal((await readUpTo(new Response(null), 5)).length, 0);
  let chunks = 0;
  const endless = new ReadableStream({ pull: (body) => (chunks++, body.enqueue(new Uint8Array(3))) });
  await assert.rejects(readUpTo(new Response(endless), 5), {
    name: "LimitError",
    message: "the answer is longer than 5 bytes",
  });
  assert.ok(chunks < 6, `${chunks} chunks were read`);
});
