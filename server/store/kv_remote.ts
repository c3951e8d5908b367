/**
 * The store on a Deno KV elsewhere, spoken to by KV Connect.
 *
 * Its access token comes from the environment variable `DENO_KV_ACCESS_TOKEN`, which Deno reads by itself. The program
 * needs `--allow-env=DENO_KV_ACCESS_TOKEN`, and `--allow-net` for the URL's host and for those of the endpoints it names.
 *
 * @module
 */

import { messageOf } from "../../common/explain.ts";
import { UsageError } from "../../common/options.ts";
import { isLoopback } from "../../common/loopback.ts";
import { environmentProxy, lendProxyEnvironment, type ProxyEnvironment } from "../../common/outgoing/proxy_rule.ts";
import type { OpenKv } from "./kv_file.ts";

/** How long the first answer may take, in milliseconds. */
export const FIRST_ANSWER_MS = 10_000;

/** Where a Deno KV elsewhere is. */
export interface KvRemotePlace {
  /** Its KV Connect URL. */
  readonly url: URL;
  /**
   * The proxies that the environment named.
   *
   * @default {{}} none
   */
  readonly environment?: ProxyEnvironment;
}

/**
 * Opens a Deno KV by its KV Connect URL: `https:`, or `http:` on this host. Deno reads proxies of the environment alone, and once,
 * when it opens.
 *
 * @throws {UsageError} if the URL will not do, the token is missing or refused, or no answer comes within
 * {@linkcode FIRST_ANSWER_MS}.
 */
export async function openKvRemote({ url, environment = {} }: KvRemotePlace): Promise<OpenKv> {
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopback(url))) {
    throw new UsageError(
      `Cannot use the store at ${url.host} without TLS, as it gets the access token: write https://`,
    );
  }
  if (url.username !== "" || url.password !== "") {
    throw new UsageError(
      `Cannot use a store URL with a password: set DENO_KV_ACCESS_TOKEN to the access token of ${url.host}`,
    );
  }
  const location = url.host;
  const proxy = environmentProxy(environment)(url);
  const open = () => openAndAsk(url);
  const opening = proxy === undefined ? open() : lendProxyEnvironment(environment, open);
  const deadline = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => deadline.reject(new Error(`no answer in ${FIRST_ANSWER_MS / 1_000} s`)),
    FIRST_ANSWER_MS,
  );
  try {
    const kv = await Promise.race([opening, deadline.promise]);
    return { kv, location, fileBytes: () => undefined, [Symbol.dispose]: () => kv.close() };
  } catch (error) {
    opening.then((kv) => kv.close(), () => {});
    const message = messageOf(error);
    throw new UsageError(
      message.includes("DENO_KV_ACCESS_TOKEN") && !(error instanceof Deno.errors.NotCapable)
        ? `Cannot use the store at ${location} without an access token: set the environment variable DENO_KV_ACCESS_TOKEN`
        : proxy === undefined
        ? `Cannot reach the store at ${location} (${message}): check --storage-url and DENO_KV_ACCESS_TOKEN`
        : `Cannot reach the store at ${location} through the proxy ${proxy.place} (${message}): ` +
          `check ${proxy.namedBy}, --storage-url and DENO_KV_ACCESS_TOKEN`,
      { cause: error },
    );
  } finally {
    clearTimeout(timer);
  }
}

/** Deno may connect when it opens or when it is first asked for something, and what it asks for may be refused then. */
async function openAndAsk(url: URL): Promise<Deno.Kv> {
  const kv = await Deno.openKv(url.href);
  try {
    await kv.get(["telemeter"]);
    return kv;
  } catch (error) {
    kv.close();
    throw error;
  }
}
