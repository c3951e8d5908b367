/**
 * Proxies to which a user name and a password would go unencrypted.
 *
 * @module
 */

import { isLoopback } from "../loopback.ts";
import type { PlainWay } from "../plain_transport.ts";
import type { ChosenProxy } from "./proxy_rule.ts";

/** The ways to those of the proxies that are reached so, what names one once. */
export function plainProxies(proxies: Iterable<ChosenProxy | undefined>): PlainWay[] {
  const ways = new Map<string, PlainWay>();
  for (const proxy of proxies) {
    if (proxy?.credentials === undefined || proxy.protocol === "https:" || isLoopback(new URL(proxy.url))) continue;
    const { url: place, namedBy: option } = proxy;
    ways.set(option, {
      option,
      place,
      what: "the proxy's user name and password",
      mend: "write https:// in its URL",
    });
  }
  return [...ways.values()];
}
