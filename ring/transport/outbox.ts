/**
 * What waits to be sent to one peer.
 *
 * @module
 */

import { CLASS_LIMITS, type MessageClass } from "../protocol/mesh.ts";

/** Frames in the order in which they go out: control first, and each class as it came. Bounded in bytes for each class. */
export class Outbox {
  readonly #limits: Readonly<Record<MessageClass, number>>;
  readonly #frames: Readonly<Record<MessageClass, Uint8Array[]>> = { control: [], data: [] };
  readonly #bytes: Record<MessageClass, number> = { control: 0, data: 0 };

  /** An empty outbox. The limits are in bytes. */
  constructor(
    limits: Readonly<Record<MessageClass, number>> = {
      control: CLASS_LIMITS.control.queueBytes,
      data: CLASS_LIMITS.data.queueBytes,
    },
  ) {
    this.#limits = limits;
  }

  /** Bytes that wait, by class. */
  get bytes(): Readonly<Record<MessageClass, number>> {
    return this.#bytes;
  }

  /** Whether nothing waits. */
  get empty(): boolean {
    return this.#frames.control.length === 0 && this.#frames.data.length === 0;
  }

  /** Adds a frame, or returns false if there is no room. */
  put(frame: Uint8Array, kind: MessageClass): boolean {
    if (this.#bytes[kind] + frame.length > this.#limits[kind]) return false;
    this.#bytes[kind] += frame.length;
    this.#frames[kind].push(frame);
    return true;
  }

  /** Takes out what goes next. */
  take(): Uint8Array | undefined {
    for (const kind of ["control", "data"] as const) {
      const frame = this.#frames[kind].shift();
      if (frame === undefined) continue;
      this.#bytes[kind] -= frame.length;
      return frame;
    }
    return undefined;
  }

  /** Puts what waits in another outbox in front of what waits here, whatever the limits, and empties that. */
  inherit(other: Outbox): void {
    for (const kind of ["control", "data"] as const) {
      this.#frames[kind].unshift(...other.#frames[kind].splice(0));
      this.#bytes[kind] += other.#bytes[kind];
      other.#bytes[kind] = 0;
    }
  }
}
