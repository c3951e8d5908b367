/**
 * A router of exact paths.
 *
 * @module
 */

import { type Handler, HttpError } from "./http.ts";
import { type HttpMetrics, instrument } from "./http_metrics.ts";

/** What is at a path. */
export interface Route {
  /** What the handler is called in metrics. */
  readonly name: string;
  /** The methods that it takes; GET brings HEAD with it. */
  readonly methods: readonly string[];
  /** Handles requests of these methods. */
  readonly handler: Handler;
}

/**
 * Makes one handler of a table by path. Any other path is a 404, any other method a 405 that names the right ones. With
 * `metrics` all of them are counted: paths that are not in the table under the handler `none`.
 */
export function route(table: Readonly<Record<string, Route>>, { metrics }: { metrics?: HttpMetrics } = {}): Handler {
  const counted = (name: string, handler: Handler) => metrics ? instrument(name, handler, metrics) : handler;
  const routes = new Map(
    Object.entries(table).map(([path, { name, methods, handler }]) => {
      const allowed = new Set(methods.includes("GET") ? [...methods, "HEAD"] : methods);
      const checked: Handler = (request, peer) => {
        if (allowed.has(request.method)) return handler(request, peer);
        throw new HttpError(405, `Cannot use this method on ${path}: use ${methods.join(" or ")}`, {
          reason: "method",
          headers: { allow: [...allowed].join(", ") },
        });
      };
      return [path, counted(name, checked)];
    }),
  );
  const nowhere = counted("none", () => {
    throw new HttpError(404, "There is nothing at this path", { reason: "path" });
  });
  return (request, peer) => (routes.get(pathOf(request.url)) ?? nowhere)(request, peer);
}

function pathOf(url: string): string {
  return URL.parse(url)?.pathname ?? "";
}
