/**
 * What the server works by beside plain options: the files that options name, read, checked and joined.
 *
 * @module
 */

import { X509Certificate } from "node:crypto";
import { isClassicLabelName, METRIC_NAME_LABEL } from "../common/exposition/names.ts";
import { readSelectorFile, type Selector } from "../common/exposition/selector.ts";
import type { Logger } from "../common/log.ts";
import { fileUsageError, readNamedFile } from "../common/named_path.ts";
import { flagOf, UsageError } from "../common/options.ts";
import { OutgoingRequests } from "../common/outgoing/outgoing_requests.ts";
import { environmentProxy, type ProxyEnvironment } from "../common/outgoing/proxy_rule.ts";
import { userAgentOf } from "../common/outgoing/user_agent.ts";
import { eachCertificate } from "../common/pem.ts";
import type { Permission } from "../common/permissions.ts";
import { passwordIn, SECRET_LIMIT_BYTES } from "../common/secret_text.ts";
import { tellPlainWays } from "../common/plain_transport.ts";
import { withPassword } from "../common/url_password.ts";
import type { UpstreamOptions } from "./authorization/authorizer.ts";
import { PasswordGrant } from "./authorization/oidc.ts";
import { RevokedIds } from "./authorization/revoked.ts";
import { openTokenKeys, type TokenKeys } from "./authorization/token_keys.ts";
import { TokensFile } from "./authorization/tokens_file.ts";
import { isLabelValue } from "./authorization/tokens.ts";
import { AllowList } from "../common/ingest/allow_list.ts";
import type { RenderRules } from "./ingest/renderer.ts";
import type { ServerOptions } from "./options.ts";
import { plainWays } from "./plain_ways.ts";
import type { RingSettings } from "./ring/open_ring.ts";
import { openSinks, type SinkSettings } from "./sinks/sink_settings.ts";
import type { PushStoreOptions } from "./store/push_store.ts";

/** The longest name and the longest value that openshift/telemeter takes, in bytes. */
const MAX_NAME_BYTES = 255;
/** The labels that a scraping Prometheus would add, and change whenever a cluster's series move to another server. */
const TARGET_LABELS: ReadonlySet<string> = new Set(["instance", "job"]);
/** How old a sample may be, in milliseconds: 24 hours, as the client has it. */
const MAX_AGE_MS = 24 * 3_600_000;
/** Text is at most so many times as long as the protobuf it comes from, but where histograms repeat their labels. */
const TEXT_FACTOR = 4;

/** A certificate and its key, both or neither. */
export interface TlsFiles {
  /** The file of the certificate chain. */
  readonly certPath: string;
  /** The file of the private key. */
  readonly keyPath: string;
  /** The flags that name them. */
  readonly flags: { readonly cert: string; readonly key: string };
}

/** What the server works by until it stops. */
export interface ServerSettings {
  /** What makes it a member of a ring; without it, the server stands alone. */
  readonly ring?: RingSettings;
  /** The keys that sign and verify tokens. */
  readonly keys: TokenKeys;
  /** Ids of clusters that may not push. */
  readonly revoked?: RevokedIds;
  /** The tokens of those who may push. */
  readonly tokens?: TokensFile;
  /** Where to ask who may push; without it and {@linkcode ServerSettings.tokens}, everybody may. */
  readonly upstream?: Pick<UpstreamOptions, "url" | "access" | "fetch">;
  /** Makes the requests to it; nothing is open before the first one. */
  readonly requests: OutgoingRequests;
  /** The certificate of the external listener; without it, it speaks plain HTTP. */
  readonly tls?: TlsFiles;
  /** The file of the authorities of clients' certificates, if those count. */
  readonly clientCa?: string;
  /** The certificate of the internal listener; without it, it speaks plain HTTP. */
  readonly internalTls?: TlsFiles;
  /** Where pushes are stored. */
  readonly storage: Pick<PushStoreOptions, "place" | "namespace">;
  /** The rules by which pushes are checked and rendered. */
  readonly rules: RenderRules;
  /** Where to forward what is shown. */
  readonly sinks?: SinkSettings;
  /** The permissions that the server needs once it listens and has its store open. */
  readonly permissions: readonly Permission[];
}

/** What loading needs beside the options. */
export interface LoadOptions {
  /** Gets warnings. */
  readonly log: Logger;
  /**
   * The proxies that the environment names, for what the server asks of others.
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
export async function loadSettings(
  values: ServerOptions,
  { log, environment = {} }: LoadOptions,
): Promise<ServerSettings> {
  checkTokens(values);
  const proxyFor = environmentProxy(environment);
  const requests = new OutgoingRequests({ proxyFor, userAgent: userAgentOf("telemeter-server") });
  const [tls, internalTls] = [
    tlsFiles(values, { crt: "tlsCrt", key: "tlsKey" }),
    tlsFiles(values, { crt: "internalTlsCrt", key: "internalTlsKey" }),
  ];
  if (values.clientCa !== undefined && tls === undefined) {
    throw new UsageError("Cannot use --client-ca without --tls-crt and --tls-key: clients show certificates over TLS");
  }
  tellPlainWays(plainWays(values, proxyFor), { requireTls: values.requireTls, log });
  const ring = await readRing(values);
  return {
    ring,
    keys: await openTokenKeys({ sharedKey: values.sharedKey, verifyKeys: values.verifyKey, log }),
    revoked: await openRevoked(values, { log }),
    tokens: await openTokens(values, { log }),
    upstream: await readUpstream(values, requests),
    requests,
    tls,
    clientCa: values.clientCa,
    internalTls,
    storage: storageOf(values, { ring, environment }),
    rules: await readRules(values),
    sinks: await openSinks(values, { proxyFor, log }),
    permissions: permissionsOf(values),
  };
}

/** Refuses what would make every token one that is no good. */
function checkTokens({ requiredLabel }: ServerOptions) {
  for (const [name, value] of requiredLabel) {
    if (!isLabelValue(value)) {
      throw new UsageError(`Bad --required-label: the value of ${name} has more than 255 bytes`);
    }
  }
}

/** A server without the flags of a ring loads nothing of the ring. */
async function readRing(values: ServerOptions): Promise<RingSettings | undefined> {
  const { listenCluster: listen, clusterCa, clusterCrt, clusterKey, limitBytes } = values;
  if (listen === undefined) {
    mustBeAlone(values);
    return undefined;
  }
  if (clusterCa === undefined || clusterCrt === undefined || clusterKey === undefined) {
    throw new UsageError(
      "Cannot use --listen-cluster without --cluster-ca, --cluster-crt and --cluster-key: `deno task certs` makes a first set",
    );
  }
  if (values.sharedKey === undefined) {
    throw new UsageError(
      "Cannot use --listen-cluster without --shared-key: the servers of a ring take each other's tokens",
    );
  }
  const { MAX_RING_BODY_BYTES } = await import("./ring/open_ring.ts");
  if (limitBytes > MAX_RING_BODY_BYTES) {
    throw new UsageError(
      `Cannot use --limit-bytes ${limitBytes} in a ring: its servers send each other at most ${MAX_RING_BODY_BYTES} bytes`,
    );
  }
  if (values.witness && values.bootstrap) {
    throw new UsageError("Cannot use --witness beside --bootstrap: a witness begins no ring, as it owns no cluster");
  }
  if (values.witness && values.join.length === 0) {
    throw new UsageError("Cannot use --witness without --join: list the servers that it votes with");
  }
  const advertise = values.advertiseCluster ?? listen;
  if (["", "0.0.0.0", "::"].includes(advertise.hostname) || advertise.port === 0) {
    throw new UsageError("Cannot tell where others reach this server: set --advertise-cluster HOST:PORT");
  }
  return {
    name: values.name ?? await firstNameIn(clusterCrt),
    ringName: values.clusterName,
    listen,
    advertise,
    seeds: values.join,
    bootstraps: values.bootstrap,
    isWitness: values.witness,
    copies: values.copies,
    peerAllow: values.peerAllow.length === 0 ? undefined : new Set(values.peerAllow),
    files: { caPath: clusterCa, certPath: clusterCrt, keyPath: clusterKey },
    limitBytes,
  };
}

/** Refuses flags of the ring that would do nothing. */
function mustBeAlone(options: ServerOptions) {
  const { join, bootstrap, witness, name, advertiseCluster, clusterCa, clusterCrt, clusterKey, peerAllow } = options;
  const given = {
    join: join[0],
    bootstrap: bootstrap || undefined,
    witness: witness || undefined,
    name,
    advertiseCluster,
    clusterCa,
    clusterCrt,
    clusterKey,
    peerAllow: peerAllow[0],
  };
  for (const [option, value] of Object.entries(given)) {
    if (value === undefined) continue;
    throw new UsageError(
      `Cannot use ${flagOf(option)} without --listen-cluster, which makes the server a member of a ring`,
    );
  }
}

async function firstNameIn(path: string): Promise<string> {
  const { certificateNames } = await import("../common/certificate_names.ts");
  const parse = (pem: string) => {
    const [own] = eachCertificate(pem, (certificate) => void new X509Certificate(certificate));
    return certificateNames(new X509Certificate(own).raw);
  };
  const names = await readNamedFile(path, { flag: "--cluster-crt", parse });
  if (names.length === 0) {
    throw new UsageError(`Cannot find a DNS name in the certificate '${path}': issue one that has the server's name`);
  }
  return names[0];
}

async function openRevoked(
  { revokedFile: path }: ServerOptions,
  { log }: { log: Logger },
): Promise<RevokedIds | undefined> {
  if (path === undefined) return undefined;
  try {
    return await RevokedIds.open(path, { log });
  } catch (cause) {
    throw fileUsageError(cause, { flag: "--revoked-file", path });
  }
}

async function openTokens(
  { tokensFile: path, authorize }: ServerOptions,
  { log }: { log: Logger },
): Promise<TokensFile | undefined> {
  if (path === undefined) return undefined;
  if (authorize !== undefined) {
    throw new UsageError("Cannot use --tokens-file beside --authorize: one of them says who may push");
  }
  try {
    return await TokensFile.open(path, { log });
  } catch (cause) {
    throw fileUsageError(cause, { flag: "--tokens-file", path });
  }
}

async function readUpstream(
  values: ServerOptions,
  requests: OutgoingRequests,
): Promise<ServerSettings["upstream"]> {
  const { authorize: url, authorizeIssuerUrl: issuer, authorizeUsername: username, authorizeClientId: clientId } =
    values;
  if (url === undefined) return undefined;
  const { authorizePassword, authorizePasswordFile: path } = values;
  const fetch = requests.fetchOf({ url: flagOf("authorize") });
  if (issuer === undefined) {
    const passwordPath = url.username === "" ? undefined : path;
    const flags = { flag: "--authorize", fileFlag: "--authorize-password-file" };
    return { fetch, url: await withPassword(url, { path: passwordPath, ...flags }) };
  }
  if (issuer.username !== "" || issuer.password !== "") {
    throw new UsageError(
      "Bad --authorize-issuer-url: Cannot log in with a user name in it: give --authorize-username and --authorize-password-file",
    );
  }
  if (authorizePassword !== undefined && path !== undefined) {
    throw new UsageError("Cannot use --authorize-password beside --authorize-password-file: give the file only");
  }
  const password = authorizePassword ?? await readPassword(path);
  if (username === undefined || clientId === undefined || password === undefined) {
    throw new UsageError(
      "Cannot use --authorize-issuer-url without --authorize-username, --authorize-client-id and a password",
    );
  }
  const fetchOfIssuer = requests.fetchOf({ url: flagOf("authorizeIssuerUrl") });
  return { url, fetch, access: new PasswordGrant({ issuer, clientId, username, password, fetch: fetchOfIssuer }) };
}

async function readPassword(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const flag = "--authorize-password-file";
  return await readNamedFile(path, { flag, parse: passwordIn, limitBytes: SECRET_LIMIT_BYTES });
}

function tlsFiles(
  values: ServerOptions,
  { crt, key }: { crt: "tlsCrt" | "internalTlsCrt"; key: "tlsKey" | "internalTlsKey" },
): TlsFiles | undefined {
  const { [crt]: certPath, [key]: keyPath } = values;
  if (certPath === undefined && keyPath === undefined) return undefined;
  if (certPath === undefined || keyPath === undefined) {
    throw new UsageError(`Cannot use one of ${flagOf(crt)} and ${flagOf(key)} without the other: give both`);
  }
  return { certPath, keyPath, flags: { cert: flagOf(crt), key: flagOf(key) } };
}

function storageOf(
  { storageDir: dir, storageUrl: url }: ServerOptions,
  { ring, environment }: { ring: RingSettings | undefined; environment: ProxyEnvironment },
): ServerSettings["storage"] {
  if (url === undefined) return { place: { dir } };
  // Members of a ring that share a remote store each need a part of their own.
  return { place: { url, environment }, namespace: ring && `telemeter ${ring.name}` };
}

/**
 * Reads the rules by which pushes are checked and rendered, which a reload may change.
 *
 * @throws {UsageError} on the first thing that the user must mend.
 */
export async function readRules(values: ServerOptions): Promise<RenderRules> {
  const { label: set, elideLabel, partitionLabel, requiredLabel, limitDecompressedBytes } = values;
  const vouched = [partitionLabel, ...requiredLabel.keys()];
  const named = {
    partitionLabel: [partitionLabel],
    requiredLabel: requiredLabel.keys(),
    label: set.keys(),
    elideLabel,
  };
  for (const [option, names] of Object.entries(named)) {
    for (const name of names) {
      if (!isClassicLabelName(name) || name === METRIC_NAME_LABEL) {
        throw new UsageError(
          `Bad ${
            flagOf(option)
          }: Cannot use '${name}' as the name of a label: write letters, digits and _, no digit first, and not __name__`,
        );
      }
      if ((option === "label" || option === "elideLabel") && vouched.includes(name)) {
        const does = option === "label" ? "set" : "remove",
          by = name === partitionLabel ? "partitionLabel" : "requiredLabel";
        throw new UsageError(
          `Bad ${flagOf(option)}: Cannot ${does} the label '${name}', as tokens vouch for it by ${
            flagOf(by)
          }: leave it out`,
        );
      }
    }
  }
  if (values.limitLabels < vouched.length) {
    throw new UsageError(
      `Bad --limit-labels: Cannot use '${values.limitLabels}' where every series has the labels ${
        vouched.join(", ")
      }: write ${vouched.length} or more`,
    );
  }
  const selectors = [...values.whitelist, ...await readSelectors(values.whitelistFile)];
  return {
    set,
    elide: new Set(elideLabel),
    always: TARGET_LABELS,
    allow: selectors.length === 0 ? undefined : new AllowList(selectors),
    limitBytes: limitDecompressedBytes,
    limitTextBytes: values.limitTextBytes,
    limits: { maxFamilies: values.limitFamilies, maxSeries: values.limitSeries, maxLabels: values.limitLabels },
    maxLabelBytes: MAX_NAME_BYTES,
    maxNameBytes: MAX_NAME_BYTES,
    maxTextBytes: TEXT_FACTOR * limitDecompressedBytes,
    maxAgeMs: MAX_AGE_MS,
    maxAheadMs: values.limitFuture,
    ttlMs: values.ttl,
    honorTimestamps: values.honorTimestamps,
    notesSamples: values.forwardUrl.length > 0,
  };
}

async function readSelectors(path: string | undefined): Promise<Selector[]> {
  if (path === undefined) return [];
  const selectors = await readNamedFile(path, { flag: "--whitelist-file", parse: readSelectorFile });
  // openshift/telemeter drops everything then, and nobody means to keep everything by an empty list.
  if (selectors.length === 0) {
    throw new UsageError(
      `Bad --whitelist-file '${path}': it holds no selector, which would keep every series: write one, or leave the flag out`,
    );
  }
  return selectors;
}

/** To reach others, to read files that change, and to write the one that operators add to by the page. */
function permissionsOf(values: ServerOptions): Permission[] {
  const reaches = [values.authorize, values.storageUrl, values.listenCluster, values.forwardUrl[0]];
  const { tlsCrt, internalTlsCrt, revokedFile, tokensFile, listenCluster, whitelistFile, "config.file": configFile } =
    values;
  const { forwardCaFile, forwardCertFile, forwardTokenFile, forwardPasswordFile, forwardOauthSecretFile } = values;
  const own = [tlsCrt, internalTlsCrt, revokedFile, tokensFile, listenCluster, whitelistFile, configFile];
  const ofSinks = [forwardCaFile, forwardCertFile, forwardTokenFile, forwardPasswordFile, forwardOauthSecretFile];
  const reads = [...own, ...ofSinks];
  const isGiven = (value: unknown) => value !== undefined;
  const writes = values["web.enableAdminApi"] && isGiven(values.revokedFile);
  return [
    ...(reaches.some(isGiven) ? ["net"] as const : []),
    ...(reads.some(isGiven) ? ["read"] as const : []),
    ...(writes ? ["write"] as const : []),
  ];
}
