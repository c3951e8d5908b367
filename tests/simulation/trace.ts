/**
 * What happened last in a simulated world, kept as references and made readable only when somebody asks.
 *
 * @module
 */

import type { MeshMessage, MessageType } from "../../ring/protocol/mesh.ts";

/** One thing that happened. */
export interface TraceRecord {
  /** The world's time in milliseconds. */
  readonly at: number;
  /** Where. */
  readonly who: string;
  /** What, as a constant word. */
  readonly what: string;
  /** The event or the effect itself. */
  readonly detail: unknown;
}

/** A ring buffer of records, and one for the chatter, which would leave no room for anything else: pings and their answers. */
export class Trace {
  readonly #records: Buffer;
  readonly #chatter = new Buffer(200);

  /** Keeps the last records, so many of them. */
  constructor(size: number) {
    this.#records = new Buffer(size);
  }

  /** Adds a record. */
  add(at: number, { who, what, detail }: Omit<TraceRecord, "at">) {
    const isMessage = what === "message" || what === "send";
    const isChatter = isMessage && CHATTER.has((detail as { message: MeshMessage }).message.type);
    (isChatter ? this.#chatter : this.#records).add(at, { who, what, detail });
  }

  /** The records that are kept, oldest first. */
  records(): TraceRecord[] {
    return [...this.#records.records(), ...this.#chatter.records()].sort((a, b) => a.at - b.at);
  }
}

const CHATTER: ReadonlySet<MessageType> = new Set(["PING", "ACK", "PING_REQ", "PING_REQ_ACK"]);

class Buffer {
  readonly #size: number;
  readonly #at: number[] = [];
  readonly #who: string[] = [];
  readonly #what: string[] = [];
  readonly #detail: unknown[] = [];
  #next = 0;

  constructor(size: number) {
    this.#size = size;
  }

  add(at: number, { who, what, detail }: Omit<TraceRecord, "at">) {
    const slot = this.#next++ % this.#size;
    this.#at[slot] = at;
    this.#who[slot] = who;
    this.#what[slot] = what;
    this.#detail[slot] = detail;
  }

  records(): TraceRecord[] {
    const kept = Math.min(this.#next, this.#size);
    return Array.from({ length: kept }, (_, index) => {
      const slot = (this.#next - kept + index) % this.#size;
      return { at: this.#at[slot], who: this.#who[slot], what: this.#what[slot], detail: this.#detail[slot] };
    });
  }
}

/** The longest line that is of use to anybody. */
const LINE_LENGTH = 400;

/** A record as one line. */
export function formatRecord({ at, who, what, detail }: TraceRecord): string {
  const rest = detail === undefined ? "" : ` ${JSON.stringify(detail, shortened)}`;
  const line = `${(at / 1_000).toFixed(3).padStart(8)} ${who.padEnd(5)} ${what}${rest}`;
  return line.length > LINE_LENGTH ? `${line.slice(0, LINE_LENGTH)}…` : line;
}

function shortened(key: string, value: unknown): unknown {
  // A link is told by its peer, an event by its type, and an effect by what is to be done: `what` says that already.
  if (key === "link") return (value as { peer: { name: string } }).peer.name;
  if (key === "do" || (key === "type" && ["message", "push", "committed", "loaded"].includes(value as string))) {
    return undefined;
  }
  if (value instanceof Uint8Array) return value.length;
  return value;
}
