/**
 * Makes frames: such as members send each other, mutated from the fields of the message down to the bytes.
 *
 * @module
 */

import { type MeshMessage, MESSAGE_TYPES } from "../../ring/protocol/mesh.ts";
import { encodeFrame, TRANSPORT_TYPES } from "../../ring/transport/frames.ts";
import { helloHeader } from "../support/raw_peer.ts";
import type { Random } from "../support/random.ts";
import { type FrameInput, RECEIVERS, type SentFrame } from "./frame_input.ts";
import { mutateBytes } from "./mutate_bytes.ts";
import { mutateJson } from "./mutate_json.ts";

/** What frames are made of. */
export interface FrameSources {
  /** Where chance comes from. */
  readonly random: Random;
  /** Messages that members have sent. */
  readonly seeds: readonly MeshMessage[];
  /** Names, addresses, ids and digests that mean something to them. */
  readonly known: readonly unknown[];
  /** An earlier input that was worth keeping, if there is one. */
  readonly earlier: () => FrameInput | undefined;
}

/** How many frames an input has at most. */
const MAX_FRAMES = 6;
/** How likely an input is the last one that a ring gets. */
const SETTLES = 1 / 40;
/** How long a sender rests after a frame, in milliseconds. */
const RESTS_MS = [0, 0, 0, 1, 50, 300, 2_000];

/** Makes one input. */
export function generateFrames(sources: FrameSources): FrameInput {
  const { random } = sources;
  const base = random.chance(0.3) ? sources.earlier()?.frames ?? [] : [];
  const fresh = Array.from({ length: random.size(MAX_FRAMES) }, () => freshFrame(sources));
  const frames = [...base.map((frame) => random.chance(0.3) ? mutatedFrame(frame, random) : frame), ...fresh];
  return { frames: frames.slice(-MAX_FRAMES), settles: random.chance(SETTLES) };
}

function freshFrame({ random, seeds, known }: FrameSources): SentFrame {
  const to = random.pick(RECEIVERS), restMs = random.pick(RESTS_MS);
  if (random.chance(0.05)) return { to, restMs, bytes: transportFrame({ random, known }) };
  const seed = random.pick(seeds);
  const type = MESSAGE_TYPES[random.chance(0.05) ? random.pick(seeds).type : seed.type].number;
  const header = random.chance(0.8) ? mutateJson(seed.header, { random, known }) : seed.header;
  const body = random.chance(0.1) ? random.bytes(random.size(2_000)) : seed.body;
  const request = random.chance(0.3) ? random.pick([0, 1, 0xffff_ffff, random.uint32()]) : seed.request;
  const frame: SentFrame = { to, restMs, bytes: encoded({ type, request, header, body }) };
  return random.chance(0.15) ? mutatedFrame(frame, random) : frame;
}

function transportFrame({ random, known }: Pick<FrameSources, "random" | "known">): Uint8Array {
  const type = random.pick(Object.values(TRANSPORT_TYPES));
  const header = type === TRANSPORT_TYPES.refusal
    ? { code: "name-taken", message: "no", name: "x" }
    : helloHeader("x", { boot: "0".repeat(32) });
  return encoded({ type, request: 0, header: mutateJson(header, { random, known }), body: new Uint8Array() });
}

/** A frame, or an empty one of its type if it is longer than may be: whoever sends such a one is cut off before it is read. */
function encoded({ type, request, header, body }: {
  type: number;
  request: number;
  header: unknown;
  body: Uint8Array;
}): Uint8Array {
  try {
    return encodeFrame({ version: 1, type, request, header: header as Record<string, unknown>, body });
  } catch {
    return encodeFrame({ version: 1, type, header: {} });
  }
}

function mutatedFrame(frame: SentFrame, random: Random): SentFrame {
  const { bytes } = frame;
  if (random.chance(0.5)) {
    // The prefix: magic, version, type, flags, request and the length of the header.
    const copy = bytes.slice();
    copy[random.below(Math.min(12, copy.length))] = random.pick([0, 1, 2, 16, 20, 50, 0x7f, 0xff, random.below(256)]);
    return { ...frame, bytes: copy };
  }
  return { ...frame, bytes: mutateBytes(bytes, { random, other: bytes }) };
}
