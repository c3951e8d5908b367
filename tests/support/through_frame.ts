/**
 * Messages of the ring as they come out at the other end of a link.
 *
 * @module
 */

import { type MeshMessage, MESSAGE_TYPES } from "../../ring/protocol/mesh.ts";
import { decodeFrame, encodeFrame } from "../../ring/transport/frames.ts";

/**
 * A message that went through a frame: it shares nothing with what went in.
 *
 * @throws {RangeError} if it is longer than a frame of its type.
 */
export function throughFrame(message: MeshMessage): MeshMessage {
  const { number } = MESSAGE_TYPES[message.type];
  const { header, body } = decodeFrame(encodeFrame({ ...message, version: 1, type: number }));
  return { ...message, header, body };
}
