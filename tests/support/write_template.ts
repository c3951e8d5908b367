/**
 * Requests of remote write 1.0 whose times are set when they are sent, so that making them costs a benchmark little.
 *
 * @module
 */

import { snappyCompress } from "hysnappy";
import { realisticFamilies } from "./realistic_push.ts";
import { oracleWriteRequest } from "./write_request_oracle.ts";

/** Where the clock of requests stands until they are sent: of the same length as now in protobuf. */
const PLACEHOLDER_MS = 1_600_000_000_000;

/** What they are sent with. */
export const WRITE_HEADERS: Readonly<Record<string, string>> = {
  "content-type": "application/x-protobuf",
  "content-encoding": "snappy",
  "x-prometheus-remote-write-version": "0.1.0",
};

/** The request of a cluster: a sample of each of its 521 series. */
export class WriteTemplate {
  /** The cluster. */
  readonly id: string;
  readonly #bytes: Uint8Array;
  /** Where its times are. */
  readonly #times: number[] = [];

  /** Makes it. */
  constructor(id: string) {
    this.id = id;
    const series = realisticFamilies({ id, nowMs: PLACEHOLDER_MS }).flatMap(({ name, metrics }) =>
      metrics.map(({ labels, value }) => ({
        labels: [{ name: "__name__", value: name }, ...labels],
        samples: [{ value: value as number, timestamp: PLACEHOLDER_MS }],
      }))
    );
    this.#bytes = Uint8Array.from(oracleWriteRequest(series, { version: "1.0" }));
    const bytes = this.#bytes, sought = varint(PLACEHOLDER_MS);
    for (let at = bytes.indexOf(sought[0]); at >= 0; at = bytes.indexOf(sought[0], at + 1)) {
      if (sought.every((byte, i) => bytes[at + i] === byte)) this.#times.push(at);
    }
  }

  /** The request as it is sent, with all samples of one time. */
  body(nowMs: number): Uint8Array<ArrayBuffer> {
    const now = varint(nowMs);
    for (const at of this.#times) this.#bytes.set(now, at);
    return Uint8Array.from(snappyCompress(this.#bytes));
  }
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return [...bytes, rest];
}
