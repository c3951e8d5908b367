import assert from "node:assert/strict";
import { Registry } from "prom-client";
import { type Handler, HttpError } from "../../../common/http/http.ts";
import { HttpMetrics, instrument } from "../../../common/http/http_metrics.ts";

const peer = { address: "192.0.2.1" };

function setUp() {
  const registry = new Registry(), metrics = new HttpMetrics(registry);
  const linesOf = async (name: string) =>
    (await registry.metrics()).split("\n").filter((line) => line.startsWith(name + "{"));
  return { metrics, linesOf };
}

Deno.test("instrument() counts by status, name and method, of which there are few", async () => {
  const { metrics, linesOf } = setUp();
  const handler = instrument(
    "upload",
    (request) => new Response(null, { status: Number(request.headers.get("x")) }),
    metrics,
  );
  for (
    const [method, status] of [["GET", 200], ["GET", 200], ["POST", 429], ["BREW", 405], ["M-SEARCH", 405]] as const
  ) {
    await handler(new Request("http://localhost/", { method, headers: { x: String(status) } }), peer);
  }
  assert.deepEqual(await linesOf("http_requests_total"), [
    'http_requests_total{code="200",handler="upload",method="get"} 2',
    'http_requests_total{code="429",handler="upload",method="post"} 1',
    'http_requests_total{code="405",handler="upload",method="other"} 2',
  ]);
  assert.deepEqual(await linesOf("http_request_duration_seconds_count"), [
    'http_request_duration_seconds_count{code="200",handler="upload",method="get"} 2',
    'http_request_duration_seconds_count{code="429",handler="upload",method="post"} 1',
    'http_request_duration_seconds_count{code="405",handler="upload",method="other"} 2',
  ]);
});

Deno.test("instrument() counts what a handler throws by the status that it leads to, and throws it on", async () => {
  const { metrics, linesOf } = setUp();
  const errors = [new HttpError(413, "Too long", { reason: "body_size" }), new Error("oops"), new TypeError("late")];
  for (const [at, error] of errors.entries()) {
    const handler: Handler = at === 2 ? () => Promise.reject(error) : () => {
      throw error;
    };
    await assert.rejects(
      Promise.resolve(instrument("x", handler, metrics)(new Request("http://localhost/"), peer)),
      (thrown) => thrown === error,
    );
  }
  assert.deepEqual(await linesOf("http_requests_total"), [
    'http_requests_total{code="413",handler="x",method="get"} 1',
    'http_requests_total{code="500",handler="x",method="get"} 2',
  ]);
});

Deno.test("instrument() takes the time of a body's sending for part of the request's", async () => {
  const { metrics, linesOf } = setUp();
  const { promise: done, resolve } = Promise.withResolvers<void>();
  const handler = instrument("federate", () => new Response("page"), metrics);
  await handler(new Request("http://localhost/"), { ...peer, done });
  assert.deepEqual(await linesOf("http_requests_total"), []);
  resolve();
  await done;
  assert.deepEqual(await linesOf("http_requests_total"), [
    'http_requests_total{code="200",handler="federate",method="get"} 1',
  ]);
});

Deno.test("HttpMetrics shows each listener's open connections as long as it is watched", async () => {
  const { metrics, linesOf } = setUp();
  const stop = metrics.watchOpen("external", () => 3);
  metrics.watchOpen("internal", () => 0);
  metrics.refused("external", "address");
  metrics.cut("external", "idle");
  assert.deepEqual(await linesOf("telemeter_http_connections"), [
    'telemeter_http_connections{listener="external"} 3',
    'telemeter_http_connections{listener="internal"} 0',
  ]);
  stop();
  assert.deepEqual(await linesOf("telemeter_http_connections"), ['telemeter_http_connections{listener="internal"} 0']);
  assert.deepEqual(await linesOf("telemeter_http_connections_refused_total"), [
    'telemeter_http_connections_refused_total{listener="external",reason="address"} 1',
  ]);
  assert.deepEqual(await linesOf("telemeter_http_connections_cut_total"), [
    'telemeter_http_connections_cut_total{listener="external",reason="idle"} 1',
  ]);
});
