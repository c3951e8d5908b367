/**
 * Requests of a program that serves others: each goes through the proxy that a rule chooses, and a failure on the way says what to
 * mend.
 *
 * @module
 */

import { connectionFault, type Side } from "./connection_fault.ts";
import { proxyHeaders, proxyOptions } from "./proxied_client.ts";
import type { ChosenProxy, ProxyRule } from "./proxy_rule.ts";

/** What makes a request: the platform's `fetch`, or one that keeps to rules. */
export type Fetch = (url: string | URL, init?: RequestInit) => Promise<Response>;

/** Makes requests; their connections are kept for the next ones. Disposing of it closes those to proxies. */
export class OutgoingRequests implements Disposable {
  readonly #proxyFor: ProxyRule;
  readonly #userAgent: string;
  /** A client for each proxy, by what names it. */
  readonly #clients = new Map<string, Deno.HttpClient>();

  /** Opens nothing yet. `proxyFor` chooses the proxy of each request, and `userAgent` says whose they are. */
  constructor({ proxyFor, userAgent }: { proxyFor: ProxyRule; userAgent: string }) {
    this.#proxyFor = proxyFor;
    this.#userAgent = userAgent;
  }

  /**
   * What makes requests of `side`, as the platform's `fetch` does. What goes wrong on the way comes out as one sentence with
   * the origin and the proxy, without the platform's own, which may hold secrets of URLs.
   */
  fetchOf(side: Side): Fetch {
    return (url, init = {}) => this.#fetch(new URL(url), { side, init });
  }

  async #fetch(url: URL, { side, init }: { side: Side; init: RequestInit }): Promise<Response> {
    const proxy = this.#proxyFor(url);
    const failed = (reason: string) => {
      return new Error(`Cannot ask ${url.origin}${proxy ? ` through the proxy ${proxy.place}` : ""}: ${reason}`);
    };
    const headers = new Headers(init.headers);
    headers.set("user-agent", this.#userAgent);
    for (const [name, value] of Object.entries(proxyHeaders(url, proxy))) headers.set(name, value);
    let response: Response;
    try {
      response = await fetch(url, { ...init, headers, ...(proxy ? { client: this.#clientOf(proxy) } : {}) });
    } catch (error) {
      init.signal?.throwIfAborted();
      throw failed(connectionFault(error, { url, proxy, side }));
    }
    if (proxy === undefined || response.status !== 407) return response;
    await response.body?.cancel();
    throw failed(`the proxy wants a user name and a password: give them in the URL of ${proxy.namedBy}`);
  }

  #clientOf(proxy: ChosenProxy): Deno.HttpClient {
    let client = this.#clients.get(proxy.namedBy);
    if (client === undefined) {
      this.#clients.set(proxy.namedBy, client = Deno.createHttpClient(proxyOptions(proxy)));
    }
    return client;
  }

  /** Closes the connections to proxies. */
  [Symbol.dispose](): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }
}
