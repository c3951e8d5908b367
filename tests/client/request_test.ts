import assert from "node:assert/strict";
import { call, placeOf, refusal, RefusedError } from "../../client/request.ts";
import { directClients as clients } from "../support/direct_clients.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** Has `use` talk to a server that answers everything with `handler`. */
async function withServer(
  handler: (request: Request) => Response | Promise<Response>,
  use: (url: URL) => Promise<void>,
) {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, handler);
  try {
    await use(new URL(`http://127.0.0.1:${server.addr.port}/path?secret=query`));
  } finally {
    await server.shutdown();
  }
}

const get = (url: URL, changes: { timeoutMs?: number; signal?: AbortSignal } = {}) => ({
  attempt: "Cannot fetch",
  url,
  method: "GET" as const,
  headers: {},
  clients,
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
  await withServer(() => new Response("body"), async (url) => {
    assert.equal(await call(get(url), (response) => response.text()), "body");
  });
});

Deno.test("call() leaves a body alone that nobody wants", async () => {
  await withServer(() => new Response("body"), async (url) => {
    assert.equal(await call(get(url), (response) => Promise.resolve(response.status)), 200);
  });
});

Deno.test("call() names the place without its query and the reason when nobody listens", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const url = new URL(`http://user:word@127.0.0.1:${listener.addr.port}/path?secret=a(b)`);
  listener.close();
  const message = await messageOf(call(get(url), () => Promise.resolve()));
  assert.match(
    message,
    /^Cannot fetch http:\/\/127\.0\.0\.1:\d+\/path: it cannot be reached: Connection refused: see that it runs, and check --from$/,
  );
  assert.doesNotMatch(message, /secret|word/);
});

Deno.test("call() says so when the answer takes too long to begin", async () => {
  const gone = Promise.withResolvers<void>();
  const handler = async (request: Request) => {
    await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
    gone.resolve();
    return new Response();
  };
  await withServer(handler, async (url) => {
    const message = await messageOf(call(get(url, { timeoutMs: 20 }), () => Promise.resolve()));
    assert.match(message, /^Cannot fetch http:\S+\/path: no complete answer within 20ms$/);
    await gone.promise;
  });
});

Deno.test("call() says so when the answer takes too long to end", async () => {
  const endless = () => new Response(new ReadableStream({ start: (body) => body.enqueue(new Uint8Array(10)) }));
  await withServer(endless, async (url) => {
    const message = await messageOf(call(get(url, { timeoutMs: 20 }), (response) => response.bytes()));
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
  await withServer(handler, async (url) => {
    const stop = new AbortController();
    const given = call(get(url, { signal: stop.signal }), () => Promise.resolve());
    await asked.promise;
    stop.abort(new Error("stopped"));
    assert.equal(await messageOf(given), "stopped");
  });
});

Deno.test("refusal() tells the status, what to do and the start of what the server says, on one line", async () => {
  const body = "first\nsecond\x1b[31m " + "x".repeat(5_000);
  await withServer(() => new Response(body, { status: 418 }), async (url) => {
    const hints = { 418: "make tea" };
    const message = await messageOf(call(get(url), async (response) => {
      throw await refusal(response, { url, hints, secrets: [] });
    }));
    const shown = `first second [31m ${"x".repeat(182)}…`;
    assert.equal(message, `Cannot fetch ${placeOf(url)}: it answered 418, make tea; it says: ${shown}`);
  });
});

Deno.test("refusal() strikes out secrets, even one that goes on behind what is read", async () => {
  const secret = "s3cret".repeat(100);
  const body = `your token ${secret} and ${"y".repeat(180)} ${secret}`;
  const { message } = await refusal(new Response(body, { status: 400 }), {
    url: new URL("http://h"),
    hints: {},
    secrets: [secret, ""],
  });
  assert.equal(message, `it answered 400; it says: your token … and ${"y".repeat(180)} …`);
});

Deno.test("refusal() carries the status and what the server asked to wait", async () => {
  await withServer(() => new Response(null, { status: 503, headers: { "retry-after": "7" } }), async (url) => {
    await assert.rejects(
      call(get(url), async (response) => {
        throw await refusal(response, { url, hints: {}, secrets: [] });
      }),
      (error) => error instanceof RefusedError && error.status === 503 && error.retryAfterMs === 7_000,
    );
  });
});

Deno.test("call() tells the sentence of who reads the answer, and not the cause that it has", async () => {
  await withServer(() => new Response("body"), async (url) => {
    const message = await messageOf(call(get(url), () => {
      throw new SyntaxError("it holds no metrics: check --from", { cause: new Error("byte 17 is bad") });
    }));
    assert.equal(message, `Cannot fetch ${placeOf(url)}: it holds no metrics: check --from`);
  });
});

Deno.test("refusal() strikes out what the URL holds, but what everybody knows", async () => {
  const url = new URL("http://user:pass%2Fword@h/upload?key=s3cr%C3%A9t&id=my-cluster&match[]=selector");
  const body =
    "no pass/word or pass%2Fword, s3crét, ?key=s3cr%C3%A9t&id=my-cluster&match[]=selector: my-cluster selector";
  const { message } = await refusal(new Response(body, { status: 404 }), { url, hints: {}, secrets: [] });
  assert.equal(message, "it answered 404; it says: no … or …, …, ?…: my-cluster selector");
});

Deno.test("refusal() strikes out the login of the URL in the form in which a request carries it", async () => {
  const url = new URL("http://us%C3%A9r:pass%2Fword@h/federate");
  const sent = new TextEncoder().encode("usér:pass/word").toBase64();
  const body = `Authorization: Basic ${sent} is wrong`;
  const { message } = await refusal(new Response(body, { status: 401 }), { url, hints: {}, secrets: [] });
  assert.equal(message, "it answered 401; it says: Authorization: Basic … is wrong");
});

for (
  const page of [
    "Client sent an HTTP request to an HTTPS server.\n", // Go
    "<center>The plain HTTP request was sent to HTTPS port</center>", // nginx
    "Reason: You're speaking plain HTTP to an SSL-enabled server port.", // Apache
  ]
) {
  Deno.test(`refusal() says that a port speaks TLS where it answers ${page.trim()}`, async () => {
    const context = { url: new URL("http://h"), hints: { 400: "it refuses a --match" }, secrets: [] };
    const { message } = await refusal(new Response(page, { status: 400 }), context);
    assert.match(message, /^it answered 400, it speaks TLS: write https:\/\/ in its URL; it says: /);
  });
}

Deno.test("refusal() tells who is to be given the login of a proxy", async () => {
  const { message } = await refusal(new Response(null, { status: 407 }), {
    url: new URL("http://h"),
    hints: {},
    secrets: [],
  });
  assert.equal(message, "it answered 407, the proxy wants a user name and a password: give them in its URL");
});
