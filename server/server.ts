/**
 * Wires the server: the only file that knows all of its parts.
 *
 * @module
 */

import { Counter, Gauge } from "prom-client";
import { HttpMetrics } from "../common/http/http_metrics.ts";
import { listen } from "../common/http/http_server.ts";
import type { Launch, Running } from "../common/lifecycle.ts";
import type { Logger } from "../common/log.ts";
import { createRegistry, type Registry } from "../common/metrics.ts";
import { flagOf, UsageError } from "../common/options.ts";
import type { Permission } from "../common/permissions.ts";
import { explain } from "../common/explain.ts";
import { readSelectorFile, type Selector } from "../common/exposition/selector.ts";
import { TlsIdentity } from "../common/tls.ts";
import { authorizeHandler } from "./authorization/authorize.ts";
import { type Authorizer, OpenAuthorizer, UpstreamAuthorizer } from "./authorization/authorizer.ts";
import { CachingAuthorizer } from "./authorization/authorizer_cache.ts";
import { externalApp } from "./external_app.ts";
import { internalApp } from "./internal_app.ts";
import { ExpositionIndex } from "./exposition/exposition_index.ts";
import { federate } from "./exposition/federate.ts";
import { AllowList } from "./ingest/allow_list.ts";
import { Renderer, type RenderRules } from "./ingest/renderer.ts";
import type { RunningRing } from "./ring/open_ring.ts";
import { Forward } from "./ring/forward.ts";
import { Capacity } from "./limits/capacity.ts";
import { PushCommitter } from "./pushes/push_committer.ts";
import { PasswordGrant } from "./authorization/oidc.ts";
import type { SERVER_OPTIONS, ServerOptions } from "./options.ts";
import { PushLimiter } from "./limits/rate_limit.ts";
import { RateLimited } from "./pushes/rate_limited.ts";
import { RevokedIds } from "./authorization/revoked.ts";
import { PushStore } from "./store/push_store.ts";
import { openTokenKeys } from "./authorization/token_keys.ts";
import { authentication } from "./authorization/authenticate.ts";
import { TokenSigner, TokenVerifier } from "./authorization/tokens.ts";
import { upload } from "./pushes/upload.ts";

/** How often clusters are dropped whose every sample has passed its time, in milliseconds. */
const EXPIRE_INTERVAL_MS = 10_000;
/** Bounds of names and values, as the programs in the field have them. */
const MAX_NAME_BYTES = 255;
/** The labels that a scraping Prometheus would add, and change whenever a cluster's series move to another server. */
const TARGET_LABELS: ReadonlySet<string> = new Set(["instance", "job"]);
const MAX_AGE_MS = 24 * 3_600_000;
/** Text is at most so many times as long as the protobuf it comes from, but where histograms repeat their labels. */
const TEXT_FACTOR = 4;

/** Starts the server: opens what it needs, shows what the store holds, then listens. */
export async function startServer({ values, log }: Launch<typeof SERVER_OPTIONS>): Promise<Running> {
  await using opening = new AsyncDisposableStack();
  const registry = createRegistry();
  const now = Date.now;
  // Without its flags a server is a ring of one, and loads nothing of the ring.
  const ringModule = values.listenCluster === undefined ? undefined : await import("./ring/open_ring.ts");
  const flags = await ringModule?.readRingSettings(values);
  if (flags === undefined) mustBeAlone(values);
  const keys = await openTokenKeys({ sharedKey: values.sharedKey, verifyKeys: values.verifyKey, log });
  const signer = new TokenSigner(keys.signing);
  const verifier = new TokenVerifier(keys.verifying);
  const revoked = values.revokedFile === undefined ? undefined : await openRevoked(values.revokedFile, log);
  const authorizer = await openAuthorizer(values, { log, registry });
  const { tlsCrt, tlsKey, internalTlsCrt, internalTlsKey } = values;
  const externalTls = await openTls({ crt: tlsCrt, key: tlsKey, flags: "--tls-crt and --tls-key", log });
  const internalTls = await openTls({
    crt: internalTlsCrt,
    key: internalTlsKey,
    flags: "--internal-tls-crt and --internal-tls-key",
    log,
  });
  for (const tls of [externalTls, internalTls]) if (tls !== undefined) opening.use(tls);

  const index = new ExpositionIndex({ ttlMs: values.ttl });
  const store = opening.use(
    await PushStore.open({
      place: values.storageUrl === undefined ? { dir: values.storageDir } : { url: values.storageUrl },
      // Members of a ring that share a remote store each need a part of their own.
      namespace: values.storageUrl === undefined || flags === undefined ? undefined : `telemeter ${flags.name}`,
      ttlMs: values.ttl,
      now,
      log,
      registry,
    }),
  );
  const renderer = new Renderer(await renderRules(values));
  const { limitClusters: maxClusters, limitTotalSeries: maxSeries } = values;
  const capacity = new Capacity({ maxClusters, maxSeries, index, store });
  const committer = new PushCommitter({ renderer, capacity, store, index, registry });
  const limiter = new PushLimiter({ intervalMs: values.ratelimit });
  let cluster: RunningRing | undefined;
  if (ringModule === undefined || flags === undefined) await restore(store, { committer, log });
  else {
    const keyIds = { signing: keys.signing.id, verifying: verifier.keyIds };
    const parts = { flags, values, keys: keyIds, committer, store, index, limiter, registry, log };
    cluster = opening.use(await ringModule.openRing(parts));
  }
  store.startSweeping();
  opening.defer(watchIndex(index, { now, registry }));

  const metrics = new HttpMetrics(registry);
  const ring = cluster?.ring;
  const authorize = authorizeHandler({
    authorizer,
    signer,
    partitionLabel: values.partitionLabel,
    requiredLabels: values.requiredLabel,
    expireSeconds: values.tokenExpireSeconds,
    revoked,
    log,
  });
  const push = upload({
    authenticate: authentication({ verifier, revoked, partitionLabel: values.partitionLabel }),
    stage: new RateLimited(ring === undefined ? committer : new Forward({ ring, registry }), limiter),
    limitBytes: values.limitBytes,
    maxInFlight: values.limitInFlight,
    now,
    log,
    registry,
  });
  const external = opening.use(
    await listen(externalApp({ authorize, upload: push, store, ring, log, metrics }).fetch, {
      address: values.listen,
      name: "external",
      hostile: {
        maxConnections: values.limitConnections,
        maxConnectionsPerAddress: values.limitConnectionsPerAddress,
      },
      tls: externalTls,
      log,
      metrics,
    }),
  );
  const conflicts = new Gauge({
    name: "telemeter_federate_conflicts",
    help: "Metric names whose type differs between clusters, or that collide, on the latest page",
    registers: [registry],
  });
  const internal = opening.use(
    await listen(
      internalApp({
        federate: federate({ index, conflicts, now }),
        ringStatus: () => cluster?.status() ?? { members: [], clusters: { owned: index.clusters } },
        store,
        ring,
        registry,
        log,
        metrics,
      }).fetch,
      { address: values.listenInternal, name: "internal", tls: internalTls, log, metrics },
    ),
  );
  // First of all when the server stops: it hands over while it still takes pushes, which it forwards.
  if (cluster !== undefined) opening.defer(() => cluster.ring.leave());
  log.info("Listens", { external: external.url.href, internal: internal.url.href, clusters: index.clusters });
  const running = opening.move();
  return { keeps: permissionsOf(values), [Symbol.asyncDispose]: () => running.disposeAsync() };
}

/** What a server still needs once it listens and has its store open: to reach others, and to read files that change. */
function permissionsOf(values: ServerOptions): Permission[] {
  const reaches = [values.authorize, values.storageUrl, values.listenCluster];
  const reads = [values.tlsCrt, values.internalTlsCrt, values.revokedFile, values.listenCluster];
  const isGiven = (value: unknown) => value !== undefined;
  return [...(reaches.some(isGiven) ? ["net"] as const : []), ...(reads.some(isGiven) ? ["read"] as const : [])];
}

/** Refuses flags of the ring that would do nothing. */
function mustBeAlone({ join, name, advertiseCluster, clusterCa, clusterCrt, clusterKey, peerAllow }: ServerOptions) {
  const given = { join: join[0], name, advertiseCluster, clusterCa, clusterCrt, clusterKey, peerAllow: peerAllow[0] };
  for (const [option, value] of Object.entries(given)) {
    if (value === undefined) continue;
    throw new UsageError(`Cannot use ${flagOf(option)} without --listen-cluster, which makes a server part of a ring`);
  }
}

async function openRevoked(path: string, log: Logger): Promise<RevokedIds> {
  try {
    return await RevokedIds.open(path, { log });
  } catch (cause) {
    throw new UsageError(`Bad --revoked-file '${path}': ${explain(cause)}`, { cause });
  }
}

async function openTls(
  { crt, key, flags, log }: { crt?: string; key?: string; flags: string; log: Logger },
): Promise<TlsIdentity | undefined> {
  if (crt === undefined && key === undefined) return undefined;
  if (crt === undefined || key === undefined) throw new UsageError(`Cannot use one of ${flags} without the other`);
  return await TlsIdentity.load({ certPath: crt, keyPath: key, log });
}

async function openAuthorizer(
  values: ServerOptions,
  { log, registry }: { log: Logger; registry: Registry },
): Promise<Authorizer> {
  const { authorize: url, authorizeIssuerUrl: issuer, authorizeUsername: username, authorizeClientId: clientId } =
    values;
  if (url === undefined) {
    log.warn("Accepts any token and any cluster id, as --authorize is not set", {});
    return new OpenAuthorizer();
  }
  let access: PasswordGrant | undefined;
  if (issuer !== undefined) {
    const password = values.authorizePassword ??
      await readSecret(values.authorizePasswordFile, "--authorize-password-file");
    if (username === undefined || clientId === undefined || password === undefined) {
      throw new UsageError(
        "Cannot use --authorize-issuer-url without --authorize-username, --authorize-client-id and a password",
      );
    }
    access = new PasswordGrant({ issuer, clientId, username, password });
  }
  return new CachingAuthorizer(new UpstreamAuthorizer({ url, access }), { registry, log });
}

async function readSecret(path: string | undefined, flag: string): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    return (await Deno.readTextFile(path)).trim();
  } catch (cause) {
    throw new UsageError(`Bad ${flag} '${path}': ${explain(cause)}`, { cause });
  }
}

async function renderRules(values: ServerOptions): Promise<RenderRules> {
  const { label: set, elideLabel, partitionLabel, requiredLabel, limitDecompressedBytes } = values;
  for (const name of [partitionLabel, ...requiredLabel.keys()]) {
    if (set.has(name) || elideLabel.includes(name)) {
      throw new UsageError(`Cannot set or elide the label ${name}, as it is one that tokens vouch for`);
    }
  }
  for (const name of [partitionLabel, ...requiredLabel.keys(), ...set.keys(), ...elideLabel]) {
    if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name) || name === "__name__") {
      throw new UsageError(`Cannot use '${name}' as the name of a label`);
    }
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
  };
}

async function readSelectors(path: string | undefined): Promise<Selector[]> {
  if (path === undefined) return [];
  try {
    return readSelectorFile(await Deno.readTextFile(path));
  } catch (cause) {
    throw new UsageError(`Bad --whitelist-file '${path}': ${explain(cause)}`, { cause });
  }
}

/** Shows what the store holds; a push that today's rules refuse is left out, and stays in the store until it expires. */
async function restore(store: PushStore, { committer, log }: { committer: PushCommitter; log: Logger }) {
  let shown = 0, refused = 0;
  for await (const push of store.load()) {
    try {
      // A copy that it kept for another member, when it was in a ring, is that member's to show.
      if (push.role === "standby") continue;
      committer.restore(push);
      shown++;
    } catch (error) {
      refused++;
      log.warn("Leaves out a stored push that it would not accept today", { cluster: push.id, reason: explain(error) });
    }
  }
  log.info("Read the store", { shown, refused });
}

/** Tells the size of the index on /metrics, and drops what has expired until the returned function is called. */
function watchIndex(index: ExpositionIndex, { now, registry }: { now: () => number; registry: Registry }): () => void {
  const registers = [registry];
  const sizes: [name: string, help: string, size: () => number][] = [
    ["telemeter_partitions", "Clusters that are held", () => index.clusters],
    ["telemeter_families", "Families that are held, counted by cluster", () => index.families],
    ["telemeter_series", "Series that are held", () => index.series],
    ["telemeter_index_bytes", "Memory of the exposition index, in bytes", () => index.bytes],
  ];
  for (const [name, help, size] of sizes) {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(size());
      },
    });
  }
  const cleanups = new Counter({
    name: "telemeter_cleanups_total",
    help: "Clusters dropped as all of their samples had passed their time",
    registers,
  });
  const timer = setInterval(() => cleanups.inc(index.expire(now()).length), EXPIRE_INTERVAL_MS);
  return () => clearInterval(timer);
}
