/**
 * From the settings of a ring to a member of it. Only a server that has some loads this file, and with it the ring.
 *
 * @module
 */

import type { Registry } from "../../common/metrics.ts";
import type { Address } from "../../common/option_kinds.ts";
import type { TokenKeyIds } from "../../ring/transport/hello.ts";
import { CLASS_LIMITS } from "../../ring/protocol/mesh.ts";
import type { Answerer } from "../../ring/transport/questions.ts";
import { Ring } from "../../ring/ring.ts";
import { RingIdentity } from "../../ring/transport/ring_identity.ts";
import { type LinkStatus, Transport } from "../../ring/transport/transport.ts";
import type { RingStatus } from "../../ring/ring_status.ts";
import type { StateMerger } from "../remote_write/state_merger.ts";
import type { PushStore } from "../store/push_store.ts";
import { restoreStored } from "./restore_stored.ts";
import { versionsApart } from "./versions_apart.ts";
import { RING_STATE } from "../store/layout.ts";
import { StoreRingHost, type StoreRingHostOptions } from "./store_ring_host.ts";
import { MAX_HEADER_BYTES } from "./push_encoding.ts";

/** Who a server is in its ring. */
export interface RingSettings {
  /** Its name. */
  readonly name: string;
  /** The name of the ring. */
  readonly ringName: string;
  /** Where it listens. */
  readonly listen: Address;
  /** Where others dial it. */
  readonly advertise: Address;
  /** Where it dials others to begin with. */
  readonly seeds: readonly Address[];
  /** Whether to start a ring of one, if need be, though others are given and this server was never in a ring. */
  readonly bootstraps: boolean;
  /** Whether it only votes and forwards, and owns nothing. */
  readonly isWitness: boolean;
  /** On how many of them a push must be durable before its client is answered. */
  readonly copies: number;
  /** The names of those that it lets in; without it, of all. */
  readonly peerAllow?: ReadonlySet<string>;
  /** Its certificate and whom it trusts. */
  readonly files: { readonly caPath: string; readonly certPath: string; readonly keyPath: string };
  /** The most bytes that the body of a push may have: at most {@linkcode MAX_RING_BODY_BYTES}. */
  readonly limitBytes: number;
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
  /** What certificate it shows to other members, in PEM. */
  certificate(): string;
  /** By which authorities it knows other members, in PEM. */
  authorities(): string;
}

/** What a member starts with. */
export interface OpenRingOptions extends Omit<StoreRingHostOptions, "name" | "store" | "states"> {
  /** Who it is. */
  readonly settings: RingSettings;
  /** How long a push is held after it was received, in milliseconds. */
  readonly ttlMs: number;
  /** The keys of the tokens: members have some in common. */
  readonly keys: TokenKeyIds;
  /** Answers what other members ask. */
  readonly answer: Answerer;
  /** What it stores; nothing has been read from it yet. */
  readonly store: PushStore;
  /** Merges requests of remote write. */
  readonly states: StateMerger;
  /** Gets the metrics. */
  readonly registry: Registry;
}

/** How often what was prepared and never shown is looked for, in milliseconds. */
const FORGET_INTERVAL_MS = 30_000;

/** The room in the largest frame for what stands beside the push: an id, a version, the digest of a view. */
const HEADER_BYTES = 4_096;

/** The longest body of a push that members can send each other. */
export const MAX_RING_BODY_BYTES: number = CLASS_LIMITS.data.frameBytes - HEADER_BYTES - MAX_HEADER_BYTES;

/**
 * Starts a member: reads the store, listens and joins. What it owns is shown once it has joined.
 *
 * @throws {UsageError} if its certificate cannot be used, or it cannot listen.
 */
export async function openRing(options: OpenRingOptions): Promise<RunningRing> {
  const { settings, ttlMs, keys, store, registry, log } = options;
  const { name, listen, advertise, peerAllow, files } = settings;
  await using opening = new AsyncDisposableStack();
  const identity = opening.use(await RingIdentity.load({ name, ...files, log }));
  const host = opening.use(new StoreRingHost({ ...options, name }));
  const saved = await store.getMeta(RING_STATE);
  const versionApart = saved === undefined ? undefined : versionsApart(saved, { wall: Date.now(), log });
  const entries = await restoreStored(store, { ...options, name, host, versionApart });
  const forget = setInterval(() => host.expire(performance.now() - ttlMs), FORGET_INTERVAL_MS);
  opening.defer(() => clearInterval(forget));
  let transport!: Transport;
  const ring = opening.use(
    await Ring.start({
      self: { name, address: textOf(advertise), host: advertise.hostname },
      seeds: settings.seeds.map(textOf),
      isWitness: settings.isWitness,
      bootstraps: settings.bootstraps,
      copies: settings.copies,
      saved,
      entries,
      ttlMs,
      mesh: (hello) =>
        transport = new Transport({
          address: listen,
          hello,
          cluster: settings.ringName,
          keys,
          identity,
          peerAllow,
          registry,
          log,
        }),
      host,
      answer: options.answer,
      registry,
      log,
      limits: { pushBytes: settings.limitBytes + MAX_HEADER_BYTES },
    }),
  );
  log.info("Joins a ring", { name, listens: textOf(transport.address), advertises: textOf(advertise) });
  const running = opening.move();
  return {
    ring,
    status: () => ({ ...ring.status(), links: transport.status() }),
    certificate: () => identity.current.cert,
    authorities: () => identity.current.ca,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

function textOf({ hostname, port }: Address): string {
  return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}
