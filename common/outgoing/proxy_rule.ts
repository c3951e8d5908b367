/**
 * Which proxy a request goes through: the one of a flag, or the one that the environment names for its URL.
 *
 * @module
 */

import { messageOf } from "../explain.ts";
import { isLoopback } from "../loopback.ts";
import { UsageError } from "../options.ts";
import { CA_STORE_VARIABLE } from "./certificate_store.ts";
import { readNoProxy } from "./no_proxy.ts";
import { type ProxyServer, readProxyServer } from "./proxy_server.ts";

/** A proxy that is in force for a request, and what names it: a flag or a variable. */
export interface ChosenProxy extends ProxyServer {
  /** Where to mend it, such as `--to-proxy` or `HTTPS_PROXY`. */
  readonly namedBy: string;
}

/** The proxy that a request to a URL goes through; undefined if it goes direct. */
export type ProxyRule = (url: URL) => ChosenProxy | undefined;

/** What the environment says of proxies, as text: what is not set or empty is absent. */
export interface ProxyEnvironment {
  /** For `http:` URLs. */
  readonly http?: ProxyVariable;
  /** For `https:` URLs. */
  readonly https?: ProxyVariable;
  /** For what has no proxy of its own. */
  readonly all?: ProxyVariable;
  /** The hosts that are reached without a proxy. */
  readonly no?: ProxyVariable;
  /** Whether the program runs as a CGI script, whose `HTTP_PROXY` is a header that anybody may send. */
  readonly isCgi?: boolean;
}

/** A variable of the environment that is set. */
export interface ProxyVariable {
  /** Its name, in capitals or not. */
  readonly name: string;
  /** What it holds. */
  readonly text: string;
}

/** The variables that count, the first one that is set: in capitals before the others, as in Go. */
const VARIABLES = {
  http: ["HTTP_PROXY", "http_proxy"],
  https: ["HTTPS_PROXY", "https_proxy"],
  all: ["ALL_PROXY", "all_proxy"],
  no: ["NO_PROXY", "no_proxy"],
} as const;

const CGI_VARIABLE = "REQUEST_METHOD";

/**
 * Reads the variables of proxies and takes them out of the environment: the platform would send each and every request
 * through them, to this machine itself too.
 *
 * @throws {UsageError} if the program may not read them, as requests would then go where nobody expects.
 */
export function takeProxyEnvironment(env: Pick<Deno.Env, "get" | "delete"> = Deno.env): ProxyEnvironment {
  const first = (names: readonly string[]): ProxyVariable | undefined => {
    let found: ProxyVariable | undefined;
    for (const name of names) {
      const text = env.get(name);
      if (text && found === undefined) found = { name, text };
      env.delete(name);
    }
    return found;
  };
  try {
    return {
      http: first(VARIABLES.http),
      https: first(VARIABLES.https),
      all: first(VARIABLES.all),
      no: first(VARIABLES.no),
      isCgi: Boolean(env.get(CGI_VARIABLE)),
    };
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotCapable)) throw cause;
    const names = [...Object.values(VARIABLES).flat(), CGI_VARIABLE, CA_STORE_VARIABLE].join(",");
    throw new UsageError(`Cannot tell which proxies the environment names: start with --allow-env=${names}`, { cause });
  }
}

/**
 * Has the platform find what the environment said of proxies for as long as `open` runs, until it waits for the first time: for
 * what takes no proxy otherwise, and reads of them when it is opened.
 */
export function lendProxyEnvironment<T>({ http, https, all, no }: ProxyEnvironment, open: () => T): T {
  const lent = [http, https, all, no].filter((variable) => variable !== undefined);
  for (const { name, text } of lent) Deno.env.set(name, text);
  try {
    return open();
  } finally {
    for (const { name } of lent) Deno.env.delete(name);
  }
}

/** The rule of a flag: every request goes through the proxy that it names, but for those to this machine. */
export function flaggedProxy(proxy: ProxyServer, flag: string): ProxyRule {
  return (url) => isLoopback(url) ? undefined : { ...proxy, namedBy: flag };
}

/** The rule of a side that knows no proxy. */
export const noProxy: ProxyRule = (): undefined => undefined;

/**
 * The rule of the environment, as Go's `httpproxy` has it, and `ALL_PROXY` for what has no proxy of its own.
 *
 * @throws {UsageError} from the rule, for a URL whose proxy cannot be read.
 */
export function environmentProxy({ http, https, all, no, isCgi }: ProxyEnvironment): ProxyRule {
  const isExcepted = readNoProxy(no?.text ?? "");
  return (url) => {
    const variable = (url.protocol === "https:" ? https : http) ?? all;
    if (variable === undefined || isLoopback(url) || isExcepted(url)) return undefined;
    if (isCgi && variable === http) {
      throw new UsageError(
        `Cannot use ${variable.name} where ${CGI_VARIABLE} is set: a CGI script has it from a header`,
      );
    }
    try {
      return { ...readProxyServer(variable.text), namedBy: variable.name };
    } catch (cause) {
      throw new UsageError(`Bad ${variable.name}: ${messageOf(cause)}`, { cause });
    }
  };
}
