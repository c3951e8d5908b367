/**
 * What bytes are that a parser of HTTP/1 cannot read: most are of another protocol, and whoever sent them is told which.
 *
 * @module
 */

import { METHODS } from "node:http";
import { HttpError } from "./http.ts";

/** Bytes of a first packet that are looked at: more than any protocol below needs. */
const PEEK_BYTES = 64;

const METHODS_KNOWN = new Set(METHODS);

/** A protocol by how its first packet may begin, a character a byte. */
interface Protocol {
  readonly begins: readonly string[];
  readonly status: number;
  readonly reason: string;
  readonly words: string;
}

const PROTOCOLS: readonly Protocol[] = [
  {
    // A record of the handshake, version 3.x (RFC 8446, section 5.1).
    begins: ["\x16\x03"],
    status: 400,
    reason: "tls",
    words: "Cannot speak TLS on this port: use http://, or point at the port that has a certificate",
  },
  {
    // Version 1 and version 2 (haproxy.org, proxy-protocol.txt, section 2).
    begins: ["PROXY TCP4 ", "PROXY TCP6 ", "PROXY UNKNOWN", "\r\n\r\n\0\r\nQUIT\n"],
    status: 400,
    reason: "proxy_protocol",
    words:
      "Cannot take the PROXY protocol from this address: name it in --trusted-proxy, or turn it off in the balancer",
  },
  {
    // RFC 9113, section 3.4.
    begins: ["PRI * HTTP/2.0\r\n"],
    status: 505,
    reason: "version",
    words: "Cannot speak HTTP/2: use HTTP/1.1",
  },
];

/** A request line that ends in LF alone. */
const BARE_LINE = /^[A-Z]+ [^\r\n]*\n/;

/** A method, by its characters (RFC 9110, section 5.6.2), at the beginning of a request line. */
const REQUEST_LINE = /^([!#$%&'*+.^`|~\w-]{1,32}) \S/;

/** The refusal of a packet that the parser has stumbled over. */
export function refuseBytes(packet: Uint8Array): HttpError {
  const start = String.fromCharCode(...packet.subarray(0, PEEK_BYTES));
  for (const { begins, status, reason, words } of PROTOCOLS) {
    if (begins.some((begin) => start.startsWith(begin))) return new HttpError(status, words, { reason });
  }
  if (BARE_LINE.test(start)) {
    return new HttpError(400, "Cannot read the request as HTTP: end its lines with CR and LF, not LF alone", {
      reason: "malformed",
    });
  }
  const [, method] = REQUEST_LINE.exec(start) ?? [];
  if (method !== undefined && !METHODS_KNOWN.has(method)) {
    return new HttpError(501, `Cannot take the method ${method}: methods are in upper case, such as GET and POST`, {
      reason: "method",
    });
  }
  return new HttpError(400, "Cannot read the request as HTTP", { reason: "malformed" });
}
