/**
 * Where a request is addressed, as a URL: whatever version, form of target and `Host` it comes with.
 *
 * @module
 */

import type { IncomingMessage } from "node:http";
import { HttpError } from "./http.ts";

/** `uri-host [":" port]`, each of which may be empty (RFC 9110, section 7.2): an address in brackets, or a name, and the port. */
const HOST = /^(?:\[([\da-f:.]+)(?:%[\w.~-]+)?\]|(?:[\w.~!$&'()*+,;=-]|%[\da-f]{2})*)(?::(\d*))?$/i;

/** The highest port that there is. */
const MAX_PORT = 65_535;

/** The part of a proxy's form of target that goes before the path, with its host and port (RFC 9112, section 3.2.2). */
const ABSOLUTE = /^https?:\/\/([^/?#:][^/?#]*)/i;

/**
 * The URL of a message whose headers have arrived. Its host is always `localhost`: what a client writes there proves nothing,
 * balancers leave it out or empty, and a host that no URL takes must not cost anybody an answer.
 *
 * @throws {HttpError} 505 if the version is none of HTTP/1; 501 for a coding other than chunked; 400 if the message has no `Host`
 *   and is not of HTTP/1.0, if it has several or a malformed one, if its target is no path, and for what has no meaning in HTTP/1.0.
 */
export function requestUrl(message: IncomingMessage, { secure }: { secure: boolean }): string {
  const { httpVersion, httpVersionMajor, method, url: target = "" } = message;
  if (httpVersionMajor !== 1) {
    throw closing(505, `Cannot speak HTTP/${httpVersion}: use HTTP/1.1`, "version");
  }
  checkCoding(message);
  checkHost(message);
  const origin = secure ? "https://localhost" : "http://localhost";
  if (target.startsWith("/")) return origin + target;
  if (target === "*" && method === "OPTIONS") return `${origin}/*`;
  const [absolute, authority] = ABSOLUTE.exec(target) ?? [];
  if (absolute === undefined || !isHost(authority)) {
    throw badRequest("Cannot take this target: send a path that begins with /, or a URL without a user's name");
  }
  const path = target.slice(absolute.length);
  return origin + (path.startsWith("/") ? path : `/${path}`);
}

/** Comes first: whatever else is wrong, nothing may follow where the end of the request is in doubt. */
function checkCoding({ headers: { "transfer-encoding": coding }, httpVersionMinor }: IncomingMessage): void {
  if (coding === undefined) return;
  // Without chunks in HTTP/1.0, whoever stands in between may see another end of the request (RFC 9112, section 6.1).
  if (httpVersionMinor === 0) {
    throw closing(400, "Cannot take a Transfer-Encoding in HTTP/1.0: send a Content-Length", "malformed");
  }
  // Of any other coding, and of none at all, readers see another end of the request (section 6.3).
  if (coding.toLowerCase() === "chunked") return;
  throw closing(501, "Cannot take a Transfer-Encoding other than chunked: send that one, or a length", "malformed");
}

/** Whether a `Host` header's value may stand there; of an IPv6 address, with the zone as it is written. */
export function isHost(host: string): boolean {
  const [whole, address, port = ""] = HOST.exec(host) ?? [];
  if (whole === undefined || Number(port) > MAX_PORT) return false;
  return address === undefined || URL.canParse(`http://[${address}]`);
}

function checkHost({ headers: { host }, httpVersionMinor, rawHeaders }: IncomingMessage): void {
  if (host === undefined) {
    if (httpVersionMinor === 0) return;
    throw badRequest(
      "Cannot take an HTTP/1.1 request without a Host header: send one, which may be empty, or HTTP/1.0",
    );
  }
  if (!isHost(host)) throw badRequest("Cannot read the Host header: send HOST:PORT, or leave it empty");
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (rawHeaders[at].length === 4 && rawHeaders[at].toLowerCase() === "host") count++;
  }
  if (count > 1) throw badRequest("Cannot take a request with more than one Host header");
}

function badRequest(message: string): HttpError {
  return new HttpError(400, message, { reason: "malformed" });
}

/** Where the request ends is in doubt, so that nothing may follow on the connection. */
function closing(status: number, message: string, reason: string): HttpError {
  return new HttpError(status, message, { reason, headers: { connection: "close" } });
}
