/**
 * What must hold of a frame before any machine sees it: it is refused as the documents say, or means the same when it is written
 * and read again.
 *
 * @module
 */

import { stackOf } from "../../common/explain.ts";
import { type MeshMessage, MESSAGE_TYPES } from "../../ring/protocol/mesh.ts";
import { type Message, readMessage, writeMessage } from "../../ring/protocol/messages.ts";
import { decodeFrame, encodeFrame, type Frame, messageTypeOf, TRANSPORT_TYPES } from "../../ring/transport/frames.ts";
import { readHello, readRefusal } from "../../ring/transport/hello.ts";
import type { Finding } from "./verdict.ts";

/** What a frame is. */
export interface FrameReading {
  /** In a few words, for the feature. */
  readonly what: string;
  /** The message in it, if there is one that goes to the machine, well-formed or not. */
  readonly message?: MeshMessage;
  /** Whether all fields of the message are what they should be. */
  readonly wellFormed?: boolean;
  /** What must not be. */
  readonly finding?: Finding;
}

/** Reads a frame as a link does. */
export function readFrame(bytes: Uint8Array): FrameReading {
  let frame: Required<Frame>;
  try {
    frame = decodeFrame(bytes);
  } catch (error) {
    return refused("decodeFrame()", error, "no frame");
  }
  const { type, request, header, body } = frame;
  if (type === TRANSPORT_TYPES.hello || type === TRANSPORT_TYPES.refusal) {
    try {
      if (type === TRANSPORT_TYPES.hello) readHello(header);
      else readRefusal(header);
      return { what: `transport ${type}` };
    } catch (error) {
      return refused("readHello()", error, "no HELLO");
    }
  }
  const name = messageTypeOf(type);
  if (name === undefined) return { what: "unknown type" };
  const message: MeshMessage = { type: name, request, header, body };
  let read: Message;
  try {
    read = readMessage(message);
  } catch (error) {
    return { ...refused("readMessage()", error, `no ${name}`), message, wellFormed: false };
  }
  return { what: name, message, wellFormed: true, ...again(read) };
}

function refused(by: string, error: unknown, what: string): FrameReading {
  if (error instanceof SyntaxError) {
    return { what: `${what}: ${error.message.replaceAll(/\d+/g, "#").slice(0, 60)}` };
  }
  return { what, finding: { what: `${by} throws what it does not document`, detail: stackOf(error) } };
}

function again(read: Message): Pick<FrameReading, "finding"> {
  try {
    const { type, request, header, body } = writeMessage(read);
    const bytes = encodeFrame({ version: 1, type: MESSAGE_TYPES[type].number, request, header, body });
    const second = readMessage({ ...decodeFrame(bytes), type });
    const [one, other] = [textOf(read), textOf(second)];
    if (one === other) return {};
    return { finding: { what: "a message is another when it is read again", detail: `${one}\n${other}` } };
  } catch (error) {
    // A number may be longer when it is written in full.
    if (error instanceof RangeError && error.message.startsWith("Cannot encode")) return {};
    return { finding: { what: "a message that was read cannot be written", detail: stackOf(error) } };
  }
}

function textOf(message: Message): string {
  const { bytes, ...fields } = message as Message & { bytes?: Uint8Array };
  return JSON.stringify(fields) + (bytes?.toHex() ?? "");
}
