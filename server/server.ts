/**
 * Wires the server: the only file that knows all of its parts.
 *
 * @module
 */

import { Counter, Gauge, type Registry } from "prom-client";
import { type Handler, HttpError } from "../common/http.ts";
import { listen } from "../common/http_server.ts";
import { instrument, route } from "../common/router.ts";
import type { Launch, Running } from "../common/lifecycle.ts";
import type { Logger } from "../common/log.ts";
import { createRegistry, metricsHandler } from "../common/metrics.ts";
import { UsageError } from "../common/options.ts";
import { readSelectorFile } from "../common/selector.ts";
import { TlsIdentity } from "../common/tls.ts";
import { AllowList } from "./allow_list.ts";
import { authorizeHandler } from "./authorize.ts";
import { type Authorizer, OpenAuthorizer, UpstreamAuthorizer } from "./authorizer.ts";
import { CachingAuthorizer } from "./authorizer_cache.ts";
import { ExpositionIndex } from "./exposition_index.ts";
import { federate } from "./federate.ts";
import { Keeper } from "./keeper.ts";
import { PasswordGrant } from "./oidc.ts";
import type { SERVER_OPTIONS, ServerOptions } from "./options.ts";
import { PushLimiter } from "./rate_limit.ts";
import { RateLimited } from "./rate_limited.ts";
import { RevokedIds } from "./revoked.ts";
import { PushStore } from "./store.ts";
import { openTokenKeys } from "./token_keys.ts";
import { bearerToken, TokenSigner, TokenVerifier } from "./tokens.ts";
import { upload } from "./upload.ts";

/** How often clusters are dropped whose every sample has passed its time, in milliseconds. */
const EXPIRE_INTERVAL_MS = 10_000;
/** Bounds of names and values, as the programs in the field have them. */
const MAX_NAME_BYTES = 255;
const MAX_AGE_MS = 24 * 3_600_000;
/** Text is at most so many times as long as the protobuf it comes from, but where histograms repeat their labels. */
const TEXT_FACTOR = 4;

/** Starts the server: opens what it needs, shows what the store holds, then listens. */
export async function startServer({ values, log }: Launch<typeof SERVER_OPTIONS>): Promise<Running> {
  await using opening = new AsyncDisposableStack();
  const registry = createRegistry();
  const now = Date.now;
  const keys = await openTokenKeys({ sharedKey: values.sharedKey, verifyKeys: values.verifyKey, log });
  const signer = new TokenSigner(keys.signing);
  const verifier = new TokenVerifier(keys.verifying);
  const revoked = values.revokedFile === undefined ? undefined : await openRevoked(values.revokedFile, log);
  const authorizer = await openAuthorizer(values, { log, registry });
  const externalTls = await openTls(values.tlsCrt, values.tlsKey, { flags: "--tls-crt and --tls-key", log });
  const internalTls = await openTls(values.internalTlsCrt, values.internalTlsKey, {
    flags: "--internal-tls-crt and --internal-tls-key",
    log,
  });
  for (const tls of [externalTls, internalTls]) if (tls !== undefined) opening.use(tls);

  const index = new ExpositionIndex({ ttlMs: values.ttl });
  const store = opening.use(
    await PushStore.open({
      place: values.storageUrl === undefined ? { dir: values.storageDir } : { url: values.storageUrl },
      ttlMs: values.ttl,
      now,
      log,
      registry,
    }),
  );
  const rules = await ingestRules(values);
  const keeper = new Keeper({ rules, limitBytes: values.limitDecompressedBytes, store, index, registry });
  await restore(store, { keeper, log });
  opening.defer(watchIndex(index, { now, registry }));

  const limiter = new PushLimiter({ intervalMs: values.ratelimit });
  const readiness = () => {
    const { health } = store;
    if (health.ok) return new Response("ok\n");
    throw new HttpError(503, `Cannot keep pushes: ${health.reason}`, { reason: "store" });
  };
  const alive = () => new Response("ok\n");
  const seen = instrument(registry);

  const external = route(seen, {
    authorize: {
      path: "/authorize",
      handler: authorizeHandler({
        authorizer,
        signer,
        partitionLabel: values.partitionLabel,
        requiredLabels: values.requiredLabel,
        expireSeconds: values.tokenExpireSeconds,
        revoked,
        log,
      }),
    },
    upload: {
      path: "/upload",
      methods: ["POST"],
      handler: upload({
        authenticate: async (request) => {
          const claims = await verifier.verify(bearerToken(request));
          const id = claims.labels.get(values.partitionLabel);
          if (id !== undefined && await revoked?.has(id)) throw notAuthorized();
          return claims;
        },
        partitionLabel: values.partitionLabel,
        stage: new RateLimited(keeper, limiter),
        limitBytes: values.limitBytes,
        maxInFlight: values.limitInFlight,
        now,
        log,
        registry,
      }),
    },
    health: { path: "/healthz", methods: ["GET"], handler: alive },
    ready: { path: "/healthz/ready", methods: ["GET"], handler: readiness },
  });
}
