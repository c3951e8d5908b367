/**
 * Requests that make a program do something and carry no token: a page of the web must not have a browser send them.
 *
 * A browser lets any page send a form to any address, and says in `Origin` and `Sec-Fetch-Site` whose page it is. A page whose
 * name its owner lets lead to this machine (DNS rebinding) is of the same origin to the browser: there `Host` gives it away,
 * as it still holds that name.
 *
 * @module
 */

import type { Address } from "../option_kinds.ts";
import { plainText } from "../plain_text.ts";
import { isThisMachine } from "./addresses.ts";
import type { RouteHandler } from "./app.ts";
import { HttpError } from "./http.ts";

/** Addresses that stand for all of a machine's. */
const WILDCARDS: ReadonlySet<string> = new Set(["", "0.0.0.0", "::"]);

/** An IP address as the host of a URL, where names look otherwise. */
const ADDRESS = /:|^\d+(?:\.\d+){3}$/;

/** What {@linkcode acting} works with. */
export interface ActingOptions {
  /**
   * Where the listener was told to listen. Beside `localhost` and loopback addresses, this host is its own; if it stands for all
   * addresses of the machine, any address is, which no page can make its name.
   */
  readonly listen: Pick<Address, "hostname">;
}

/** The handler of a request that acts: it answers 403, in words, to one that a page of the web may have made a browser send. */
export function acting(handler: RouteHandler, { listen }: ActingOptions): RouteHandler {
  const own = hostOf(listen.hostname.includes(":") ? `[${listen.hostname}]` : listen.hostname);
  const isOwn = (host: string) =>
    isThisMachine(host) || host === own || (WILDCARDS.has(listen.hostname) && ADDRESS.test(host));
  return (c) => {
    const { headers } = c.req.raw;
    const host = headers.get("host") ?? "", origin = headers.get("origin"), site = headers.get("sec-fetch-site");
    if (!isOwn(hostOf(host) ?? "")) {
      throw refusal("host", `by this Host: '${plainText(host)}' is neither this machine's address nor localhost`);
    }
    if (origin !== null && !isSameOrigin(origin, host)) {
      throw refusal("origin", `for a page of another Origin: '${plainText(origin)}'`);
    }
    if (site !== null && site !== "same-origin" && site !== "none") {
      throw refusal("origin", `for a page of another site: Sec-Fetch-Site is '${plainText(site)}'`);
    }
    return handler(c);
  };
}

/** The host of `HOST[:PORT]`, as URLs have it, without brackets; undefined if it is none. */
function hostOf(host: string): string | undefined {
  const hostname = URL.parse(`http://${host}`)?.hostname;
  return hostname?.replace(/^\[(.*)\]$/, "$1").replace(/\.$/, "");
}

/** Whether an `Origin` has the host and port that the request is addressed to; TLS may end before us. */
function isSameOrigin(origin: string, host: string): boolean {
  const url = URL.parse(origin);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) return false;
  return url.origin === origin.toLowerCase() && url.host === URL.parse(`${url.protocol}//${host}`)?.host;
}

function refusal(reason: string, why: string): HttpError {
  return new HttpError(403, `Cannot act on this request ${why}`, { reason });
}
