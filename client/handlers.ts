/**
 * What the client shows over HTTP: its metrics, health and last push, and `POST /-/reload`.
 *
 * @module
 */

import { type Handler, HttpError } from "../common/http/http.ts";
import { route } from "../common/http/http_route.ts";
import { metricsHandler, type Registry } from "../common/metrics.ts";
import { UsageError } from "../common/options.ts";
import { formatText, TEXT_CONTENT_TYPE } from "../common/exposition/text_format.ts";
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

/** Makes the client's handler. */
export function clientHandler({ forwarder, registry, reload, signal }: HandlerOptions): Handler {
  const page = (name: string, handler: Handler) => ({ name, methods: ["GET"], handler });
  const pages = {
    "/federate": page("federate", () => federated(forwarder)),
    "/healthz": page("healthz", () => plain("ok")),
    "/healthz/ready": page("ready", () => readiness(forwarder, signal)),
    "/metrics": page("metrics", metricsHandler(registry)),
    "/-/reload": { name: "reload", methods: ["POST"], handler: () => reloaded(reload) },
  };
  return route({ "/": page("root", () => Response.json({ paths: Object.keys(pages) })), ...pages });
}

function federated({ lastPush }: Pick<Forwarder, "lastPush">): Response {
  const text = formatText(lastPush, { timestamps: true });
  return new Response(new Uint8Array(text), { headers: { "content-type": TEXT_CONTENT_TYPE } });
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
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new HttpError(500, `Keeps the running configuration: ${error.message}`, { reason: "usage", cause: error });
  }
  return plain("Reloaded");
}

function plain(text: string): Response {
  return new Response(`${text}\n`);
}
