/**
 * The frames that members of the ring exchange: a fixed prefix, a JSON header, and a body of bytes.
 *
 * ```text
 * u8 magic | u8 version | u8 type | u8 flags | u32 request | u32 headerLength | JSON header | body
 * ```
 *
 * Integers are big-endian. One frame is one WebSocket message. The prefix and the frames of the transport itself (types 1 to
 * 15) are the same in every version of the format, so that two generations can always tell each other which versions they
 * speak. Of what a later generation adds within a version, a reader ignores flags and header fields, and finds the type
 * to be none of {@linkcode messageTypeOf}'s.
 *
 * @module
 */

import { CLASS_LIMITS, MESSAGE_TYPES, type MessageClass, type MessageType } from "../protocol/mesh.ts";

/** The first byte of each frame: no UTF-8 text and no TLS record begins with it. */
export const FRAME_MAGIC = 0xf5;

/** The bytes before the header. */
export const FRAME_PREFIX_BYTES = 12;

/** The types of the transport's own frames, out of 1 to 15. */
export const TRANSPORT_TYPES = {
  /** The first frame of each end: who it is and what it speaks. */
  hello: 1,
  /** The last frame before an end closes the link: why. */
  refusal: 2,
  /** The one who dialled is content with the other's HELLO: the link is up. */
  ready: 3,
} as const;

/** A JSON object, of which the reader looks at the fields that it knows. */
export type FrameHeader = Readonly<Record<string, unknown>>;

/** A frame. */
export interface Frame {
  /** The version of the format, 1 to 255. A HELLO carries the oldest one that its sender speaks. */
  readonly version: number;
  /** A number of {@linkcode TRANSPORT_TYPES} or {@linkcode MESSAGE_TYPES}, or one that a later generation knows. */
  readonly type: number;
  /**
   * Reserved: written as 0, ignored by readers.
   *
   * @default {0}
   */
  readonly flags?: number;
  /**
   * What an answer refers to, 0 where none is wanted.
   *
   * @default {0}
   */
  readonly request?: number;
  /** The header. */
  readonly header: FrameHeader;
  /** The body. */
  readonly body?: Uint8Array;
}

/** The longest frames of each class, in bytes with prefix, header and body. */
export interface FrameLimits extends Readonly<Record<MessageClass, number>> {
  /** The transport's own, which anybody may send who has a certificate. */
  readonly transport: number;
}

/** The limits in force unless told otherwise: 4 KiB, 256 KiB and 1 MiB. */
export const FRAME_LIMITS: FrameLimits = {
  transport: 4 * 1_024,
  control: CLASS_LIMITS.control.frameBytes,
  data: CLASS_LIMITS.data.frameBytes,
};

const MESSAGE_TYPE_OF = new Map<number, MessageType>(
  Object.entries(MESSAGE_TYPES).map(([name, { number }]) => [number, name as MessageType]),
);

const utf8 = new TextEncoder();
const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The message that a type's number stands for; absent for the transport's own and those that we do not know. */
export function messageTypeOf(number: number): MessageType | undefined {
  return MESSAGE_TYPE_OF.get(number);
}

/** What a type is called in logs. */
export function frameTypeName(number: number): string {
  const own = Object.entries(TRANSPORT_TYPES).find(([, type]) => type === number);
  return messageTypeOf(number) ?? own?.[0].toUpperCase() ?? `type ${number}`;
}

/** The bytes that a frame of this type may have. What we do not know may be data. */
export function frameLimit(number: number, limits: FrameLimits = FRAME_LIMITS): number {
  if (number < 16) return limits.transport;
  const type = messageTypeOf(number);
  return limits[type === undefined ? "data" : MESSAGE_TYPES[type].class];
}

/**
 * Writes a frame.
 *
 * @throws {RangeError} if it is longer than its limit, or a number does not fit its field.
 */
export function encodeFrame(frame: Frame, limits?: FrameLimits): Uint8Array<ArrayBuffer> {
  const { version, type, flags = 0, request = 0, header, body } = frame;
  const fields = [["version", version, 1, 0xff], ["type", type, 1, 0xff], ["flags", flags, 0, 0xff]] as const;
  for (const [name, value, least, most] of [...fields, ["request", request, 0, 0xffff_ffff] as const]) {
    if (Number.isInteger(value) && value >= least && value <= most) continue;
    throw new RangeError(`Cannot encode a frame whose ${name} is ${value}: the range is ${least} to ${most}`);
  }
  const json = utf8.encode(JSON.stringify(header));
  const length = FRAME_PREFIX_BYTES + json.length + (body?.length ?? 0), limit = frameLimit(type, limits);
  if (length > limit) {
    throw new RangeError(`Cannot encode ${frameTypeName(type)} with ${length} bytes: the limit is ${limit}`);
  }
  const bytes = new Uint8Array(length), view = new DataView(bytes.buffer);
  bytes.set([FRAME_MAGIC, version, type, flags]);
  view.setUint32(4, request);
  view.setUint32(8, json.length);
  bytes.set(json, FRAME_PREFIX_BYTES);
  if (body) bytes.set(body, FRAME_PREFIX_BYTES + json.length);
  return bytes;
}

/**
 * Reads a frame, whose body is a view of `bytes`. The length is checked against the type's limit before anything is parsed.
 *
 * @throws {SyntaxError} if it is malformed or over its limit, with what is wrong and at which byte. The content is not quoted.
 */
export function decodeFrame(bytes: Uint8Array, limits?: FrameLimits): Required<Frame> {
  if (bytes.length < FRAME_PREFIX_BYTES) {
    throw malformed(`it ends inside its prefix of ${FRAME_PREFIX_BYTES} bytes`, bytes.length);
  }
  const [magic, version, type, flags] = bytes;
  if (magic !== FRAME_MAGIC) throw malformed(`it begins with ${magic} in place of ${FRAME_MAGIC}`, 0);
  if (version === 0) throw malformed("its version is 0", 1);
  if (type === 0) throw malformed("its type is 0", 2);
  const limit = frameLimit(type, limits);
  if (bytes.length > limit) {
    throw malformed(`${frameTypeName(type)} has at most ${limit} bytes, and this one ${bytes.length}`, limit);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const request = view.getUint32(4), headerLength = view.getUint32(8);
  const left = bytes.length - FRAME_PREFIX_BYTES;
  if (headerLength > left) throw malformed(`its header has ${headerLength} bytes, of which ${left} are there`, 8);
  const bodyAt = FRAME_PREFIX_BYTES + headerLength;
  const header = readHeader(bytes.subarray(FRAME_PREFIX_BYTES, bodyAt));
  return { version, type, flags, request, header, body: bytes.subarray(bodyAt) };
}

function readHeader(bytes: Uint8Array): FrameHeader {
  let text: string, header: unknown;
  try {
    text = strictUtf8.decode(bytes);
  } catch (cause) {
    throw malformed("its header is not UTF-8", FRAME_PREFIX_BYTES + validUtf8Length(bytes), cause);
  }
  try {
    header = JSON.parse(text);
  } catch (cause) {
    throw malformed("its header is not JSON", FRAME_PREFIX_BYTES + jsonFaultAt(text, cause));
  }
  if (typeof header !== "object" || header === null || Array.isArray(header)) {
    throw malformed("its header is not a JSON object", FRAME_PREFIX_BYTES);
  }
  return header as FrameHeader;
}

/** How many bytes are the beginning of some UTF-8 text: what a decoder takes as the first part of a stream. */
function validUtf8Length(bytes: Uint8Array): number {
  let valid = 0, invalid = bytes.length + 1;
  while (invalid - valid > 1) {
    const middle = (valid + invalid) >> 1;
    try {
      new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, middle), { stream: true });
      valid = middle;
    } catch {
      invalid = middle;
    }
  }
  return valid;
}

/** Where V8 found JSON to be at fault, in bytes. Of short texts it tells no position. */
function jsonFaultAt(text: string, error: unknown): number {
  const message = error instanceof Error ? error.message : "";
  const position = /at position (\d+)/.exec(message)?.[1];
  if (position !== undefined) return utf8.encode(text.slice(0, Number(position))).length;
  return message.includes("end of JSON") ? utf8.encode(text).length : 0;
}

function malformed(what: string, at: number, cause?: unknown): SyntaxError {
  return new SyntaxError(`Cannot read a frame: ${what} (byte ${at})`, { cause });
}
