/**
 * Whose request it is that a trusted proxy passes on, by `Forwarded` (RFC 7239) or `X-Forwarded-For`.
 *
 * @module
 */

import type { IncomingHttpHeaders } from "node:http";
import { isIP } from "node:net";
import { plainAddress } from "./addresses.ts";
import type { Networks } from "./networks.ts";

/** Proxies that a request may have come through. */
const MAX_HOPS = 32;

/** What a {@linkcode clientAddress} is read from. */
export interface ForwardedOptions {
  /** The headers of the request. */
  readonly headers: IncomingHttpHeaders;
  /** The proxies that are believed. */
  readonly trusted: Networks;
}

/**
 * The address of the client behind a trusted proxy. Each proxy adds at the right whom it heard the request from, so that it is
 * read from there as far as the proxies are trusted; what is to the left of that is the client's own claim.
 *
 * Where there are both headers and they do not agree, one of them was passed on as the client sent it, and neither counts.
 */
export function clientAddress(proxy: string, { headers, trusted }: ForwardedOptions): string {
  const { forwarded, "x-forwarded-for": list } = headers;
  const claims = [
    ...(forwarded === undefined ? [] : [hopsOfForwarded(forwarded)]),
    ...(list === undefined ? [] : [hopsOfList(String(list))]),
  ].map((hops) => walk(proxy, hops.slice(-MAX_HOPS), trusted));
  const [client = proxy] = claims;
  return claims.every((claim) => claim === client) ? client : proxy;
}

/** The last hop of which a trusted proxy tells. */
function walk(proxy: string, hops: readonly (string | undefined)[], trusted: Networks): string {
  let client = proxy;
  for (const hop of hops.toReversed()) {
    if (hop === undefined) break;
    client = hop;
    if (!trusted.has(hop)) break;
  }
  return client;
}

function hopsOfList(header: string): (string | undefined)[] {
  return header.split(",").map(addressIn);
}

const QUOTED = /"(?:[^"\\]|\\.)*"/g;
/** Parts of a header between separators that are in no quoted string. */
const ELEMENTS = /(?:[^",]|"(?:[^"\\]|\\.)*")+/g;
const PAIRS = /(?:[^";]|"(?:[^"\\]|\\.)*")+/g;

function hopsOfForwarded(header: string): (string | undefined)[] {
  // A quote that the client leaves open would end at the first one of what a proxy adds, and turn the rest inside out.
  if (header.replaceAll(QUOTED, "").includes('"')) return [undefined];
  return (header.match(ELEMENTS) ?? []).map((element) => {
    for (const pair of element.match(PAIRS) ?? []) {
      const [, value] = /^\s*for\s*=\s*(.*?)\s*$/i.exec(pair) ?? [];
      if (value !== undefined) return addressIn(value.replace(/^"(.*)"$/, "$1"));
    }
    return undefined;
  });
}

/** The address in `ADDRESS`, `ADDRESS:PORT` or `[ADDRESS]:PORT`; undefined for `unknown` and for names that hide one. */
function addressIn(text: string): string | undefined {
  const word = text.trim();
  const [, bracketed, dotted] = /^(?:\[([^\]]*)\]|([\d.]+))(?::\d{1,5})?$/.exec(word) ?? [];
  const address = bracketed ?? dotted ?? word;
  return isIP(address) === 0 ? undefined : plainAddress(address);
}
