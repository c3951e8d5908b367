/**
 * Counting and timing the requests of a route.
 *
 * @module
 */

import type { MiddlewareHandler } from "@hono/hono";
import type { Peer } from "./http.ts";
import type { HttpMetrics } from "./http_metrics.ts";

/**
 * The middleware that counts and times the requests of a route under `name`, whether they are answered or refused.
 *
 * @internal its result is a type of the library, which documents it
 */
export function countRequests(name: string, metrics: HttpMetrics): MiddlewareHandler<{ Bindings: Peer }> {
  return async (c, next) => {
    const { method } = c.req, start = performance.now();
    await next();
    const { body, status } = c.res;
    const observe = () =>
      metrics.observe({ code: status, handler: name, method, seconds: (performance.now() - start) / 1_000 });
    // A body is still to be sent; the time of its sending is the client's as well as ours.
    if (body === null || c.env.done === undefined) observe();
    else void c.env.done.then(observe);
  };
}
