import assert from "node:assert/strict";
import { call, placeOf, refusal, RefusedError } from "../../client/request.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** Has `use` talk to a server that answers everything with `handler`. */
async function withServer(
  handler: (request: Request) => Response | Promise<Response>,
  use: (url: URL, client: Deno.HttpClient) => Promise<void>,
) {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, handler);
  const client = Deno.createHttpClient({});
  try {
    await use(new URL(`http://127.0.0.1:${server.addr.port}/path?secret=query`), client);
  } finally {
    client.close();
    await server.shutdown();
  }
}

const get = (url: URL, client: Deno.HttpClient, changes: { timeoutMs?: number; signal?: AbortSignal } = {}) => ({
  attempt: "Cannot fetch",
  url,
  method: "GET" as const,
  headers: {},
  client,
  timeoutMs: 30_000,
  signal: new AbortController().signal,
  ...changes,
});

const messageOf = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return "no error";
};

Deno.test("call() hands the answer on and returns what was made of it", async () => {
  await withServer(() => new Response("body"), async (url, client) => {
    assert.equal(await call(get(url, client), (response) => response.text()), "body");
  });
});

Deno.test("call() leaves a body alone that nobody wants", async () => {
  await withServer(() => new Response("body"), async (url, client) => {
    assert.equal(await call(get(url, client), (response) => Promise.resolve(response.status)), 200);
  });
});

Deno.test("call() names the place without its query and the reason when nobody listens", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const url = new URL(`http://user:word@127.0.0.1:${listener.addr.port}/path?secret=a(b)`);
  listener.close();
  const client = Deno.createHttpClient({});
  const message = await messageOf(call(get(url, client), () => Promise.resolve()));
  client.close();
  assert.match(message, /^Cannot fetch http:\/\/127\.0\.0\.1:\d+\/path: tcp connect error: Connection refused/);
  assert.doesNotMatch(message, /secret|word/);
});

Deno.test("call() says so when the answer takes too long to begin", async () => {
  const gone = Promise.withResolvers<void>();
  const handler = async (request: Request) => {
    await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
    gone.resolve();
    return new Response();
  };
  await withServer(handler, async (url, client) => {
    const message = await messageOf(call(get(url, client, { timeoutMs: 20 }), () => Promise.resolve()));
    assert.match(message, /^Cannot fetch http:\S+\/path: no complete answer within 20ms$/);
    await gone.promise;
  });
});

Deno.test("call() says so when the answer takes too long to end", async () => {
  const endless = () => new Response(new ReadableStream({ start: (body) => body.enqueue(new Uint8Array(10)) }));
  await withServer(endless, async (url, client) => {
    const message = await messageOf(call(get(url, client, { timeoutMs: 20 }), (response) => response.bytes()));
    assert.match(message, /no complete answer within 20ms$/);
  });
});

Deno.test("call() throws the reason of the signal that gives it up", async () => {
  const asked = Promise.withResolvers<void>();
  const handler = async (request: Request) => {
    asked.resolve();
    await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
    return new Response();
  };
  await withServer(handler, async (url, client) => {
    const stop = new AbortController();
    const given = call(get(url, client, { signal: stop.signal }), () => Promise.resolve());
    await asked.promise;
    stop.abort(new Error("stopped"));
    assert.equal(await messageOf(given), "stopped");
  });
});

Deno.test("refusal() tells the status, what to do and the start of what the server says, on one line", async () => {
  const body = "first\nsecond\x1b[31m " + "x".repeat(5_000);
  await withServer(() => new Response(body, { status: 418 }), async (url, client) => {
    const hints = { 418: "make tea" };
    const message = await messageOf(call(get(url, client), async (response) => {
      throw await refusal(response, { hints, secrets: [] });
    }));
    const shown = `first second [31m ${"x".repeat(182)}…`;
    assert.equal(message, `Cannot fetch ${placeOf(url)}: it answered 418, make tea; it says: ${shown}`);
  });
});

Deno.test("refusal() strikes out secrets, even one that goes on behind what is read", async () => {
  const secret = "s3cret".repeat(100);
  const body = `your token ${secret} and ${"y".repeat(180)} ${secret}`;
  const { message } = await refusal(new Response(body, { status: 400 }), { hints: {}, secrets: [secret, ""] });
  assert.equal(message, `it answered 400; it says: your token … and ${"y".repeat(180)} …`);
});

Deno.test("refusal() carries the status and what the server asked to wait", async () => {
  await withServer(() => new Response(null, { status: 503, headers: { "retry-after": "7" } }), async (url, client) => {
    await assert.rejects(
      call(get(url, client), async (response) => {
        throw await refusal(response, { hints: {}, secrets: [] });
      }),
      (error) => error instanceof RefusedError && error.status === 503 && error.retryAfterMs === 7_000,
    );
  });
});
