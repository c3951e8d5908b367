import assert from "node:assert/strict";
import { Counter, Registry } from "prom-client";
import type { ForwarderState } from "../../client/forwarder.ts";
import { clientHandler } from "../../client/handlers.ts";
import { UsageError } from "../../common/options.ts";
import { families } from "../support/series.ts";

Deno.test.sanitizer({ ops: true, resources: true });

function handler(reload: () => Promise<void> = () => Promise.resolve()) {
  const registry = new Registry();
  new Counter({ name: "tests_total", help: "Tests", registers: [registry] }).inc(2);
  const state: ForwarderState = { lastPushMs: 1_700_000_000_000, failures: 2, lastError: "Cannot push" };
  const stop = new AbortController();
  const forwarder = { state, lastPush: families(['up{a="1"} 2']) };
  const handle = clientHandler({ forwarder, registry, reload, signal: stop.signal });
  return { stop, fetch: (path: string, method = "GET") => handle(new Request(`http://client${path}`, { method })) };
}

Deno.test("clientHandler() lists its pages", async () => {
  assert.deepEqual(await (await handler().fetch("/")).json(), {
    paths: ["/", "/federate", "/healthz", "/healthz/ready", "/metrics", "/-/reload"],
  });
});

Deno.test("clientHandler() shows the last push as text", async () => {
  const response = await handler().fetch("/federate?match[]=any");
  assert.equal(response.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  assert.equal(await response.text(), '# TYPE up untyped\nup{a="1"} 2\n');
});

Deno.test("clientHandler() shows the metrics", async () => {
  const response = await handler().fetch("/metrics");
  assert.match(response.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
  assert.match(await response.text(), /^tests_total 2$/m);
});

Deno.test("clientHandler() is healthy, and ready until the client stops", async () => {
  const { stop, fetch } = handler();
  assert.equal(await (await fetch("/healthz")).text(), "ok\n");
  const ready = await fetch("/healthz/ready");
  assert.equal(ready.status, 200);
  assert.deepEqual(await ready.json(), {
    ready: true,
    reason: "the configuration is loaded and the client forwards by it",
    lastPush: "2023-11-14T22:13:20.000Z",
    failures: 2,
    lastError: "Cannot push",
  });
  stop.abort();
  const stopping = await fetch("/healthz/ready");
  assert.equal(stopping.status, 503);
  assert.equal((await stopping.json()).reason, "the client is stopping");
});

Deno.test("clientHandler() reloads on POST", async () => {
  let reloads = 0;
  const { fetch } = handler(() => Promise.resolve(void reloads++));
  const response = await fetch("/-/reload", "POST");
  assert.equal(response.status, 200);
  await response.text();
  assert.equal(reloads, 1);
});

Deno.test("clientHandler() answers a bad reload with the sentence", async () => {
  const response = await handler(() => Promise.reject(new UsageError("Bad --match-file: line 1"))).fetch(
    "/-/reload",
    "POST",
  );
  assert.equal(response.status, 500);
  assert.equal(await response.text(), "Keeps the running configuration: Bad --match-file: line 1\n");
});

const refusals: [method: string, path: string, status: number, allow: string | null][] = [
  ["GET", "/-/reload", 405, "POST"],
  ["HEAD", "/-/reload", 405, "POST"],
  ["POST", "/federate", 405, "GET, HEAD"],
  ["DELETE", "/metrics", 405, "GET, HEAD"],
  ["GET", "/none", 404, null],
  ["GET", "/toString", 404, null],
  ["GET", "/__proto__", 404, null],
];

for (const [method, path, status, allow] of refusals) {
  Deno.test(`clientHandler() answers ${method} ${path} with ${status}`, async () => {
    const response = await handler().fetch(path, method);
    assert.equal(response.status, status);
    assert.equal(response.headers.get("allow"), allow);
  });
}
