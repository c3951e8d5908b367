/**
 * What is counted of the ring's transport.
 *
 * @module
 */

import { Counter, Gauge } from "prom-client";
import type { Registry } from "../../common/metrics.ts";
import { CLASS_LIMITS, type MessageClass, type RefusalCode } from "../protocol/mesh.ts";

/** How dials end. */
const DIAL_RESULTS = Object.keys(
  {
    ...{ up: true, self: true, "name-taken": true, "not-allowed": true, "other-cluster": true },
    ...{ version: true, handshake: true, unreachable: true },
  } satisfies Record<DialResult, true>,
);

/** How a dial ends: with a link, or for a reason without. */
export type DialResult = RefusalCode | "up";

/** The transport's metrics, registered once. */
export class TransportMetrics {
  readonly #received: { readonly frames: Counter.Internal; readonly bytes: Counter.Internal };
  readonly #sent: { readonly frames: Counter.Internal; readonly bytes: Counter.Internal };
  readonly #dials: Counter<"result">;
  readonly #malformed: Counter;
  readonly #ignored: Counter;
  readonly #refusedSends: Counter<"class">;

  /** Registers the metrics. `state` tells what there is now. */
  constructor(
    registry: Registry,
    state: () => { readonly links: number; readonly queued: Readonly<Record<MessageClass, number>> },
  ) {
    const registers = [registry];
    const bytes = new Counter({
      name: "telemeter_ring_frame_bytes_total",
      help: "Bytes of frames exchanged with peers, by direction",
      labelNames: ["direction"],
      registers,
    });
    const frames = new Counter({
      name: "telemeter_ring_frames_total",
      help: "Frames exchanged with peers, by direction",
      labelNames: ["direction"],
      registers,
    });
    this.#received = { frames: frames.labels("received"), bytes: bytes.labels("received") };
    this.#sent = { frames: frames.labels("sent"), bytes: bytes.labels("sent") };
    for (const { frames, bytes } of [this.#received, this.#sent]) {
      frames.inc(0);
      bytes.inc(0);
    }
    this.#dials = new Counter({
      name: "telemeter_ring_dials_total",
      help: "Dials to peers, by result: up, or why no link came of it",
      labelNames: ["result"],
      registers,
    });
    this.#malformed = new Counter({
      name: "telemeter_ring_malformed_frames_total",
      help: "Malformed frames from peers",
      registers,
    });
    this.#ignored = new Counter({
      name: "telemeter_ring_ignored_frames_total",
      help: "Frames from peers of a type that this version does not know",
      registers,
    });
    this.#refusedSends = new Counter({
      name: "telemeter_ring_queue_full_total",
      help: "Messages not sent because too much already waits for their peer, by class",
      labelNames: ["class"],
      registers,
    });
    for (const result of DIAL_RESULTS) this.#dials.inc({ result }, 0);
    for (const kind of Object.keys(CLASS_LIMITS)) this.#refusedSends.inc({ class: kind }, 0);
    new Gauge({
      name: "telemeter_ring_links",
      help: "Links to peers that are up",
      registers,
      collect() {
        this.set(state().links);
      },
    });
    new Gauge({
      name: "telemeter_ring_queued_bytes",
      help: "Bytes waiting to be sent to peers, by class",
      labelNames: ["class"],
      registers,
      collect() {
        for (const [kind, bytes] of Object.entries(state().queued)) this.set({ class: kind }, bytes);
      },
    });
  }

  /** Counts a frame that came. */
  received(bytes: number): void {
    this.#received.frames.inc();
    this.#received.bytes.inc(bytes);
  }

  /** Counts a frame that was handed to the socket. */
  sent(bytes: number): void {
    this.#sent.frames.inc();
    this.#sent.bytes.inc(bytes);
  }

  /** Counts the end of a dial. */
  dialled(result: DialResult): void {
    this.#dials.inc({ result });
  }

  /** Counts a frame that could not be read. */
  malformed(): void {
    this.#malformed.inc();
  }

  /** Counts a frame of an unknown type. */
  ignored(): void {
    this.#ignored.inc();
  }

  /** Counts a message for which there was no room. */
  queueFull(kind: MessageClass): void {
    this.#refusedSends.inc({ class: kind });
  }
}
