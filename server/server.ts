/**
 * Wires the server: the only file that knows all of its parts.
 *
 * @module
 */

import { Counter, Gauge } from "prom-client";
import type { HostileLimits } from "../common/http/hostile_limits.ts";
import { HttpMetrics } from "../common/http/http_metrics.ts";
import { listen } from "../common/http/http_server.ts";
import type { Launch, Running } from "../common/lifecycle.ts";
import { RepeatLog } from "../common/repeat_log.ts";
import type { Logger } from "../common/log.ts";
import { createRegistry, type Registry } from "../common/metrics.ts";
import type { ProxyEnvironment } from "../common/outgoing/proxy_rule.ts";
import { reportOptions } from "../common/option_report.ts";
import { writeAbilities } from "../common/ingest/server_abilities.ts";
import { openAuthorities } from "../common/authorities.ts";
import { loadTlsIdentity } from "../common/tls.ts";
import { authorizeHandler } from "./authorization/authorize.ts";
import { type Authorizer, OpenAuthorizer, UpstreamAuthorizer } from "./authorization/authorizer.ts";
import { CachingAuthorizer } from "./authorization/authorizer_cache.ts";
import { SharingAuthorizer } from "./authorization/authorizer_shares.ts";
import { externalApp } from "./external_app.ts";
import { openDirectory } from "./directory/open_directory.ts";
import type { SourceLimits } from "./directory/source.ts";
import { sourceFamilies } from "./directory/source_families.ts";
import { SourceActions } from "./api/actions.ts";
import type { MemberReport } from "./ring/member_report.ts";
import type { RingView } from "./api/ring_view.ts";
import { type MemberAnswer, OwnSources, type Sources } from "./api/sources.ts";
import { statusOf, type StatusSources } from "./api/status.ts";
import { reportCertificates, usedCertificates, watchCertificates } from "./certificates.ts";
import { withinFiles } from "./file_limit.ts";
import { mustBeFree } from "./free_addresses.ts";
import { internalApp } from "./internal_app.ts";
import { ExpositionIndex } from "./exposition/exposition_index.ts";
import { watchIndex } from "./exposition/index_watch.ts";
import { federate } from "./exposition/federate.ts";
import { Renderer } from "./ingest/renderer.ts";
import type { RunningRing } from "./ring/open_ring.ts";
import { Forward } from "./ring/forward.ts";
import { Standstill } from "./ring/standstill.ts";
import { Capacity } from "./limits/capacity.ts";
import { EventLoopShare } from "./limits/event_loop_share.ts";
import { watchLimits } from "./limits/limit_metrics.ts";
import { MemoryGuard } from "./limits/memory_guard.ts";
import { memoryLimits, SYSTEM_MEMORY } from "./limits/memory_limits.ts";
import { PushCommitter } from "./pushes/push_committer.ts";
import { SERVER_OPTIONS, type ServerOptions } from "./options.ts";
import { PushLimiter } from "./limits/rate_limit.ts";
import { HeldRefusals } from "./limits/held_refusals.ts";
import { UploadSlots } from "./limits/upload_slots.ts";
import { PushAccount } from "./pushes/push_account.ts";
import { PushSummary, REMOTE_WRITE } from "./pushes/push_summary.ts";
import { MemoryGuarded } from "./pushes/memory_guarded.ts";
import { restore } from "./pushes/restore.ts";
import { ClusterLogs } from "./remote_write/cluster_logs.ts";
import { DeltaRenderer } from "./remote_write/delta_renderer.ts";
import { receive } from "./remote_write/receive.ts";
import { StateMerger } from "./remote_write/state_merger.ts";
import { WriteCommitter } from "./remote_write/write_committer.ts";
import { WriteLimited } from "./remote_write/write_limited.ts";
import { RateLimited } from "./pushes/rate_limited.ts";
import { SinkMetrics } from "./sinks/sink_metrics.ts";
import { Sinks } from "./sinks/sinks.ts";
import { RING_STATE } from "./store/layout.ts";
import { PushStore } from "./store/push_store.ts";
import { authentication } from "./authorization/authenticate.ts";
import { oauth2TokenHandler } from "./authorization/oauth2_token.ts";
import { AUTHORIZE_LIMIT, TokenExchange, UNLIMITED } from "./authorization/token_exchange.ts";
import { TokenSigner, TokenVerifier } from "./authorization/tokens.ts";
import { upload } from "./pushes/upload.ts";
import { reloading } from "./reload.ts";
import { loadSettings, type ServerSettings } from "./settings.ts";

/** How many sources are expected where the number of clusters has no limit. */
const MAX_SOURCES = 50_000;

/** How many addresses of strangers the log tells apart in a minute whose tokens are refused. */
const MAX_STRANGERS = 100;

/** How often the log is given what has happened again meanwhile, in milliseconds. */
const FLUSH_INTERVAL_MS = 10_000;

/**
 * What the internal listener allows: selectors make long URLs, and what stands between it and a Prometheus may keep a connection
 * for as long as ten minutes. All who come may be of one network.
 */
const INTERNAL_LIMITS: HostileLimits = {
  maxHeaderBytes: 131_072,
  maxUrlBytes: 65_536,
  idleTimeoutMs: 620_000,
  maxConnections: 2_048,
  maxConnectionsPerAddress: 512,
  maxConnectionsPerNetwork: 2_048,
};

/**
 * Starts the server: opens what it needs, shows what the store holds, then listens. `environment` has the proxies that the
 * environment named when the program started.
 */
export async function startServer(
  { values, originOf, log, reread, checkFiles }: Launch<typeof SERVER_OPTIONS>,
  { environment }: { environment: ProxyEnvironment },
): Promise<Running> {
  await using opening = new AsyncDisposableStack();
  const registry = createRegistry();
  const now = Date.now;
  let live = values;
  const settings = await loadSettings(values, { log, environment });
  opening.use(settings.requests);
  if (settings.sinks !== undefined) opening.use(settings.sinks);
  const { keys, revoked } = settings;
  const signer = new TokenSigner(keys.signing);
  const verifier = new TokenVerifier(keys.verifying);
  const authorizer = authorizerOf(settings, { log, registry });
  const externalTls = settings.tls && opening.use(await loadTlsIdentity({ ...settings.tls, log }));
  const clientAuthorities = settings.clientCa === undefined
    ? undefined
    : opening.use(await openAuthorities({ path: settings.clientCa, flag: "--client-ca", of: "clients", log }));
  const internalTls = settings.internalTls && opening.use(await loadTlsIdentity({ ...settings.internalTls, log }));

  // Before anything runs that needs a file.
  const maxConnections = withinFiles(values.limitConnections, { log });
  // A server that cannot listen leaves nothing behind.
  await mustBeFree([values.listen, values.listenInternal, ...settings.ring ? [settings.ring.listen] : []], { log });

  const index = new ExpositionIndex({ ttlMs: values.ttl });
  const store = opening.use(await PushStore.open({ ...settings.storage, ttlMs: values.ttl, now, log, registry }));
  let cluster: RunningRing | undefined;
  const sourceLimits = sourceLimitsOf(values);
  const { directory } = opening.use(
    await openDirectory({
      maxSources: 2 * (values.limitClusters || MAX_SOURCES),
      retentionMs: values.directoryRetention,
      ttlMs: values.ttl,
      owns: (id) => cluster === undefined || cluster.ring.place(id).owner === cluster.ring.name,
      revoked: revoked && (() => revoked.ids()),
      store,
      registry,
      limits: sourceLimits,
      log,
    }),
  );
  const losses = new RepeatLog(log, { level: "warn" });
  const sinks = settings.sinks && opening.use(
    await Sinks.open({
      places: settings.sinks.places,
      index,
      store,
      ttlMs: values.ttl,
      hidden: values.revokedShown || revoked === undefined ? undefined : () => revoked.ids(),
      metrics: new SinkMetrics(registry),
      losses,
    }),
  );
  const renderer = new Renderer(settings.rules);
  const repeats = new RepeatLog(log, { level: "info" });
  const strangers = new RepeatLog(log, { level: "info", maxThings: MAX_STRANGERS });
  const { limitClusters: maxClusters, limitTotalSeries: maxSeries } = values;
  const limits = memoryLimits(values.limitMemory, { source: SYSTEM_MEMORY, log });
  const memory = new MemoryGuard({ limits, log, registry });
  const capacity = new Capacity({ maxClusters, maxSeries, index, store, memory });
  const account = new PushAccount({ ttlMs: values.ttl, losses: repeats, directory, registry });
  const share = new EventLoopShare();
  const ofRing = settings.ring === undefined ? await store.getMeta(RING_STATE) : undefined;
  const versionApart = ofRing === undefined
    ? undefined
    : (await import("./ring/versions_apart.ts")).versionsApart(ofRing, { wall: now(), log });
  const logs = new ClusterLogs({
    versionApart,
    store,
    index,
    capacity,
    share,
    maxSeries: () => live.limitSeries,
    ttlMs: values.ttl,
    now,
    log,
  });
  const committer = new PushCommitter({
    renderer,
    capacity,
    store,
    index,
    ...settings.ring === undefined && { logs },
    account,
    versionApart,
  });
  const writes = new WriteCommitter({
    deltas: new DeltaRenderer(settings.rules),
    renderer: () => committer.renderer,
    logs,
    capacity,
    index,
    account,
    share,
  });
  const limiter = new PushLimiter({ intervalMs: values.ratelimit });
  const placeOf = (id: string) => cluster?.ring.place(id) ?? {};
  const droppedOf = async (id: string, { sinceMs }: { sinceMs: number }) => {
    const push = await store.get(id);
    // What a cluster shows, in place of its push, has lost already what was dropped.
    return push === undefined || push.through !== undefined || push.receivedAtMs < sinceMs
      ? undefined
      : committer.droppedOf(push);
  };
  const own = new OwnSources({ directory, index, ttlMs: values.ttl, limits: sourceLimits, placeOf, droppedOf, now });
  let sources: Sources = own;
  let ringView: (() => Promise<RingView>) | undefined;
  let toldOthers: () => Pick<MemberReport, "certificates" | "sinks" | "internal"> = () => ({});
  let forgetElsewhere: (id: string) => Promise<readonly MemberAnswer[]> = () => Promise.resolve([]);
  if (settings.ring === undefined) await restore(store, { committer, writes, memory, log });
  else {
    // What it owns from now on another member may have taken in.
    sinks?.start();
    // A server that stands alone loads nothing of the ring.
    const { openRing } = await import("./ring/open_ring.ts");
    const { forgetElsewhere: forgetAt, ringAnswerer, RingSources } = await import("./ring/ring_sources.ts");
    const { ringOverview } = await import("./ring/ring_overview.ts");
    const { SourceExchange } = await import("./ring/source_exchange.ts");
    const report = () => cluster && { ...cluster.status(), ...toldOthers() };
    const answer = ringAnswerer({ own, directory, report });
    const keyIds = { signing: keys.signing.id, verifying: verifier.keyIds };
    const { partitionLabel } = values;
    const states = new StateMerger({
      deltas: () => writes.deltas,
      renderer: () => committer.renderer,
      index,
      capacity,
      account,
      share,
      maxSeries: () => live.limitSeries,
      limitBytes: values.limitBytes,
      ttlMs: values.ttl,
      now,
    });
    const stored = { committer, store, index, states };
    const parts = { ttlMs: values.ttl, partitionLabel, keys: keyIds, ...stored, limiter, memory };
    cluster = opening.use(await openRing({ settings: settings.ring, answer, ...parts, registry, log }));
    const { ring, status } = cluster;
    sources = new RingSources({ own, ring });
    forgetElsewhere = (id) => forgetAt(ring, id);
    ringView = () => ringOverview(ring, { ...status(), ...toldOthers() });
    opening.use(new SourceExchange({ directory, ring: cluster.ring, log }));
  }
  sinks?.start();
  store.startSweeping();
  opening.defer(watchIndex(index, { now, registry }));
  const flushing = setInterval(() => {
    repeats.flush();
    strangers.flush();
    losses.flush();
    logs.tidy();
    memory.flush();
  }, FLUSH_INTERVAL_MS);
  opening.defer(() => clearInterval(flushing));

  const metrics = new HttpMetrics(registry);
  const ring = cluster?.ring;
  const exchange = new TokenExchange({
    authorizer,
    signer,
    partitionLabel: values.partitionLabel,
    requiredLabels: values.requiredLabel,
    expireSeconds: values.tokenExpireSeconds,
    revoked,
    directory,
    refusals: { known: repeats, strangers },
    addressLimit: settings.upstream === undefined ? AUTHORIZE_LIMIT : UNLIMITED,
  });
  const authorize = authorizeHandler({
    exchange,
    abilities: writeAbilities({
      takesAnyTimestamps: !values.honorTimestamps,
      maxLabels: values.limitLabels,
      maxAheadMs: values.limitFuture,
      // To a client it is how old a sample may be by its timestamp.
      ttlMs: values.honorTimestamps ? values.ttl : Infinity,
    }),
  });
  const oauth2Token = oauth2TokenHandler({ exchange, registry });
  const authenticate = authentication({
    verifier,
    revoked,
    partitionLabel: values.partitionLabel,
    exchange,
    certificateRule: clientAuthorities && values.clientCertificateId,
    registry,
  });
  const forward = ring &&
    new Forward({ ring, limitBytes: values.limitBytes, standstill: opening.use(new Standstill()), registry });
  const slots = new UploadSlots({ most: values.limitInFlight, now: () => performance.now() });
  const held = new HeldRefusals({ registry });
  const push = upload({
    authenticate,
    stage: new RateLimited(
      new MemoryGuarded(forward ?? committer, memory),
      { limiter },
    ),
    limitBytes: values.limitBytes,
    slots,
    held,
    now,
    log,
    refusals: repeats,
    directory,
    registry,
  });
  const writeLimits = new WriteLimited(new MemoryGuarded(forward ?? writes, memory), {
    samplesPerSecond: values.limitSamplesPerSecond,
  });
  const write = receive({
    authenticate,
    stage: writeLimits,
    limitBytes: values.limitBytes,
    slots,
    held,
    now,
    refusals: repeats,
    directory,
    registry,
  });
  opening.defer(new PushSummary({ registry, log }).start());
  opening.defer(new PushSummary({ registry, log, of: REMOTE_WRITE }).start());
  const external = opening.use(
    await listen(
      externalApp({ authorize, oauth2Token, upload: push, receive: write, store, ring, log, metrics }).fetch,
      {
        address: values.listen,
        name: "external",
        hostile: {
          maxConnections,
          maxConnectionsPerAddress: values.limitConnectionsPerAddress,
          maxConnectionsPerNetwork: values.limitConnectionsPerNetwork,
        },
        hasMemory: () => memory.state !== "full",
        tls: externalTls,
        clientAuthorities,
        trustedProxies: values.trustedProxy,
        log,
        metrics,
      },
    ),
  );
  const labels = new Map([...Array.from(settings.rules.always, (name) => [name, ""] as const), ...settings.rules.set]);
  const certificates = usedCertificates(settings, { externalTls, clientAuthorities, internalTls, ring: cluster });
  watchCertificates(certificates, { registry });
  const used = {
    limitClusters: () => Math.max(index.clusters, store.clusters),
    limitTotalSeries: () => index.series,
    limitMemory: () => Deno.memoryUsage().rss,
  };
  watchLimits({
    options: SERVER_OPTIONS,
    values: () => ({ ...live, limitMemory: limits?.resident.short ?? 0 }),
    used,
    registry,
  });
  const status: StatusSources = {
    name: settings.ring?.name,
    startedMs: now(),
    flags: () => reportOptions(SERVER_OPTIONS, { values: live, originOf }),
    store: () => store.health,
    clusters: () => ({
      shown: index.clusters,
      ...cluster !== undefined && { standby: cluster.status().clusters.standby },
    }),
    limits: () => [
      {
        flag: "--limit-clusters",
        what: "clusters",
        used: used.limitClusters(),
        limit: live.limitClusters,
      },
      {
        flag: "--limit-total-series",
        what: "series shown",
        used: used.limitTotalSeries(),
        limit: live.limitTotalSeries,
      },
    ],
    certificates: () => reportCertificates(certificates),
    now,
  };
  const actions = new SourceActions({
    sources,
    revoke: revoked && (async (id) => {
      await revoked.add(id);
      await directory.readRevoked();
    }),
    forget: (id) => {
      directory.forget(id);
      return forgetElsewhere(id);
    },
    log,
  });
  const conflicts = new Gauge({
    name: "telemeter_federate_conflicts",
    help: "Metric names whose type differs between clusters, or that collide, on the latest page",
    registers: [registry],
  });
  const collisions = new Counter({
    name: "telemeter_federate_collisions_total",
    help:
      "Samples left out of pages, as with underscores in place of other characters they were the same series as others",
    registers: [registry],
  });
  const internal = opening.use(
    await listen(
      internalApp({
        federate: federate({
          index,
          conflicts,
          collisions,
          hidden: values.revokedShown || revoked === undefined ? undefined : () => revoked.ids(),
          own: values.sourceMetrics
            ? () =>
              sourceFamilies(directory.list(), { partitionLabel: values.partitionLabel, labels, limits: sourceLimits })
            : undefined,
          now,
        }),
        sources,
        actions: values["web.enableAdminApi"] ? actions : undefined,
        listen: values.listenInternal,
        ringView,
        sinks: sinks && (() => sinks.report()),
        partitionLabel: values.partitionLabel,
        status: () => statusOf(status),
        operator: values["web.enableAdminApi"] ? ring : undefined,
        ringStatus: () => cluster?.status() ?? { members: [], clusters: { owned: index.clusters } },
        store,
        ring,
        registry,
        log,
        metrics,
      }).fetch,
      {
        address: values.listenInternal,
        name: "internal",
        hostile: INTERNAL_LIMITS,
        tls: internalTls,
        trustedProxies: values.trustedProxy,
        log,
        metrics,
      },
    ),
  );
  const { hostname } = values.listenInternal, { port } = internal;
  toldOthers = () => ({
    certificates: statusOf(status).certificates,
    sinks: sinks?.report() ?? [],
    internal: { hostname, port, secure: internalTls !== undefined },
  });
  // First of all when the server stops: it hands over while it still takes pushes, which it forwards.
  if (cluster !== undefined) opening.defer(() => cluster.ring.leave());
  log.info("Listening", { external: external.url.href, internal: internal.url.href, clusters: index.clusters });
  const onValues = (changed: ServerOptions) => {
    live = changed;
    Object.assign(sourceLimits, sourceLimitsOf(changed));
  };
  const reload = reloading({ log, reread, checkFiles, committer, writes, writeLimits, limiter, capacity, onValues });
  const running = opening.move();
  return { keeps: settings.permissions, reload, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

function sourceLimitsOf({ limitSeries, limitFamilies, limitBytes }: ServerOptions): SourceLimits {
  return { series: limitSeries, families: limitFamilies, bytes: limitBytes };
}

function authorizerOf(
  { upstream, tokens }: ServerSettings,
  { log, registry }: { log: Logger; registry: Registry },
): Authorizer {
  if (upstream !== undefined) {
    const shared = new SharingAuthorizer(new UpstreamAuthorizer(upstream), { registry });
    return new CachingAuthorizer(shared, { registry, log });
  }
  if (tokens !== undefined) {
    if (tokens.size === 0) {
      log.warn("Lets nobody push, as the file of --tokens-file names no cluster: `deno task token` adds a line", {});
    }
    return tokens;
  }
  log.warn("Accepts any token and any cluster id, as neither --authorize nor --tokens-file is set", {});
  return new OpenAuthorizer();
}
