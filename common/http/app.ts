/**
 * The Hono app of a listener: a table of routes, and what holds for all of them.
 *
 * @module
 */

import { type Context, Hono, type MiddlewareHandler } from "@hono/hono";
import { RegExpRouter } from "@hono/hono/router/reg-exp-router";
import type { Logger } from "../log.ts";
import { countRequests } from "./count_requests.ts";
import { type Audience, ErrorAnswers } from "./error_answers.ts";
import { type Handler, HttpError, type Peer } from "./http.ts";
import type { HttpMetrics } from "./http_metrics.ts";

/** What a route's handler gets beside the request: `c.env` is the peer that sent it. */
export interface AppEnv {
  /** Given to `app.fetch()` by the listener. */
  Bindings: Peer;
}

/**
 * The app of a listener: `listen(app.fetch, …)` serves it.
 *
 * @internal its members are those of the library, which documents them
 */
export type App = Hono<AppEnv>;

/**
 * Handles a request of one method and path.
 *
 * @internal its argument is that of the library, which documents it
 */
export type RouteHandler = (c: Context<AppEnv>) => Response | Promise<Response>;

/** The methods that a route may take. GET brings HEAD with it, and every route has an OPTIONS that tells its methods. */
export type RouteMethod = "get" | "post" | "put" | "patch" | "delete" | "options";

/** What is at a path: a name for the metrics, and a handler for each method. */
export type Route = { readonly name: string } & { readonly [method in RouteMethod]?: RouteHandler };

/** What a {@linkcode createApp} works with. */
export interface AppOptions {
  /** Gets the errors that the clients do not get to see. */
  readonly log: Logger;
  /**
   * Who reads the answers to what fails.
   *
   * @default {"strangers"}
   */
  readonly audience?: Audience;
  /** Counts the requests by the names of their routes; those to any other path count as `none`. */
  readonly metrics?: HttpMetrics;
  /** The page at `/` for browsers, which ask for HTML. */
  readonly home?: RouteHandler;
}

/**
 * Makes the app of a table of routes by path. Any other path is a 404, any other method a 405 that names the right ones.
 * `/` lists the other paths, unless the table has a page for it. `OPTIONS *` is answered for the listener as a whole.
 */
export function createApp(table: Readonly<Record<string, Route>>, { log, audience, metrics, home }: AppOptions): App {
  // All paths are fixed, which this router finds by one look into a table.
  const app: App = new Hono<AppEnv>({ router: new RegExpRouter(), getPath: pathOf });
  const answers = new ErrorAnswers({ log, audience });
  app.onError((error, c) => answers.answer(error, c.req.raw));
  const wantsPage = ({ req }: Context<AppEnv>) => req.header("accept")?.toLowerCase().includes("text/html") ?? false;
  const listing: Route = {
    name: "root",
    get: (c) => home !== undefined && wantsPage(c) ? home(c) : c.json({ paths: pathsOf(app) }),
  };
  for (const [path, { name, ...handlers }] of Object.entries({ "/": listing, ...table })) {
    if (metrics !== undefined) app.all(path, countRequests(name, metrics));
    if (handlers.get !== undefined) app.get(path, dropBodyOfHead);
    const methods = Object.keys(handlers).map((method) => method.toUpperCase()).filter((method) =>
      method !== "OPTIONS"
    );
    const allow = [...methods, ...(methods.includes("GET") ? ["HEAD"] : []), "OPTIONS"].join(", ");
    app.on("OPTIONS", path, tellMethods(allow));
    for (const [method, handler] of Object.entries({ options: nothing, ...handlers })) {
      app.on(method, path, throwingErrors(handler));
    }
    app.all(path, refuseMethod(`Cannot use this method on ${path}: use ${methods.join(" or ")}`, allow));
  }
  if (metrics !== undefined) app.use(countRequests("none", metrics));
  return app.all("*", (c) => {
    if (c.req.method === "OPTIONS" && c.req.path === "/*") return nothing();
    throw new HttpError(404, "There is nothing at this path: / lists the paths that there are", { reason: "path" });
  });
}

/** The route of a health check. Balancers ask by OPTIONS as well, HAProxy unless told otherwise: they are told the same. */
export function probe(name: string, handler: RouteHandler): Route {
  return { name, get: handler, options: handler };
}

/** A handler that knows nothing of Hono as the handler of a route. */
export function asRoute(handler: Handler): RouteHandler {
  return (c) => handler(c.req.raw, c.env);
}

/** The paths of an app in the order of its table, without its root. */
function pathsOf(app: App): string[] {
  return [...new Set(app.routes.map(({ path }) => path))].filter((path) => path !== "/" && path !== "/*");
}

/** The path as the client wrote it. Hono's own reading decodes it, so that one page had many addresses. */
function pathOf({ url }: Request): string {
  const [path] = /(?<=^[a-z]+:\/\/[^/?#]+)\/[^?#]*/i.exec(url) ?? ["/"];
  return path;
}

/** Hono answers HEAD as GET without the body, of which nobody else would tell its stream. */
const dropBodyOfHead: MiddlewareHandler<AppEnv> = async (c, next) => {
  await next();
  if (c.req.method === "HEAD") await c.res.body?.cancel();
};

/** Hono takes nothing but an `Error` to `onError`; anything else would pass by the answer and the metrics. */
function throwingErrors(handler: RouteHandler): RouteHandler {
  return async (c) => {
    try {
      return await handler(c);
    } catch (thrown) {
      if (thrown instanceof Error) throw thrown;
      throw new TypeError(`A handler threw what is no error: ${String(thrown)}`, { cause: thrown });
    }
  };
}

function tellMethods(allow: string): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    await next();
    c.res.headers.set("allow", allow);
  };
}

function nothing(): Response {
  return new Response(null, { status: 204 });
}

function refuseMethod(message: string, allow: string): RouteHandler {
  return () => {
    throw new HttpError(405, message, { reason: "method", headers: { allow } });
  };
}
