/**
 * What the client shows over HTTP: its metrics, health and last push, and `POST /-/reload`.
 *
 * @module
 */

import type { Registry } from "prom-client";
import { metricsHandler } from "../common/metrics.ts";
import { UsageError } from "../common/options.ts";
import { formatText } from "../common/text_format.ts";
import type { Forwarder } from "./forwarder.ts";

/** What the handlers show and do. */
export interface HandlerOptions {
  /** Shown by `/healthz/ready` and `/federate`. */
  readonly forwarder: Pick<Forwarder, "state" | "lastPush">;
  /** Shown by `/metrics`. */
  readonly registry: Registry;
  /** Loads the settings anew; throws {@linkcode UsageError} if they are bad. */
  readonly reload: () => Promise<void>;
  /** Aborted when the client stops. */
  readonly signal: AbortSignal;
}

interface Route {
  readonly method: "GET" | "POST";
  readonly respond: () => Response | Promise<Response>;
}

/** Makes the client's handler. */
export function clientHandler(options: HandlerOptions): (request: Request) => Response | Promise<Response> {
  const { forwarder, registry, reload, signal } = options;
  const routes: Readonly<Record<string, Route>> = {
    "/": { method: "GET", respond: () => Response.json({ paths: Object.keys(routes) }) },
    "/federate": {
      method: "GET",
      respond: () =>
        new Response(new Uint8Array(formatText(forwarder.lastPush, { timestamps: true })), {
          headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
        }),
    },
    "/healthz": { method: "GET", respond: () => plain("ok") },
    "/healthz/ready": { method: "GET", respond: () => readiness(forwarder, signal) },
    "/metrics": { method: "GET", respond: metricsHandler(registry) },
    "/-/reload": { method: "POST", respond: () => reloaded(reload) },
  };
  return (request) => {
    const { pathname } = new URL(request.url);
    const route = Object.hasOwn(routes, pathname) ? routes[pathname] : undefined;
    if (route === undefined) return plain("There is no such page; / lists those that there are", { status: 404 });
    const method = request.method === "HEAD" ? "GET" : request.method;
    if (method === route.method) return route.respond();
    const allow = route.method === "GET" ? "GET, HEAD" : route.method;
    return plain(`Cannot ${request.method} this page: it takes ${allow}`, { status: 405, headers: { allow } });
  };
}

/** Ready means: the configuration is loaded and the loop runs. How the loop fares is told beside it. */
function readiness({ state }: Pick<Forwarder, "state">, signal: AbortSignal): Response {
  const { lastPushMs, failures, lastError } = state;
  return Response.json({
    ready: !signal.aborted,
    reason: signal.aborted ? "the client is stopping" : "the configuration is loaded and the client forwards by it",
    lastPush: lastPushMs === undefined ? null : new Date(lastPushMs).toISOString(),
    failures,
    lastError: lastError ?? null,
  }, { status: signal.aborted ? 503 : 200 });
}

async function reloaded(reload: () => Promise<void>): Promise<Response> {
  try {
    await reload();
    return plain("Reloaded");
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return plain(`Keeps the running configuration: ${error.message}`, { status: 500 });
  }
}

function plain(text: string, init?: ResponseInit): Response {
  return new Response(`${text}\n`, init);
}
