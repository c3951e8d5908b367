/**
 * How far the clocks of the source and of the server are from ours, by the `Date` of their answers. Samples carry the time of
 * the source and age by that of the server, so that the two decide what is shown.
 *
 * @module
 */

import type { Logger } from "../common/log.ts";

/** Whose clock. */
export type ClockOwner = "source" | "server";

/** From which difference on people are told, in milliseconds. */
const TOLD_FROM_MS = 30_000;

/** `Date` counts whole seconds; on average the truth is half a second later. */
const HALF_A_SECOND_MS = 500;

/**
 * How far the clock of who answered is ahead of ours, in milliseconds, to some half a second and half the time that the
 * request took; undefined where the answer has no date.
 */
export function differenceOf(
  response: Response,
  { sentMs, nowMs }: { sentMs: number; nowMs: number },
): number | undefined {
  const theirs = Date.parse(response.headers.get("date") ?? "");
  return Number.isNaN(theirs) ? undefined : theirs + HALF_A_SECOND_MS - (sentMs + nowMs) / 2;
}

/** Keeps the last differences, and tells when one becomes large and when it is not any more. */
export class Clocks {
  readonly #differences = new Map<ClockOwner, number>();
  readonly #told = new Set<string>();
  readonly #log: Logger;

  /** Knows nothing yet. */
  constructor(log: Logger) {
    this.#log = log;
  }

  /** How far a clock is ahead of ours, in milliseconds; 0 as long as that is not known. */
  differenceMs(owner: ClockOwner): number {
    return this.known(owner) ?? 0;
  }

  /** The same, or undefined as long as that is not known. */
  known(owner: ClockOwner): number | undefined {
    return this.#differences.get(owner);
  }

  /** Takes a new difference. */
  set(owner: ClockOwner, differenceMs: number): void {
    this.#differences.set(owner, differenceMs);
    this.#tell(owner, differenceMs);
    const source = this.#differences.get("source"), server = this.#differences.get("server");
    if (source !== undefined && server !== undefined) this.#tell("source against the server", source - server);
  }

  #tell(whose: string, differenceMs: number) {
    const isLarge = Math.abs(differenceMs) >= TOLD_FROM_MS;
    const fields = { clock: whose, aheadSeconds: Math.round(differenceMs / 1_000) };
    if (isLarge && !this.#told.has(whose)) {
      this.#told.add(whose);
      this.#log.warn("Clocks differ: samples look older or newer than they are; set them by NTP", fields);
    } else if (!isLarge && this.#told.delete(whose)) this.#log.info("Clocks agree again", fields);
  }
}
