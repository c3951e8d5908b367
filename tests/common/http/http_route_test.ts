import assert from "node:assert/strict";
import { Registry } from "prom-client";
import { type Handler, HttpError } from "../../../common/http/http.ts";
import { HttpMetrics } from "../../../common/http/http_metrics.ts";
import { route } from "../../../common/http/http_route.ts";

const peer = { address: "192.0.2.1" };
const named = (name: string): Handler => (_, { address }) => new Response(`${name} for ${address}`);
const TABLE = {
  "/": { name: "root", methods: ["GET"], handler: named("root") },
  "/upload": { name: "upload", methods: ["POST"], handler: named("upload") },
  "/both": { name: "both", methods: ["GET", "PUT"], handler: named("both") },
};

/** The body, or the status and headers of the HttpError that the request ends with. */
async function ask(handler: Handler, method: string, path: string): Promise<unknown> {
  try {
    return await (await handler(new Request(`http://localhost${path}`, { method }), peer)).text();
  } catch (error) {
    assert(error instanceof HttpError);
    return [error.status, error.reason, error.headers?.allow];
  }
}

Deno.test("route() finds a handler by its exact path and its methods", async () => {
  const handler = route(TABLE);
  const rows: [string, string, unknown][] = [
    ["GET", "/", "root for 192.0.2.1"],
    ["GET", "", "root for 192.0.2.1"],
    ["GET", "/?a=/upload#b", "root for 192.0.2.1"],
    ["POST", "/upload?id=1", "upload for 192.0.2.1"],
    ["HEAD", "/both", "both for 192.0.2.1"],
    ["PUT", "/both", "both for 192.0.2.1"],
    ["GET", "/upload", [405, "method", "POST"]],
    ["HEAD", "/upload", [405, "method", "POST"]],
    ["DELETE", "/both", [405, "method", "GET, PUT, HEAD"]],
    ["BREW", "/both", [405, "method", "GET, PUT, HEAD"]],
    ["GET", "/upload/", [404, "path", undefined]],
    ["GET", "//upload", [404, "path", undefined]],
    ["GET", "/Upload", [404, "path", undefined]],
    ["GET", "/%75pload", [404, "path", undefined]],
    ["GET", "/constructor", [404, "path", undefined]],
    ["GET", "/x/../upload", [405, "method", "POST"]],
  ];
  for (const [method, path, wanted] of rows) {
    assert.deepEqual(await ask(handler, method, path), wanted, `${method} ${path}`);
  }
});

Deno.test("route() counts every request under a name of its table, or none", async () => {
  const registry = new Registry();
  const handler = route(TABLE, { metrics: new HttpMetrics(registry) });
  for (const path of ["/", "/upload", "/nowhere", "/elsewhere"]) await ask(handler, "GET", path);
  const lines = (await registry.metrics()).match(/^http_requests_total.*/gm);
  assert.deepEqual(lines, [
    'http_requests_total{code="200",handler="root",method="get"} 1',
    'http_requests_total{code="405",handler="upload",method="get"} 1',
    'http_requests_total{code="404",handler="none",method="get"} 2',
  ]);
});
