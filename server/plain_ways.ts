/**
 * What a server lets travel unencrypted between machines.
 *
 * @module
 */

import { isLoopback, isLoopbackHost } from "../common/loopback.ts";
import type { Address } from "../common/option_kinds.ts";
import type { PlainWay } from "../common/plain_transport.ts";
import { plainProxies } from "../common/outgoing/plain_proxies.ts";
import type { ProxyRule } from "../common/outgoing/proxy_rule.ts";
import type { ServerOptions } from "./options.ts";

/** What comes and goes unencrypted between this machine and others, by way of the proxies that a rule chooses. */
export function plainWays(values: ServerOptions, proxyFor: ProxyRule): PlainWay[] {
  const { listen, tlsCrt, listenInternal, internalTlsCrt, authorize, authorizeIssuerUrl, storageUrl } = values;
  const listeners: [listen: Address, crt: string | undefined, way: Omit<PlainWay, "place">][] = [
    [listen, tlsCrt, {
      option: "--listen",
      what: "each token and each push of clients",
      mend: "give --tls-crt and --tls-key, or listen at localhost behind a proxy that ends TLS",
    }],
    [listenInternal, internalTlsCrt, {
      option: "--listen-internal",
      what: "each page",
      mend: "give --internal-tls-crt and --internal-tls-key, or listen at localhost",
      level: "info",
    }],
  ];
  const outgoing: [option: string, url: URL | undefined, what: string][] = [
    ["--authorize", authorize, "the token of each client"],
    ["--authorize-issuer-url", authorizeIssuerUrl, "the password"],
    ...values.forwardUrl.map((url): [string, URL, string] => ["--forward-url", url, "each sample"]),
    ["--forward-oauth-url", values.forwardOauthUrl, "the secret of the client"],
  ];
  return [
    ...listeners.filter(([{ hostname }, crt]) => crt === undefined && !isLoopbackHost(hostname))
      .map(([{ hostname, port }, , way]) => ({ ...way, place: `${hostname}:${port}` })),
    ...outgoing.flatMap(([option, url, what]) =>
      url?.protocol !== "http:" || isLoopback(url)
        ? []
        : { option, what, place: url.origin, mend: "write https:// in its URL" }
    ),
    ...plainProxies(
      [authorize, authorizeIssuerUrl, storageUrl, ...values.forwardUrl, values.forwardOauthUrl].map((url) =>
        url && proxyFor(url)
      ),
    ),
  ];
}
