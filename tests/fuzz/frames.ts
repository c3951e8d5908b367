/**
 * Frames between members as a target of the fuzzer: no machine throws, none grows without bound, and the ring is whole again once
 * the sender is quiet.
 *
 * @module
 */

import { stackOf } from "../../common/explain.ts";
import type { MeshMessage, MessageType } from "../../ring/protocol/mesh.ts";
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
      const { what, message, wellFormed, finding: inCodec } = readFrame(frame.bytes);
      finding ??= inCodec;
      isRead ||= wellFormed === true;
      if (message === undefined) {
        steps.push(what);
        continue;
      }
      const step = this.#deliver(message, frame);
      finding ??= step.finding;
      const isLost = wellFormed === false && step.did !== "no link" && !step.unread?.includes(message.type);
      if (isLost) finding ??= { what: "what cannot be read is not counted", detail: what };
      steps.push(`${what}: ${step.did}`);
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
      agrees: finding === undefined,
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

  #deliver(
    message: MeshMessage,
    frame: SentFrame,
  ): { did: string; unread?: readonly MessageType[]; finding?: Finding } {
    let step: { did: string; unread: readonly MessageType[] } | undefined;
    const finding = this.#guarded(() => {
      step = this.#ring.send(message, frame);
      return undefined;
    });
    return { did: "", ...step, ...finding && { finding } };
  }

  #guarded(act: () => Finding | undefined): Finding | undefined {
    try {
      return act();
    } catch (error) {
      return { what: "a machine throws, or asks for what cannot be done", detail: stackOf(error) };
    }
  }
}
