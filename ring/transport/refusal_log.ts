/**
 * The peers that were refused: counted by reason, and logged so that nobody can fill the log.
 *
 * @module
 */

import { Counter } from "prom-client";
import type { Registry } from "../../common/metrics.ts";
import { BoundedMap } from "../../common/bounded_map.ts";
import { addressBlock } from "../../common/http/addresses.ts";
import type { Logger } from "../../common/log.ts";
import { plainFields } from "../../common/plain_text.ts";

/** Why peers are refused: the values of the label `reason`, all of which stand at 0 from the start. */
export const RING_REFUSAL_REASONS = [
  // Before there is a link, by the listener.
  ...["rate", "connections", "timeout", "no-certificate", "certificate", "handshake", "http"] as const,
  // By what a peer says in its HELLO.
  ...["name", "peer-allow", "cluster", "keys", "version", "name-taken", "links", "not-admitted"] as const,
  // By what it sends.
  ...["hello", "protocol", "oversize"] as const,
] as const;

/** One of {@linkcode RING_REFUSAL_REASONS}. */
export type RingRefusalReason = typeof RING_REFUSAL_REASONS[number];

/** A peer that was refused. */
export interface RefusedPeer {
  /** The remote address, without the port. */
  readonly address: string;
  /** The name, once the certificate has proven it. */
  readonly name?: string;
  /** The counter's label. */
  readonly reason: RingRefusalReason;
  /** The whole sentence. */
  readonly message: string;
}

/** What {@linkcode RefusalLog} works with. */
export interface RefusalLogOptions {
  /** Gets the counter. */
  readonly registry: Registry;
  /** Gets the lines. */
  readonly log: Logger;
  /** The time in milliseconds, from any origin. */
  readonly now: () => number;
  /**
   * Lines in a minute, whoever they are about.
   *
   * @default {60}
   */
  readonly maxLines?: number;
}

const MINUTE_MS = 60_000;
/** About whom a line was written in the last minute, or rather the last of them. */
const MAX_REMEMBERED = 1_024;

/** Counts each refusal, and logs each peer at most once a minute. */
export class RefusalLog {
  readonly #refused: Counter<"reason">;
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #maxLines: number;
  readonly #lastLine = new BoundedMap<string, number>(MAX_REMEMBERED);
  #minute = { since: -Infinity, lines: 0, unsaid: 0 };

  /** Registers the counter. */
  constructor({ registry, log, now, maxLines = 60 }: RefusalLogOptions) {
    this.#log = log;
    this.#now = now;
    this.#maxLines = maxLines;
    this.#refused = new Counter({
      name: "telemeter_ring_refused_total",
      help: "Connections to the ring's listener that were refused, and links that either end refused, by reason",
      labelNames: ["reason"],
      registers: [registry],
    });
    for (const reason of RING_REFUSAL_REASONS) this.#refused.inc({ reason }, 0);
  }

  /** A peer was refused. */
  add({ address, name, reason, message }: RefusedPeer): void {
    this.#refused.inc({ reason });
    const now = this.#now(), minute = this.#minute;
    if (now - minute.since >= MINUTE_MS) {
      minute.since = now;
      minute.lines = 0;
    }
    // The owner of an IPv6 network has more addresses than the map has room for.
    const who = name === undefined ? addressBlock(address) : `name ${name}`;
    if (minute.lines >= this.#maxLines || now - (this.#lastLine.get(who) ?? -Infinity) < MINUTE_MS) {
      minute.unsaid++;
      return;
    }
    this.#lastLine.set(who, now);
    minute.lines++;
    const fields = plainFields({ address, name, reason, message, unsaid: minute.unsaid });
    this.#log.warn("Refused a ring connection", fields);
    minute.unsaid = 0;
  }
}
