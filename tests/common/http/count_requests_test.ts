import assert from "node:assert/strict";
import { Hono } from "@hono/hono";
import { Registry } from "prom-client";
import type { AppEnv, RouteHandler } from "../../../common/http/app.ts";
import { countRequests } from "../../../common/http/count_requests.ts";
import { ErrorAnswers } from "../../../common/http/error_answers.ts";
import { HttpError } from "../../../common/http/http.ts";
import { HttpMetrics } from "../../../common/http/http_metrics.ts";
import { recordingLog } from "../../support/recording_log.ts";

const peer = { address: "192.0.2.1" };

/** An app of one counted handler. */
function setUp(name = "x", handler: RouteHandler = () => new Response()) {
  const registry = new Registry(), metrics = new HttpMetrics(registry), { log } = recordingLog();
  const thrown: unknown[] = [], answers = new ErrorAnswers({ log });
  const app = new Hono<AppEnv>().use(countRequests(name, metrics)).all("*", handler);
  app.onError((error) => {
    thrown.push(error);
    return answers.answer(error);
  });
  const linesOf = async (name: string) =>
    (await registry.metrics()).split("\n").filter((line) => line.startsWith(name + "{"));
  return { fetch: app.fetch, thrown, linesOf };
}

Deno.test("countRequests() counts by status, name and method, of which there are few", async () => {
  const { fetch, linesOf } = setUp("upload", (c) => new Response(null, { status: Number(c.req.header("x")) }));
  for (
    const [method, status] of [["GET", 200], ["GET", 200], ["POST", 429], ["BREW", 405], ["M-SEARCH", 405]] as const
  ) {
    await fetch(new Request("http://localhost/", { method, headers: { x: String(status) } }), peer);
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

Deno.test("countRequests() counts what a handler throws by the status that it leads to, and lets it go on", async () => {
  const errors = [new HttpError(413, "Too long", { reason: "body_size" }), new Error("oops"), new TypeError("late")];
  const left = errors.values();
  const { fetch, thrown, linesOf } = setUp("x", () => {
    const error = left.next().value!;
    if (error instanceof TypeError) return Promise.reject(error);
    throw error;
  });
  for (const _ of errors) await fetch(new Request("http://localhost/"), peer);
  assert.deepEqual(thrown, errors);
  assert.deepEqual(await linesOf("http_requests_total"), [
    'http_requests_total{code="413",handler="x",method="get"} 1',
    'http_requests_total{code="500",handler="x",method="get"} 2',
  ]);
});

Deno.test("countRequests() takes the time of a body's sending for part of the request's", async () => {
  const { promise: done, resolve } = Promise.withResolvers<void>();
  const { fetch, linesOf } = setUp("federate", () => new Response("page"));
  await fetch(new Request("http://localhost/"), { ...peer, done });
  assert.deepEqual(await linesOf("http_requests_total"), []);
  resolve();
  await done;
  assert.deepEqual(await linesOf("http_requests_total"), [
    'http_requests_total{code="200",handler="federate",method="get"} 1',
  ]);
});
