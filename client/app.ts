/**
 * What the client shows over HTTP: its pages, metrics, health and last push, and `POST /-/reload`.
 *
 * @module
 */

import { acting } from "../common/http/acting.ts";
import { type App, createApp, probe, type RouteHandler } from "../common/http/app.ts";
import { HttpError } from "../common/http/http.ts";
import { preferred } from "../common/http/negotiate.ts";
import type { Logger } from "../common/log.ts";
import type { Address } from "../common/option_kinds.ts";
import { UsageError } from "../common/options.ts";
import type { FamilyRegistry } from "../common/exposition/family_registry.ts";
import type { MetricFamily } from "../common/exposition/metric_family.ts";
import { formatText, TEXT_CONTENT_TYPE } from "../common/exposition/text_format.ts";
import type { Forwarder } from "./forwarder.ts";
import type { ClientView } from "./pages/client_view.ts";

/** What the app shows and does. */
export interface ClientAppOptions {
  /** Shown by `/healthz/ready` and `/federate`. */
  readonly forwarder: Pick<Forwarder, "state" | "lastPush">;
  /** Shown by `/metrics`. */
  readonly registry: Pick<FamilyRegistry, "families">;
  /** What the pages show. */
  readonly view: () => Promise<ClientView>;
  /** Loads the settings anew; throws {@linkcode UsageError} if they are bad. */
  readonly reload: () => Promise<void>;
  /** Where the app is to be reached. */
  readonly listen: Address;
  /** Aborted when the client stops. */
  readonly signal: AbortSignal;
  /** Gets the errors that nobody else gets to see. */
  readonly log: Logger;
}

/** Makes the client's app. */
export function clientApp({ forwarder, registry, view, reload, listen, signal, log }: ClientAppOptions): App {
  const home: RouteHandler = async (c) => {
    const { clientPage } = await import("./pages/client_pages.tsx");
    return await clientPage(c.req.path, { view: await view(), nowMs: Date.now() });
  };
  const asset: RouteHandler = async (c) => (await import("./pages/client_pages.tsx")).pageAsset(c);
  return createApp({
    "/federate": { name: "federate", get: ({ req }) => page(forwarder.lastPush, req.raw) },
    "/healthz": probe("healthz", () => plain("ok")),
    "/healthz/ready": probe("ready", () => readiness(forwarder, signal)),
    "/metrics": { name: "metrics", get: ({ req }) => page(registry.families(), req.raw) },
    "/settings": { name: "settings", get: home },
    "/assets/page.css": { name: "assets", get: asset },
    "/assets/page.js": { name: "assets", get: asset },
    "/assets/icon.svg": { name: "assets", get: asset },
    "/-/reload": { name: "reload", post: acting(() => reloaded(reload), { listen }) },
  }, { log, audience: "operators", home });
}

/** Families as text, with the names that the request takes, as Prometheus decides it on its own `/federate`. */
function page(families: Iterable<MetricFamily>, { headers }: Request): Response {
  const allowsUtf8 = preferred(headers.get("accept"), ["text/plain"]).parameters.get("escaping") === "allow-utf-8";
  const text = formatText(families, { timestamps: true, escaping: allowsUtf8 ? "allow-utf-8" : "underscores" });
  const type = allowsUtf8 ? `${TEXT_CONTENT_TYPE}; escaping=allow-utf-8` : TEXT_CONTENT_TYPE;
  return new Response(new Uint8Array(text), { headers: { "content-type": type, "vary": "accept" } });
}

/** Ready means: the configuration is loaded and the loop runs. How the loop fares is told beside it. */
function readiness({ state }: Pick<Forwarder, "state">, signal: AbortSignal): Response {
  const { lastPushMs, failures, lastError } = state;
  return Response.json({
    ready: !signal.aborted,
    reason: signal.aborted ? "the client is stopping" : "the configuration is loaded and the client is forwarding",
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
    throw new HttpError(500, `Cannot reload; the running configuration stays: ${error.message}`, {
      reason: "usage",
      cause: error,
    });
  }
  return plain("Reloaded");
}

function plain(text: string): Response {
  return new Response(`${text}\n`);
}
