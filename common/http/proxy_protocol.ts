/**
 * The PROXY protocol, versions 1 and 2: what a balancer puts before a connection to tell whose it is (haproxy.org,
 * proxy-protocol.txt).
 *
 * @module
 */

import { isIP, type Socket } from "node:net";
import { HttpError } from "./http.ts";

/** The header of a connection. */
export interface ProxyHeader {
  /** How many bytes it takes. */
  readonly length: number;
  /** The address of the client; undefined where the balancer speaks for itself, as its health checks do. */
  readonly source: string | undefined;
}

/** The longest line of version 1, with its end. */
const MAX_LINE_BYTES = 107;

/** The longest header of version 2 that is taken, in bytes: addresses, and what a balancer knows besides. */
const MAX_BLOCK_BYTES = 4_096;

const PREFIX = "PROXY ";
const SIGNATURE = "\r\n\r\n\0\r\nQUIT\n";
/** Signature, version and command, family, length. */
const BLOCK_START_BYTES = 16;

const LINE = /^PROXY (?:UNKNOWN(?: [^\r\n]*)?|TCP([46]) (\S+) \S+ \d{1,5} \d{1,5})\r\n/;

/**
 * Reads the header at the start of a connection: `none` if it does not begin with one, `more` if that cannot be told yet.
 *
 * @throws {HttpError} 400 if it begins with one that is malformed or too long.
 */
export function readProxyHeader(bytes: Uint8Array): ProxyHeader | "none" | "more" {
  const start = String.fromCharCode(...bytes.subarray(0, MAX_LINE_BYTES));
  if (start.startsWith(SIGNATURE)) return readBlock(bytes);
  if (start.startsWith(PREFIX)) return readLine(start);
  return SIGNATURE.startsWith(start) || PREFIX.startsWith(start) ? "more" : "none";
}

function readLine(start: string): ProxyHeader | "none" | "more" {
  if (!start.includes("\n")) {
    if (start.length < MAX_LINE_BYTES) return "more";
    throw malformed("its line is too long");
  }
  const match = LINE.exec(start);
  if (match === null) throw malformed("its line is none of version 1");
  const [{ length }, version, source] = match;
  if (version !== undefined && isIP(source) !== Number(version)) throw malformed("its address is none");
  return { length, source };
}

function readBlock(bytes: Uint8Array): ProxyHeader | "more" {
  if (bytes.length < BLOCK_START_BYTES) return "more";
  const [command, family, high, low] = bytes.subarray(SIGNATURE.length);
  const length = BLOCK_START_BYTES + (high << 8 | low);
  if (command !== 0x20 && command !== 0x21) throw malformed("its version or command is unknown");
  if (length > MAX_BLOCK_BYTES) throw malformed("it is too long");
  if (bytes.length < length) return "more";
  const content = bytes.subarray(BLOCK_START_BYTES, length);
  // The balancer's own connection, or one of a kind that has no IP address.
  if (command === 0x20 || (family !== 0x11 && family !== 0x21)) return { length, source: undefined };
  const size = family === 0x11 ? 4 : 16;
  // Two addresses and two ports.
  if (content.length < 2 * size + 4) throw malformed("its addresses are cut short");
  return { length, source: addressOf(content.subarray(0, size)) };
}

function addressOf(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from({ length: 8 }, (_, at) => (bytes[2 * at] << 8 | bytes[2 * at + 1]).toString(16));
  return groups.join(":");
}

function malformed(why: string): HttpError {
  return new HttpError(400, `Cannot read the header of the PROXY protocol: ${why}`, { reason: "proxy_protocol" });
}

/** What becomes of a socket whose start is looked at. */
export interface ProxyHeaderReaders {
  /** The socket is as if the header had never been there; `source` is the client that it names. */
  readonly onRead: (source: string | undefined) => void;
  /** The socket begins with a header that cannot be read. */
  readonly onFault: (error: HttpError) => void;
}

/** Takes a header off the start of a socket that nobody reads yet. Whoever keeps its times may close it meanwhile. */
export function takeProxyHeader(socket: Socket, { onRead, onFault }: ProxyHeaderReaders): void {
  let held = new Uint8Array();
  const close = () => void socket.destroy();
  const read = () => {
    const chunk: Uint8Array | null = socket.read();
    if (chunk === null) return;
    const all = new Uint8Array(held.length + chunk.length);
    all.set(held);
    all.set(chunk, held.length);
    held = all;
    try {
      const header = readProxyHeader(held);
      if (header === "more") return;
      stop();
      const { length, source } = header === "none" ? { length: 0, source: undefined } : header;
      if (held.length > length) socket.unshift(held.subarray(length));
      onRead(source);
    } catch (error) {
      if (!(error instanceof HttpError)) throw error;
      stop();
      onFault(error);
    }
  };
  const stop = () => socket.off("readable", read).off("end", close);
  // The last one stays: whoever takes over may close the socket before anybody else listens.
  socket.on("readable", read).on("end", close).on("error", close);
}
