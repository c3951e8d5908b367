/**
 * From the cluster's flags to a member of the ring. Only a server with these flags loads this file, and with it the ring.
 *
 * @module
 */

import { X509Certificate } from "node:crypto";
import type { Logger } from "../../common/log.ts";
import type { Registry } from "../../common/metrics.ts";
import { type Address, UsageError } from "../../common/options.ts";
import { explain } from "../../common/explain.ts";
import { certificateNames } from "../../ring/transport/certificate_names.ts";
import type { StoredEntry } from "../../ring/protocol/effects.ts";
import type { TokenKeyIds } from "../../ring/transport/hello.ts";
import { CLASS_LIMITS } from "../../ring/protocol/mesh.ts";
import { Ring } from "../../ring/ring.ts";
import { RingIdentity } from "../../ring/transport/ring_identity.ts";
import { type LinkStatus, Transport } from "../../ring/transport/transport.ts";
import type { RingStatus } from "../../ring/ring_status.ts";
import type { ServerOptions } from "../options.ts";
import type { PushStore } from "../store/push_store.ts";
import { RING_STATE, StoreRingHost, type StoreRingHostOptions } from "./store_ring_host.ts";
import { MAX_HEADER_BYTES } from "./push_encoding.ts";

/** Who a server is in its ring. */
export interface RingSettings {
  /** Its name. */
  readonly name: string;
  /** Where it listens. */
  readonly listen: Address;
  /** Where others dial it, `host:port`. */
  readonly advertise: string;
  /** The host of that. */
  readonly host: string;
  /** Its certificate and whom it trusts. */
  readonly files: { readonly caPath: string; readonly certPath: string; readonly keyPath: string };
}

/** The status page: the ring, and the links below it. */
export interface RunningRingStatus extends RingStatus {
  /** The links that are up. */
  readonly links: readonly LinkStatus[];
}

/** A member that runs. */
export interface RunningRing extends AsyncDisposable {
  /** The ring. */
  readonly ring: Ring;
  /** What `/debug/cluster` shows. */
  status(): RunningRingStatus;
}

/** What a member starts with. */
export interface OpenRingOptions extends Omit<StoreRingHostOptions, "name" | "store"> {
  /** Who it is. */
  readonly flags: RingSettings;
  /** The command line. */
  readonly values: ServerOptions;
  /** The keys of the tokens: members have some in common. */
  readonly keys: TokenKeyIds;
  /** What it keeps; nothing has been read from it yet. */
  readonly store: PushStore;
  /** Gets the metrics. */
  readonly registry: Registry;
}

/** How often what was prepared and never shown is looked for, in milliseconds. */
const FORGET_INTERVAL_MS = 30_000;

/** The largest frame's room for what stands beside the envelope: an id, a version, a digest. */
const HEADER_BYTES = 4_096;

/**
 * Reads the flags that make a server a member of a ring.
 *
 * @throws {UsageError} if some lack, or do not go together.
 */
export async function readRingSettings(values: ServerOptions): Promise<RingSettings> {
  const { listenCluster: listen, advertiseCluster, clusterCa, clusterCrt, clusterKey, sharedKey, limitBytes } = values;
  if (listen === undefined) throw new UsageError("Cannot join a ring without --listen-cluster");
  if (clusterCa === undefined || clusterCrt === undefined || clusterKey === undefined) {
    throw new UsageError(
      "Cannot use --listen-cluster without --cluster-ca, --cluster-crt and --cluster-key: `deno task certs` makes a first set",
    );
  }
  if (sharedKey === undefined) {
    throw new UsageError(
      "Cannot use --listen-cluster without --shared-key: the servers of a ring take each other's tokens",
    );
  }
  const most = CLASS_LIMITS.data.frameBytes - HEADER_BYTES - MAX_HEADER_BYTES;
  if (limitBytes > most) {
    throw new UsageError(
      `Cannot use --limit-bytes ${limitBytes} in a ring, whose servers send each other ${most} bytes at most`,
    );
  }
  const { hostname, port } = advertiseCluster ?? listen;
  if (["", "0.0.0.0", "::"].includes(hostname) || port === 0) {
    throw new UsageError("Cannot tell where others reach this server: set --advertise-cluster HOST:PORT");
  }
  return {
    name: values.name ?? await firstNameIn(clusterCrt),
    listen,
    advertise: textOf({ hostname, port }),
    host: hostname,
    files: { caPath: clusterCa, certPath: clusterCrt, keyPath: clusterKey },
  };
}

/**
 * Starts a member: reads the store, listens and joins. What it owns is shown once it has joined.
 *
 * @throws {UsageError} if its certificate cannot be used, or it cannot listen.
 */
export async function openRing(options: OpenRingOptions): Promise<RunningRing> {
  const { flags: { name, listen, advertise, host: hostname, files }, values, keys, store, registry, log } = options;
  await using opening = new AsyncDisposableStack();
  const identity = opening.use(await RingIdentity.load({ name, ...files, log }));
  const host = opening.use(new StoreRingHost({ ...options, name }));
  const entries = await restore(store, { host, log });
  const forget = setInterval(() => host.expire(Date.now() - values.ttl), FORGET_INTERVAL_MS);
  opening.defer(() => clearInterval(forget));
  let transport!: Transport;
  const ring = opening.use(
    await Ring.start({
      self: { name, address: advertise, host: hostname },
      seeds: values.join.map(textOf),
      saved: await store.getMeta(RING_STATE),
      entries,
      ttlMs: values.ttl,
      mesh: (hello) =>
        transport = new Transport({
          address: listen,
          hello,
          cluster: values.clusterName,
          keys,
          identity,
          peerAllow: values.peerAllow.length === 0 ? undefined : new Set(values.peerAllow),
          registry,
          log,
        }),
      host,
      registry,
      log,
      limits: { pushBytes: values.limitBytes + MAX_HEADER_BYTES },
    }),
  );
  log.info("Joins a ring", { name, listens: textOf(transport.address), advertises: advertise });
  const running = opening.move();
  return {
    ring,
    status: () => ({ ...ring.status(), links: transport.status() }),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** Prepares what the store holds; a push that today's rules refuse is left out, and stays in the store until it expires. */
async function restore(store: PushStore, { host, log }: { host: StoreRingHost; log: Logger }): Promise<StoredEntry[]> {
  const entries: StoredEntry[] = [];
  let refused = 0;
  for await (const push of store.load()) {
    try {
      entries.push(await host.restore(push));
    } catch (error) {
      refused++;
      log.warn("Leaves out a stored push that it would not accept today", { cluster: push.id, reason: explain(error) });
    }
  }
  log.info("Read the store", { held: entries.length, refused });
  return entries;
}

function textOf({ hostname, port }: Address): string {
  return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}

async function firstNameIn(path: string): Promise<string> {
  let names: readonly string[];
  try {
    names = certificateNames(new X509Certificate(await Deno.readTextFile(path)).raw);
  } catch (cause) {
    throw new UsageError(`Bad --cluster-crt '${path}': ${explain(cause)}`, { cause });
  }
  if (names.length === 0) {
    throw new UsageError(`Cannot find a name in the certificate '${path}': set --name to one of its DNS names`);
  }
  return names[0];
}
