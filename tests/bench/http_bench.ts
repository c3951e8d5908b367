/**
 * What a listener adds to a push: a POST of 20 KB with a token, read whole and answered, over a kept connection. The
 * client's own work is in every figure.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Registry } from "prom-client";
import { asRoute, createApp } from "../../common/http/app.ts";
import { type Handler, readBody } from "../../common/http/http.ts";
import { HttpMetrics } from "../../common/http/http_metrics.ts";
import { listen } from "../../common/http/http_server.ts";
import { recordingLog } from "../support/recording_log.ts";

const head = `POST /upload HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${"a".repeat(600)}\r\n` +
  "Content-Type: application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited\r\n" +
  "Content-Encoding: snappy\r\nContent-Length: 20000\r\n\r\n";
const push = new TextEncoder().encode(head + "x".repeat(20_000));
const answer = new Uint8Array(1_024);

async function post(connection: Deno.Conn): Promise<void> {
  for (let sent = 0; sent < push.length;) sent += await connection.write(push.subarray(sent));
  await connection.read(answer);
}

// Nothing is to close the connections between the benchmarks.
const bare = createServer({ keepAliveTimeout: 0 }, (message, out) => {
  const chunks: Uint8Array[] = [];
  message.on("data", (chunk: Uint8Array) => chunks.push(chunk));
  message.on("end", () => {
    if (Buffer.concat(chunks).length !== 20_000) throw new Error("The body is not whole");
    out.end();
  });
});
await new Promise<void>((resolve) => void bare.listen(0, "127.0.0.1", resolve));
const address = { hostname: "127.0.0.1", port: 0 }, { log } = recordingLog();
const handler: Handler = async (request) => {
  if (request.headers.get("content-encoding") !== "snappy") throw new Error("The header is not there");
  if ((await readBody(request, { limitBytes: 512_000 })).length !== 20_000) throw new Error("The body is not whole");
  return new Response();
};
const app = createApp({ "/upload": { name: "upload", post: asRoute(handler) } }, {
  log,
  metrics: new HttpMetrics(new Registry()),
});
const guarded = await listen(handler, { address, log, hostile: {} });
const guardedApp = await listen(app.fetch, { address, log, hostile: {} });
const trusting = await listen(handler, { address, log });

const listeners = {
  "node:http, bare": bare.address() as AddressInfo,
  "guarded listener": guarded,
  "guarded listener, by an app": guardedApp,
  "trusting listener": trusting,
};
for (const [name, { port }] of Object.entries(listeners)) {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  Deno.bench(`http: POST of 20 KB, ${name}`, { group: "http" }, async () => {
    await post(connection);
  });
}
