/**
 * The ring's metrics; docs/operations.md says which of them are worth an alert.
 *
 * @module
 */

import { Counter, Gauge } from "prom-client";
import type { Registry } from "../common/metrics.ts";
import { STATUSES } from "./protocol/member.ts";
import type { MessageType } from "./protocol/mesh.ts";
import { SEED_STATES } from "./membership/seeds.ts";
import type { RingStatus } from "./ring_status.ts";

/** How often the status is looked at, in milliseconds: each look counts all clusters. */
const LOOK_MS = 1_000;

/** Shows a {@linkcode RingStatus} as metrics. */
export class RingMetrics {
  readonly #status: () => RingStatus;
  readonly #relayed: Counter;
  readonly #unread: Counter<"type">;
  readonly #unsent: Counter<"type">;
  #lookedAt = -Infinity;
  #disagreesSince: number | undefined;
  #lagsSince: number | undefined;

  /** Registers the metrics; the status is looked at when they are scraped, and each second. */
  constructor(registry: Registry, look: () => RingStatus) {
    const status = this.#status = onceATurn(look);
    const registers = [registry];
    new Gauge({
      name: "telemeter_ring_members",
      help: "Members of the ring by status, as this member sees them, itself included",
      labelNames: ["status"],
      registers,
      collect() {
        const { members } = status();
        for (const each of STATUSES) {
          this.set({ status: each.toLowerCase() }, members.filter(({ status }) => status === each).length);
        }
      },
    });
    new Gauge({
      name: "telemeter_ring_seeds",
      help:
        "Addresses of --join by how it stands with them: linked, untried, unreachable, or refused (somebody else is there)",
      labelNames: ["state"],
      registers,
      collect() {
        const { seeds } = status();
        for (const each of SEED_STATES) this.set({ state: each }, seeds.filter(({ state }) => state === each).length);
      },
    });
    this.#gauge(registers, {
      name: "telemeter_ring_closed",
      help:
        "1 while this member shows nothing: it is joining, leaving, stalled, without quorum, or waiting for the others",
      value: () => status().closed === undefined ? 0 : 1,
    });
    this.#gauge(registers, {
      name: "telemeter_ring_alone",
      help:
        "1 while this member, one of two, carries on without the other: if that one lives, both show the same clusters",
      value: () => status().carriesOnAlone ? 1 : 0,
    });
    this.#gauge(registers, {
      name: "telemeter_ring_witnesses",
      help: "Members that only vote, by this member's view: started with --witness, or not able to own clusters now",
      value: () => status().view.witnesses.length,
    });
    this.#gauge(registers, {
      name: "telemeter_ring_view_members",
      help: "Members that own clusters, by this member's view",
      value: () => status().view.members.length,
    });
    this.#gauge(registers, {
      name: "telemeter_ring_digest_disagreement_seconds",
      help: "How long a linked member has had a different view of the ring than this one",
      value: () => this.#since(this.#disagreesSince),
    });
    this.#gauge(registers, {
      name: "telemeter_ring_transfer_lag_seconds",
      help: "How long, without a break, there have been clusters that another member must get and has not confirmed",
      value: () => this.#since(this.#lagsSince),
    });
    new Gauge({
      name: "telemeter_ring_transfer_backlog",
      help: "Clusters that other members must still get (owed), and copies that wait or are under way (copies)",
      labelNames: ["kind"],
      registers,
      collect() {
        const { transfers } = status();
        this.set({ kind: "owed" }, transfers.owed);
        this.set({ kind: "copies" }, transfers.copies);
      },
    });
    new Gauge({
      name: "telemeter_ring_clusters",
      help: "Clusters held, by role: owned, standby, or foreign (held for nobody until they expire)",
      labelNames: ["role"],
      registers,
      collect() {
        for (const [role, count] of Object.entries(status().clusters)) this.set({ role }, count);
      },
    });
    new Gauge({
      name: "telemeter_ring_in_flight_bytes",
      help: "Bytes of pushes on their way to other members (forward), and waiting for this member's store (store)",
      labelNames: ["to"],
      registers,
      collect() {
        const { inFlight } = status();
        this.set({ to: "forward" }, inFlight.bytes);
        this.set({ to: "store" }, inFlight.storeBytes);
      },
    });
    this.#relayed = new Counter({
      name: "telemeter_ring_relayed_total",
      help: "Pushes that this member has passed on to their owner for another one, whose own link with that is cut",
      registers,
    });
    this.#unread = new Counter({
      name: "telemeter_ring_unread_messages_total",
      help: "Messages of peers that are dropped as their fields are not what they should be, by type",
      labelNames: ["type"],
      registers,
    });
    this.#unsent = new Counter({
      name: "telemeter_ring_unsent_total",
      help: "Messages to peers that found no link or no room in its queue, by type",
      labelNames: ["type"],
      registers,
    });
  }

  /** A push was passed on. */
  relayed(): void {
    this.#relayed.inc();
  }

  /** A message of a peer could not be read. */
  unread(type: MessageType): void {
    this.#unread.inc({ type });
  }

  /** A message could not be sent. */
  unsent(type: MessageType): void {
    this.#unsent.inc({ type });
  }

  /** Time has passed. */
  tick(now: number): void {
    if (now - this.#lookedAt < LOOK_MS) return;
    this.#lookedAt = now;
    const { members, view, transfers } = this.#status();
    const present = members.filter(({ status, linked }) => linked && (status === "ALIVE" || status === "SUSPECT"));
    const disagrees = present.some((member) => member.view !== undefined && member.view !== view.digest);
    this.#disagreesSince = disagrees ? this.#disagreesSince ?? now : undefined;
    this.#lagsSince = transfers.owed > 0 ? this.#lagsSince ?? now : undefined;
  }

  #since(time: number | undefined): number {
    return time === undefined ? 0 : Math.max(0, this.#lookedAt - time) / 1_000;
  }

  #gauge(registers: Registry[], { name, help, value }: { name: string; help: string; value: () => number }) {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  }
}

/** Looks once for all that ask in one turn of the event loop, as the metrics of a scrape do. */
function onceATurn<T>(look: () => T): () => T {
  let seen: { readonly value: T } | undefined;
  return () => {
    if (seen === undefined) {
      seen = { value: look() };
      queueMicrotask(() => seen = undefined);
    }
    return seen.value;
  };
}
