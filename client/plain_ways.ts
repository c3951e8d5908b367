/**
 * Where a client would send secrets unencrypted to another machine.
 *
 * @module
 */

import { isLoopback } from "../common/loopback.ts";
import type { PlainWay } from "../common/plain_transport.ts";
import { plainProxies } from "../common/outgoing/plain_proxies.ts";
import type { ProxyRule } from "../common/outgoing/proxy_rule.ts";

/** Where a client reads and pushes. */
export interface Ways {
  /** The Prometheus that it reads. */
  readonly from: URL;
  /** Whether a token or a password goes there. */
  readonly hasFromSecret: boolean;
  /** The proxies on the way there. */
  readonly fromProxy: ProxyRule;
  /** Where it pushes, and the flag that says so. */
  readonly upload?: { readonly url: URL; readonly option: string };
  /** Where it exchanges its token, and the flag that says so. */
  readonly authorize?: { readonly url: URL; readonly option: string };
  /** The proxies on the way there. */
  readonly toProxy: ProxyRule;
}

const MEND = "write https:// in its URL";

/** The ways that are open, each option once. */
export function plainWays({ from, hasFromSecret, fromProxy, upload, authorize, toProxy }: Ways): PlainWay[] {
  const ways: PlainWay[] = [];
  if (hasFromSecret && isPlain(from)) ways.push(wayTo(from, { option: "--from", what: "its token or password" }));
  if (authorize && isPlain(authorize.url)) ways.push(wayTo(authorize.url, { ...authorize, what: "the token" }));
  if (upload && isPlain(upload.url) && upload.option !== ways.at(-1)?.option) {
    ways.push(wayTo(upload.url, { ...upload, what: "each push and its token" }));
  }
  const proxies = [fromProxy(from), ...[authorize, upload].map((to) => to && toProxy(to.url))];
  return [...ways, ...plainProxies(proxies)];
}

function isPlain(url: URL): boolean {
  return url.protocol === "http:" && !isLoopback(url);
}

function wayTo({ origin: place }: URL, { option, what }: { option: string; what: string }): PlainWay {
  return { option, place, what, mend: MEND };
}
