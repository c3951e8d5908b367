/**
 * The app of the listener that clients reach: authorizing, pushing, remote write, health.
 *
 * @module
 */

import { type App, type AppOptions, asRoute, createApp, probe } from "../common/http/app.ts";
import type { Handler } from "../common/http/http.ts";
import { type HealthSources, isAlive, isReady } from "./health.ts";

/** What the app is made of. */
export interface ExternalAppOptions extends AppOptions, HealthSources {
  /** Answers `POST /authorize`. */
  readonly authorize: Handler;
  /** Answers `POST /oauth2/token`. */
  readonly oauth2Token: Handler;
  /** Answers `POST /upload`. */
  readonly upload: Handler;
  /** Answers requests of remote write. */
  readonly receive: Handler;
}

/** Where senders of remote write look for it: Prometheus's own path, and those of Thanos and of openshift/telemeter. */
const WRITE_PATHS = ["/api/v1/write", "/api/v1/receive", "/metrics/v1/receive"];

/** Makes the app. */
export function externalApp(
  { authorize, oauth2Token, upload, receive, store, ring, log, metrics }: ExternalAppOptions,
): App {
  return createApp({
    "/authorize": { name: "authorize", post: asRoute(authorize) },
    "/oauth2/token": { name: "oauth2_token", post: asRoute(oauth2Token) },
    "/upload": { name: "upload", post: asRoute(upload) },
    ...Object.fromEntries(WRITE_PATHS.map((path) => [path, { name: "remote_write", post: asRoute(receive) }])),
    "/healthz": probe("health", isAlive),
    "/healthz/ready": probe("ready", isReady({ store, ring })),
  }, { log, metrics });
}
