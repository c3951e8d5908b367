/**
 * What the client works by: its options and the files they name, read, checked and joined.
 *
 * @module
 */

import { formatDuration } from "../common/duration.ts";
import { messageOf } from "../common/explain.ts";
import type { Logger } from "../common/log.ts";
import { isLoopback } from "../common/loopback.ts";
import { fileUsageError } from "../common/named_path.ts";
import { flagOf, UsageError } from "../common/options.ts";
import { tellPlainWays } from "../common/plain_transport.ts";
import { readUrlPassword, withPassword } from "../common/url_password.ts";
import { isPlainSelector, selectorLines } from "../common/exposition/plain_selector.ts";
import { anonymize } from "./transforms/anonymize.ts";
import { dropEmpty } from "./transforms/drop_empty.ts";
import { isLabelName, isMetricName, isTooLong } from "../common/exposition/names.ts";
import { removeLongLabels } from "./transforms/remove_long_labels.ts";
import { pipeline, type Transform } from "./transforms/pipeline.ts";
import { rename } from "./transforms/rename.ts";
import { setLabels } from "./transforms/set_labels.ts";
import { sortByTimestamp } from "./transforms/sort_by_timestamp.ts";
import { tokenFault } from "../common/secret_text.ts";
import { WatchedFile } from "../common/watched_file.ts";
import { TokenExchange } from "./authorization.ts";
import { type ClientSide, FROM, HttpClients, TO } from "./http_client.ts";
import type { ClientValues } from "./options.ts";
import {
  environmentProxy,
  flaggedProxy,
  noProxy,
  type ProxyEnvironment,
  type ProxyRule,
} from "../common/outgoing/proxy_rule.ts";
import { plainWays } from "./plain_ways.ts";
import { shareOut } from "./scrape_pages.ts";
import { saltFault, Secret } from "./secret.ts";

/** The longest interval: a sample older than a day is of no use to a server, and no timer can wait a month. */
const MAX_INTERVAL_MS = 86_400_000;

/** What the client works by until it is reloaded. Disposing of it closes what is kept open for requests to come. */
export interface Settings extends Disposable {
  /** Where to read. */
  readonly from: URL;
  /** The selectors of what to read. */
  readonly matches: readonly string[];
  /** The bearer token for reading. */
  readonly fromToken: Secret | undefined;
  /** Opens connections to read. */
  readonly fromClients: HttpClients;
  /** Where to push; undefined in a dry run only. */
  readonly upload: URL | undefined;
  /** Whether it is sent there by remote write. */
  readonly isRemoteWrite: boolean;
  /** Where the token to push with comes from; undefined if it is sent as it is, or the push needs none. */
  readonly exchange: TokenExchange | undefined;
  /** The token to push with where none is exchanged. */
  readonly toToken: Secret | undefined;
  /** Opens connections to the server. */
  readonly toClients: HttpClients;
  /** The rules up to the labels of the token exchange, with the salt as it is now. */
  readonly rules: () => Promise<Transform>;
  /** The labels whose values are hashed. */
  readonly anonymizeLabels: readonly string[];
  /** See the options of these names. */
  readonly limitBytes: number;
  /** In milliseconds. */
  readonly intervalMs: number;
  /** In milliseconds. */
  readonly timeoutMs: number;
}

/** What loading needs beside the options. */
export interface LoadOptions {
  /** Gets warnings. */
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /**
   * The proxies that the environment names, for the way to the server.
   *
   * @default {{}} none
   */
  readonly environment?: ProxyEnvironment;
}

/**
 * Reads all files that the options name and checks everything, changing nothing.
 *
 * @throws {UsageError} on the first thing that the user must mend.
 */
export async function loadSettings(values: ClientValues, options: LoadOptions): Promise<Settings> {
  const { log, now, environment = {} } = options;
  checkTimes(values);
  const { fromPasswordFile, requireTls } = values;
  const from = await withPassword(fromUrl(values.from), {
    path: fromPasswordFile,
    flag: "--from",
    fileFlag: "--from-password-file",
  });
  const matches = await readMatches(values, { from });
  const openToken = (name: "fromToken" | "toToken") =>
    Secret.open({ name, text: values[name], path: values[`${name}File`], faultOf: tokenFault, log });
  const fromToken = await openToken("fromToken");
  const toToken = await openToken("toToken");
  const { upload, authorize } = endpoints(values, { hasToken: toToken !== undefined });
  const fromProxy = await readProxy(values, { flag: "--from-proxy" }) ?? noProxy;
  const toProxy = await readProxy(values, { flag: "--to-proxy" }) ?? environmentProxy(environment);
  checkProxies(values, { from, to: [upload, authorize].filter((url) => url !== undefined), toProxy });
  const hasFromSecret = fromToken !== undefined || from.username !== "";
  const to = values.dryRun ? {} : {
    upload: upload && { url: upload, option: values.toUpload ? "--to-upload" : "--to" },
    authorize: toToken && authorize && { url: authorize, option: values.toAuth ? "--to-auth" : "--to" },
  };
  tellPlainWays(plainWays({ from, hasFromSecret, fromProxy, ...to, toProxy }), { requireTls, log });
  const fromClients = await openClients(values, { side: FROM, caPath: values.fromCaFile, proxyFor: fromProxy, log });
  const toClients = await openClients(values, { side: TO, caPath: values.toCaFile, proxyFor: toProxy, log });
  return {
    from,
    matches,
    fromToken,
    fromClients,
    upload,
    isRemoteWrite: values.remoteWrite,
    toToken: authorize === undefined ? toToken : undefined,
    exchange: toToken && authorize && new TokenExchange({ url: authorize, initialToken: () => toToken.value(), now }),
    toClients,
    rules: await readRules(values, log),
    anonymizeLabels: values.anonymizeLabels,
    limitBytes: values.limitBytes,
    intervalMs: values.interval,
    timeoutMs: values.timeout,
    [Symbol.dispose]() {
      fromClients[Symbol.dispose]();
      toClients[Symbol.dispose]();
    },
  };
}

/** The rule of a proxy that a flag names, with the password of its file. */
async function readProxy(
  values: ClientValues,
  { flag }: { flag: "--from-proxy" | "--to-proxy" },
): Promise<ProxyRule | undefined> {
  const [proxy, path] = flag === "--from-proxy"
    ? [values.fromProxy, values.fromProxyPasswordFile]
    : [values.toProxy, values.toProxyPasswordFile];
  if (path === undefined) return proxy && flaggedProxy(proxy, flag);
  const fileFlag = `${flag}-password-file`;
  if (proxy === undefined) throw new UsageError(`Cannot use ${fileFlag} without ${flag}`);
  const { username, password } = proxy.credentials ?? { username: "", password: "" };
  const read = await readUrlPassword(path, { username, password, flag, fileFlag });
  return flaggedProxy({ ...proxy, credentials: { username, password: read } }, flag);
}

/** Refuses a proxy that would do nothing, or that cannot be read. */
function checkProxies(
  { fromProxy, toProxy }: ClientValues,
  { from, to, toProxy: rule }: { from: URL; to: readonly URL[]; toProxy: ProxyRule },
) {
  const idle = fromProxy && isLoopback(from) ? "--from" : toProxy && to.every(isLoopback) ? "--to" : undefined;
  if (idle !== undefined) {
    throw new UsageError(`Cannot use ${idle}-proxy: ${idle} is this machine itself, which is reached without a proxy`);
  }
  for (const url of to) rule(url);
}

function checkTimes({ interval, timeout }: ClientValues) {
  for (const [name, ms] of Object.entries({ interval, timeout })) {
    if (ms > MAX_INTERVAL_MS) {
      const range = `write at most ${formatDuration(MAX_INTERVAL_MS)}`;
      throw new UsageError(`Bad ${flagOf(name)}: Cannot wait ${formatDuration(ms)}: ${range}`);
    }
  }
}

async function readMatches({ match, matchFile }: ClientValues, { from }: { from: URL }): Promise<string[]> {
  const further = matchFile === undefined ? [] : await readMatchFile(matchFile);
  if (!match.every(isPlainSelector)) {
    const { parseSelector } = await import("../common/exposition/selector.ts");
    try {
      match.forEach(parseSelector);
    } catch (cause) {
      throw new UsageError(`Bad --match: ${messageOf(cause)}`, { cause });
    }
  }
  const matches = [...match, ...further];
  if (matches.length === 0) {
    throw new UsageError("Cannot read anything without a selector: give --match or --match-file");
  }
  try {
    shareOut(from, matches);
  } catch (cause) {
    throw new UsageError(
      `Bad ${matchFile === undefined ? "--match" : "--match or --match-file"}: ${messageOf(cause)}`,
      {
        cause,
      },
    );
  }
  return matches;
}

async function readMatchFile(path: string): Promise<string[]> {
  try {
    const text = await new WatchedFile(path).text();
    const lines = selectorLines(text).map(({ selector }) => selector);
    if (lines.every(isPlainSelector)) return lines;
    const { readSelectorFile } = await import("../common/exposition/selector.ts");
    return readSelectorFile(text).map(({ text }) => text);
  } catch (cause) {
    throw fileUsageError(cause, { flag: "--match-file", path });
  }
}

function fromUrl(from: URL): URL {
  const url = new URL(from);
  url.pathname = url.pathname.replace(/\/+$/, "") || "/federate";
  return url;
}

function endpoints(
  { to, toUpload, toAuth, id, dryRun, remoteWrite }: ClientValues,
  { hasToken }: { hasToken: boolean },
): { upload: URL | undefined; authorize: URL | undefined } {
  const takesUser = remoteWrite && to === undefined && toAuth === undefined;
  for (const [name, url] of Object.entries({ to, toUpload, toAuth })) {
    if (takesUser && name === "toUpload") checkUser(url, { hasToken });
    else if (url?.username || url?.password) {
      throw new UsageError(`Bad ${flagOf(name)}: Cannot log in with a user name: give a token in --to-token-file`);
    }
  }
  if (id !== undefined && isTooLong(id)) {
    throw new UsageError("Bad --id: Cannot use an identifier of more than 255 bytes: write a shorter one");
  }
  const upload = toUpload ?? (to && joined(to, remoteWrite ? "api/v1/write" : "upload"));
  const authorize = toAuth ?? (to && joined(to, "authorize"));
  if (toAuth === undefined && id) authorize?.searchParams.append("id", id);
  if (dryRun) return { upload, authorize };
  if (upload === undefined) {
    throw new UsageError("Cannot start without a place to push to: give --to, or --to-upload and --to-auth");
  }
  if (authorize && !hasToken) throw new UsageError("Cannot push without a token: give one in --to-token-file");
  if (!authorize && hasToken && !remoteWrite) {
    throw new UsageError("Cannot exchange the token without knowing where: give --to-auth");
  }
  if (toAuth === undefined && authorize && !authorize.searchParams.get("id")) {
    throw new UsageError("Cannot exchange the token without an identifier: give --id");
  }
  return { upload, authorize };
}

/** The user at a receiver of remote write, who has a token for a password. */
function checkUser(url: URL | undefined, { hasToken }: { hasToken: boolean }) {
  if (url?.password) throw new UsageError("Bad --to-upload: Cannot take a password there: give it in --to-token-file");
  if (url?.username && !hasToken) {
    throw new UsageError("Bad --to-upload: Cannot log in without a token: give one in --to-token-file");
  }
}

function joined(to: URL, segment: string): URL {
  const url = new URL(to);
  url.pathname = url.pathname.replace(/\/*$/, `/${segment}`);
  return url;
}

/** The client certificate goes to both sides: each sees it only if it asks, and neither asks unless it knows its issuer. */
async function openClients(
  { tlsCertFile: certPath, tlsPrivateKeyFile: keyPath }: ClientValues,
  { caPath, ...options }: { side: ClientSide; caPath: string | undefined; proxyFor: ProxyRule; log: Logger },
): Promise<HttpClients> {
  if ((certPath === undefined) !== (keyPath === undefined)) {
    throw new UsageError("Cannot use one of --tls-cert-file and --tls-private-key-file without the other: give both");
  }
  try {
    return await HttpClients.load({ caPath, certPath, keyPath }, options);
  } catch (cause) {
    throw new UsageError(messageOf(cause), { cause });
  }
}

/** Builds the rules, anew only when the salt changes, since they remember the hashes that they made. */
async function readRules(values: ClientValues, log: Logger): Promise<() => Promise<Transform>> {
  for (const [name, value] of values.label) {
    if (!isLabelName(name)) throw new UsageError(`Bad --label: Cannot set '${name}': it is not a valid label name`);
    if (isTooLong(value)) throw new UsageError(`Bad --label: Cannot set '${name}': its value is longer than 255 bytes`);
  }
  for (const [from, to] of values.rename) {
    if (!isMetricName(to)) {
      throw new UsageError(`Bad --rename: Cannot rename '${from}': '${to}' is not a valid metric name`);
    }
  }
  for (const name of values.anonymizeLabels) {
    if (!isLabelName(name)) {
      throw new UsageError(`Bad --anonymize-labels: Cannot anonymize '${name}': it is not a valid label name`);
    }
  }
  const { anonymizeSalt: text, anonymizeSaltFile: path, anonymizeLabels: labels } = values;
  const strict = values.requireTls ? { faultOf: saltFault } : { doubtOf: saltFault };
  const secret = await Secret.open({ name: "anonymizeSalt", text, path, isExact: true, ...strict, log });
  if (labels.length > 0 && secret === undefined) {
    throw new UsageError("Cannot anonymize labels without a salt: give one in --anonymize-salt-file");
  }
  const clean = [
    setLabels(values.label, { origin: "--label" }),
    rename(values.rename),
    removeLongLabels,
    dropEmpty,
    sortByTimestamp,
  ];
  if (labels.length === 0 || secret === undefined) return () => Promise.resolve(pipeline(clean));
  let built: { readonly salt: string; readonly rules: Transform } | undefined;
  return async () => {
    const salt = await secret.value();
    if (built?.salt !== salt) built = { salt, rules: pipeline([...clean, anonymize({ labels, salt })]) };
    return built.rules;
  };
}
