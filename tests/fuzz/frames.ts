/**
 * Frames between members as a target of the fuzzer: no machine throws, none grows without bound, and the ring is whole again once
 * the sender is quiet.
 *
 * @module
 */

import { stackOf } from "../../common/explain.ts";
import type { MeshMessage } from "../../ring/protocol/mesh.ts";
import type { Random } from "../support/random.ts";
import { readFrame } from "./frame_codec.ts";
import { type FrameInput, readFrames, type SentFrame, writeFrames } from "./frame_input.ts";
import { FuzzedRing } from "./fuzzed_ring.ts";
import { generateFrames } from "./generate_frames.ts";
import type { Earlier, FuzzTarget } from "./fuzz_target.ts";
import type { Finding, Verdict } from "./verdict.ts";

/** Messages of each type that inputs are made of. */
const SEEDS_OF_TYPE = 8;

/** The target. */
export class Frames implements FuzzTarget<FrameInput> {
  readonly #seeds: readonly MeshMessage[];
  readonly #known: readonly unknown[];
  #ring: FuzzedRing;
  /** All that the ring has been sent. */
  #history: SentFrame[] = [];

  private constructor(ring: FuzzedRing, seeds: readonly MeshMessage[]) {
    this.#ring = ring;
    this.#seeds = seeds;
    this.#known = ring.known;
  }

  /** Makes a ring, and listens to what its members say to each other. */
  static open(): Promise<Frames> {
    const samples: MeshMessage[] = [];
    const ring = new FuzzedRing({ samples });
    const byType = Map.groupBy(samples, ({ type }) => type);
    return Promise.resolve(new Frames(ring, [...byType.values()].flatMap((ofType) => ofType.slice(-SEEDS_OF_TYPE))));
  }

  /** Makes frames. */
  generate(random: Random, earlier: Earlier<FrameInput>): FrameInput {
    return generateFrames({ random, seeds: this.#seeds, known: this.#known, earlier });
  }

  /** Sends frames to the ring. */
  check({ frames, settles }: FrameInput): Promise<Verdict<FrameInput>> {
    const steps: string[] = [];
    let finding: Finding | undefined, isRead = false;
    for (const frame of frames) {
      this.#history.push(frame);
      const reading = readFrame(frame.bytes), { what, message, wellFormed } = reading;
      finding ??= reading.finding;
      isRead ||= wellFormed === true;
      let did = "";
      finding ??= this.#guarded(() => {
        if (message === undefined) return undefined;
        const step = this.#ring.send(message, frame.to);
        did = step.did;
        const isLost = !wellFormed && did !== "no link" && !step.unread.includes(message.type);
        return isLost ? { what: "what cannot be read is not counted", detail: what } : undefined;
      });
      finding ??= this.#guarded(() => void this.#ring.rest(frame.restMs));
      steps.push(`${what}: ${did}`);
    }
    finding ??= this.#guarded(() => this.#ring.excess());
    if (settles) finding ??= this.#guarded(() => this.#ring.settle());
    const shows: FrameInput = { frames: this.#history, settles: true };
    if (settles || finding !== undefined) {
      this.#ring = new FuzzedRing();
      this.#history = [];
    }
    return Promise.resolve({
      answer: isRead ? "read" : "dropped",
      accepted: isRead,
      feature: steps.at(-1) ?? "",
      agrees: isRead && finding === undefined,
      ...finding && { finding, shows },
      told: steps,
    });
  }

  /** Frames as bytes. */
  write(input: FrameInput): Uint8Array {
    return writeFrames(input);
  }

  /** Bytes as frames. */
  read(bytes: Uint8Array): FrameInput {
    return readFrames(bytes);
  }

  #guarded(act: () => Finding | undefined | void): Finding | undefined {
    try {
      return act() ?? undefined;
    } catch (error) {
      return { what: "a machine throws, or asks for what cannot be done", detail: stackOf(error) };
    }
  }
}
