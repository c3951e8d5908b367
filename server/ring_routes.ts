/**
 * What an operator may do to a ring, on the internal listener: overrule a lost majority, and end the memory of a dead member.
 *
 * @module
 */

import type { Route } from "../common/http/app.ts";
import { acting, type ActingOptions } from "../common/http/acting.ts";
import { HttpError } from "../common/http/http.ts";

/** The ring, as an operator takes hold of it. */
export interface RingOperator {
  /** Has the ring go on with these members alone; returns why that is not done. */
  forceView(names: readonly string[]): string | undefined;
  /** Forgets a member that is gone; false if it is there, or nobody knows it. */
  forget(name: string): boolean;
}

/** The routes, which no page of the web can have a browser use. */
export function ringRoutes(operator: RingOperator, options: ActingOptions): Record<string, Route> {
  return {
    "/-/ring/force-view": {
      name: "force-view",
      post: acting((c) => {
        const refusal = operator.forceView(namesOf(c.req.url));
        if (refusal !== undefined) throw new HttpError(409, refusal, { reason: "view" });
        return new Response("ok\n");
      }, options),
    },
    "/-/ring/forget": {
      name: "forget",
      post: acting((c) => {
        const names = namesOf(c.req.url);
        const kept = names.filter((name) => !operator.forget(name));
        if (kept.length > 0) {
          throw new HttpError(404, `Cannot forget who is there or is not known: ${kept.length} of the names`, {
            reason: "member",
          });
        }
        return new Response("ok\n");
      }, options),
    },
  };
}

function namesOf(url: string): string[] {
  const names = new URL(url).searchParams.getAll("name");
  if (names.length > 0) return names;
  throw new HttpError(400, "Say of which members: append ?name=NAME, more of them with &name=NAME", { reason: "name" });
}
