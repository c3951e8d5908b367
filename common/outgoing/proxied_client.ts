/**
 * What the platform and a proxy must be told for a request to go through it.
 *
 * @module
 */

import type { ProxyServer } from "./proxy_server.ts";

/** The part of a client's options that names its proxy, if it has one. */
export function proxyOptions(proxy: ProxyServer | undefined): Pick<Deno.CreateHttpClientOptions, "proxy"> {
  return proxy === undefined ? {} : { proxy: { url: proxy.url, basicAuth: proxy.credentials } };
}

/**
 * What a proxy wants to be told with the request itself: the platform shows user name and password to a proxy that is reached by
 * TLS only where it opens a tunnel.
 */
export function proxyHeaders(url: URL, proxy: ProxyServer | undefined): Record<string, string> {
  if (url.protocol !== "http:" || proxy?.protocol !== "https:" || proxy.credentials === undefined) return {};
  return { "proxy-authorization": `Basic ${basicOf(proxy.credentials)}` };
}

/** What a proxy is shown and nobody else may see: as a request carries it, and the password alone. */
export function proxySecrets(proxy: ProxyServer | undefined): string[] {
  const { credentials } = proxy ?? {};
  return credentials === undefined ? [] : [basicOf(credentials), credentials.password].filter((text) => text !== "");
}

function basicOf({ username, password }: NonNullable<ProxyServer["credentials"]>): string {
  return new TextEncoder().encode(`${username}:${password}`).toBase64();
}
