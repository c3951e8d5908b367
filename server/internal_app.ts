/**
 * The app of the listener that the operator's network reaches: what the server shows, and how it fares.
 *
 * @module
 */

import { type App, type AppOptions, asRoute, createApp, probe } from "../common/http/app.ts";
import type { Handler } from "../common/http/http.ts";
import { metricsHandler, type Registry } from "../common/metrics.ts";
import { apiRoutes } from "./api/api_routes.ts";
import { homePage, pageRoutes } from "./pages/page_routes.tsx";
import type { PagesOptions } from "./pages/pages_options.ts";
import { type RingOperator, ringRoutes } from "./ring_routes.ts";
import { type HealthSources, isAlive, isReady, whileOpen } from "./health.ts";

/** What the app is made of. */
export interface InternalAppOptions extends AppOptions, HealthSources, PagesOptions {
  /** Answers `GET /federate` as long as the server has its part in the ring. */
  readonly federate: Handler;
  /** What an operator may do to the ring, if the server is in one. */
  readonly operator?: RingOperator;
  /** Shown as JSON by `/debug/cluster`. */
  readonly ringStatus: () => unknown;
  /** Shown by `/metrics`. */
  readonly registry: Registry;
}

/** Makes the app. */
export function internalApp(options: InternalAppOptions): App {
  const { federate, operator, ringStatus, store, ring, registry, log, metrics } = options;
  return createApp({
    "/federate": { name: "federate", get: whileOpen(ring, asRoute(federate)) },
    "/metrics": { name: "metrics", get: metricsHandler(registry) },
    ...apiRoutes(options),
    ...pageRoutes(options),
    "/debug/cluster": { name: "cluster", get: () => Response.json(ringStatus()) },
    ...operator === undefined ? {} : ringRoutes(operator, options),
    "/healthz": probe("health", isAlive),
    "/healthz/ready": probe("ready", isReady({ store, ring })),
  }, { log, audience: "operators", metrics, home: homePage(options) });
}
