import assert from "node:assert/strict";
import { Registry } from "prom-client";
import { CLIENT_GONE, type Handler, HttpError, readBody } from "../../../common/http/http.ts";
import { HttpMetrics } from "../../../common/http/http_metrics.ts";
import { listen } from "../../../common/http/http_server.ts";
import { UsageError } from "../../../common/options.ts";
import { RawClient } from "../../support/raw_client.ts";
import { LISTENER_KINDS, openListener as open } from "../../support/any_listener.ts";
import { type LogRecord, recordingLog } from "../../support/recording_log.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const KB = 1_024;

/** A handler for each path. */
function paths(table: Record<string, Handler>): Handler {
  return (request, peer) => table[new URL(request.url).pathname](request, peer);
}

const echo: Handler = async (request) => new Response(await readBody(request, { limitBytes: 100 * KB }) as BodyInit);

for (const kind of LISTENER_KINDS) {
  const test = (sentence: string, run: () => Promise<void>) => Deno.test(`listen() ${kind}: ${sentence}`, run);

  test("hands the handler what the client sent, and the client what the handler returned", async () => {
    await using bench = await open(kind, async (request, peer) => {
      assert(request instanceof Request);
      const { method, url, headers } = request;
      return Response.json({
        method,
        path: url.slice(new URL(url).origin.length),
        header: headers.get("x-a"),
        absent: headers.get("x-b"),
        peer: peer.address,
        body: await request.text(),
        used: request.bodyUsed,
      }, { status: 201, headers: { "x-c": "d" } });
    });
    const response = await bench.get("/a%20b?c=d&e", { method: "POST", headers: { "x-a": "1" }, body: "höhe" });
    assert.equal(response.status, 201);
    assert.equal(response.headers.get("x-c"), "d");
    assert.equal(response.headers.get("content-type"), "application/json");
    assert.deepEqual(await response.json(), {
      method: "POST",
      path: "/a%20b?c=d&e",
      header: "1",
      absent: null,
      peer: "127.0.0.1",
      body: "höhe",
      used: true,
    });
  });

  test("serves every way to read a body", async () => {
    await using bench = await open(
      kind,
      paths({
        "/json": async (request) => Response.json(await request.json()),
        "/form": async (request) => new Response(String((await request.formData()).get("id"))),
        "/bytes": async (request) => new Response(await request.clone().bytes()),
        "/whole": echo,
        "/stream": (request) => new Response(request.body?.pipeThrough(new TransformStream())),
      }),
    );
    const post = async (path: string, body: BodyInit) => await (await bench.get(path, { method: "POST", body })).text();
    assert.equal(await post("/json", '{"a": 1}'), '{"a":1}');
    assert.equal(await post("/form", new URLSearchParams({ id: "a b" })), "a b");
    const long = "0123456789".repeat(10_000);
    for (const path of ["/bytes", "/whole", "/stream"]) {
      assert.equal(await post(path, "x"), "x");
      assert.equal(await post(path, long), long);
      assert.equal(await post(path, new Blob([long]).stream()), long, "without a length");
      assert.equal(await post(path, ""), "");
    }
  });

  test("serves HEAD, empty responses and responses of many chunks", async () => {
    const chunks = ["a", "", "b".repeat(200 * KB), "c"];
    await using bench = await open(
      kind,
      paths({
        "/text": () => new Response("text", { headers: { "content-length": "4" } }),
        "/none": () => new Response(null, { status: 204 }),
        "/empty": () => new Response(""),
        "/stream": () => new Response(ReadableStream.from(chunks).pipeThrough(new TextEncoderStream())),
      }),
    );
    const head = await bench.get("/text", { method: "HEAD" });
    assert.deepEqual([head.status, head.headers.get("content-length"), await head.text()], [200, "4", ""]);
    assert.equal((await bench.get("/none")).status, 204);
    assert.equal(await (await bench.get("/empty")).text(), "");
    assert.equal(await (await bench.get("/stream")).text(), chunks.join(""));
  });

  test("sends what a stream has before the stream goes on", async () => {
    const { promise: goOn, resolve } = Promise.withResolvers<void>();
    await using bench = await open(kind, () => {
      return new Response(
        ReadableStream.from((async function* () {
          yield "first";
          await goOn;
          yield "second";
        })()).pipeThrough(new TextEncoderStream()),
      );
    });
    using client = await bench.connect();
    await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await client.until(/first/);
    resolve();
    await client.until(/second\r\n0\r\n\r\n$/);
  });

  test("refuses a body by its claimed length without reading it, and one without a length once it is too long", async () => {
    await using bench = await open(kind, echo);
    const bodies = [
      { body: new Uint8Array(100 * KB + 1), why: "Cannot take a body of more than 102400 bytes: there are 102401\n" },
      {
        body: new Blob([new Uint8Array(100 * KB + 1)]).stream(),
        why: "Cannot take a body of more than 102400 bytes\n",
      },
    ];
    for (const { body, why } of bodies) {
      const response = await bench.get("/", { method: "POST", body });
      assert.equal(response.status, 413);
      assert.equal(await response.text(), why);
    }
    assert.deepEqual(bench.records, []);
  });

  test("tells of an HttpError its message, and of any other error a random id under which the log has it", async () => {
    await using bench = await open(
      kind,
      paths({
        "/known": () => {
          throw new HttpError(429, "Come back later", { reason: "rate", headers: { "retry-after": "7" } });
        },
        "/unknown": () => {
          throw new Error("the password is 1234");
        },
        "/late": () => Promise.reject(new TypeError("the password is 1234")),
      }),
    );
    const known = await bench.get("/known");
    assert.deepEqual([known.status, known.headers.get("retry-after")], [429, "7"]);
    assert.equal(await known.text(), "Come back later\n");
    assert.deepEqual(bench.records, []);
    for (const path of ["/unknown", "/late"]) {
      const unknown = await bench.get(path + "?token=secret");
      assert.equal(unknown.status, 500);
      const id = (await unknown.text()).match(/^Internal error: the server's log has it under ([0-9a-f-]{36})\n$/)?.[1];
      const record: LogRecord = bench.records[bench.records.length - 1];
      assert.deepEqual([record.level, record.fields.id, record.fields.path], ["error", id, path]);
      assert.match(String(record.fields.error), /the password is 1234/);
    }
  });

  test("ends the reading of a body when the client goes away", async () => {
    const { promise: outcome, resolve } = Promise.withResolvers<unknown>(), started = Promise.withResolvers<void>();
    await using bench = await open(kind, async (request) => {
      started.resolve();
      resolve(await readBody(request, { limitBytes: KB }).catch((error) => error));
      return new Response();
    });
    const client = await bench.connect();
    await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    await started.promise;
    client[Symbol.dispose]();
    const error = await outcome;
    assert(error instanceof HttpError && error.status === CLIENT_GONE, Deno.inspect(error));
  });

  test("aborts the request's signal when the client goes away, and not when it has its response", async () => {
    const signals: AbortSignal[] = [];
    const aborted = Promise.withResolvers<void>(), started = Promise.withResolvers<void>();
    await using bench = await open(
      kind,
      paths({
        "/short": (request) => {
          signals.push(request.signal);
          return new Response("short");
        },
        "/long": async (request) => {
          request.signal.addEventListener("abort", () => aborted.resolve());
          started.resolve();
          await aborted.promise;
          return new Response("late");
        },
      }),
    );
    const client = await bench.connect();
    await client.send("GET /short HTTP/1.1\r\nHost: a\r\n\r\n");
    await client.until(/short$/);
    await client.send("GET /long HTTP/1.1\r\nHost: a\r\n\r\n");
    await started.promise;
    client[Symbol.dispose]();
    await aborted.promise;
    assert.deepEqual(signals.map((signal) => signal.aborted), [false]);
  });

  test("stops pulling from a stream that its client does not read, and cancels it when the client goes away", async () => {
    let pulled = 0;
    const cancelled = Promise.withResolvers<void>();
    const chunk = new Uint8Array(64 * KB);
    const endless = () => {
      const pull = (controller: ReadableStreamDefaultController) => {
        pulled++;
        controller.enqueue(chunk);
      };
      return new Response(new ReadableStream({ pull, cancel: () => cancelled.resolve() }, { highWaterMark: 0 }));
    };
    await using bench = await open(kind, paths({ "/": endless, "/ping": () => new Response("pong") }));
    const client = await bench.connect();
    await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await client.until(/200 OK/);
    // As long as more is pulled the buffers in between fill; then it stands still, far from what an endless stream has.
    for (let before = -1; before < pulled;) {
      before = pulled;
      for (let i = 0; i < 5; i++) await (await bench.get("/ping")).text();
    }
    assert(pulled < 500, `${pulled} chunks were pulled`);
    const stood = pulled;
    await client.drink(8 * KB * KB);
    assert(pulled > stood);
    client[Symbol.dispose]();
    await cancelled.promise;
  });

  test("lets a request in flight finish when it is disposed of, and takes no new one", async () => {
    const started = Promise.withResolvers<void>(), goOn = Promise.withResolvers<void>();
    const bench = await open(kind, async () => {
      started.resolve();
      await goOn.promise;
      return new Response("done");
    });
    using idle = await bench.connect();
    using busy = await bench.connect();
    await busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await started.promise;
    const disposed = bench.listener[Symbol.asyncDispose]();
    if (kind === "trusting") {
      await idle.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
      await idle.until(/^HTTP\/1\.1 503 /);
    } else {
      assert.equal(await idle.untilClosed(), "");
      await assert.rejects(Deno.connect({ hostname: "127.0.0.1", port: bench.listener.port }));
    }
    goOn.resolve();
    assert.match(await busy.untilClosed(), /^HTTP\/1\.1 200 OK\r\n[^]*done$/);
    await disposed;
    await idle.untilClosed();
    await assert.rejects(Deno.connect({ hostname: "127.0.0.1", port: bench.listener.port }));
    await bench[Symbol.asyncDispose]();
  });

  test("cuts a request that is still in flight when its time to finish is over", async () => {
    const started = Promise.withResolvers<void>(), aborted = Promise.withResolvers<void>();
    const bench = await open(kind, async (request) => {
      request.signal.addEventListener("abort", () => aborted.resolve());
      started.resolve();
      await aborted.promise;
      return new Response("too late");
    }, { drainMs: 20 });
    using client = await bench.connect();
    await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await started.promise;
    await bench.listener[Symbol.asyncDispose]();
    assert.equal(await client.untilClosed(), "");
    await aborted.promise;
    await bench[Symbol.asyncDispose]();
  });
}

Deno.test("listen() says in one sentence why it cannot listen", async () => {
  const { log } = recordingLog();
  for (const hostile of [undefined, {}]) {
    await using first = await listen(() => new Response(), { address: { hostname: "127.0.0.1", port: 0 }, log });
    const { port } = first;
    await assert.rejects(
      listen(() => new Response(), { address: { hostname: "127.0.0.1", port }, log, hostile }),
      (error) => {
        assert(error instanceof UsageError);
        assert.equal(
          error.message,
          `Cannot listen on 127.0.0.1:${port}: another program already listens there; stop it or choose another port`,
        );
        return true;
      },
    );
    await assert.rejects(
      listen(() => new Response(), { address: { hostname: "192.0.2.1", port: 0 }, log, hostile }),
      {
        message:
          "Cannot listen on 192.0.2.1:0: this machine does not have that address; choose one that it has, or :PORT for all of them",
      },
    );
  }
});

Deno.test("listen() takes an empty hostname for every address", async () => {
  const { log } = recordingLog();
  for (const hostile of [undefined, {}]) {
    await using listener = await listen((_, { address }) => new Response(address), {
      address: { hostname: "", port: 0 },
      log,
      hostile,
    });
    assert.equal(listener.url.hostname, "localhost");
    using client = await RawClient.connect(listener.port);
    await client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert.match(await client.untilClosed(), /\r\n\r\n127\.0\.0\.1$/);
  }
});

Deno.test("listen() counts open connections of a guarded listener until it is disposed of", async () => {
  const registry = new Registry(), metrics = new HttpMetrics(registry);
  const bench = await open("guarded", () => new Response("x"), { name: "external", metrics });
  using client = await bench.connect();
  await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await client.until(/x$/);
  assert.match(await registry.metrics(), /^telemeter_http_connections\{listener="external"\} 1$/m);
  await bench[Symbol.asyncDispose]();
  assert.doesNotMatch(await registry.metrics(), /^telemeter_http_connections\{/m);
});
