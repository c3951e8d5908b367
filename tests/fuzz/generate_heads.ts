/**
 * Makes what is sent to an HTTP listener: requests one behind the other, with everything that readers are known to disagree on.
 *
 * @module
 */

import type { Random } from "../support/random.ts";
import { mutated } from "./fuzz_target.ts";
import { mutateBytes } from "./mutate_bytes.ts";

/** What is sent on one connection. */
export interface HeadsInput {
  /** All of it. */
  readonly bytes: Uint8Array;
  /** Where it is cut into pieces that are sent by themselves. */
  readonly cuts: readonly number[];
}

const METHODS = [
  "GET",
  "GET",
  "POST",
  "POST",
  "POST",
  "HEAD",
  "OPTIONS",
  "PUT",
  "DELETE",
  "CONNECT",
  "PRI",
  "get",
  "M-SEARCH",
];
const TARGETS = [
  ...["/", "/a", "/upload", "/authorize?id=a", "/a%20b", "/%00", "/a?b#c", "//a/b", "/\\", "/..", "*", "", "a", "?"],
  ...[
    "http://a/b",
    "http://a",
    "http://u@a/b",
    "HTTP://a:1/",
    "http://[::1]/x",
    "https:///",
    "a:1",
    "/é",
    "/a\tb",
    "/\x7f",
  ],
];
const VERSIONS = [
  "HTTP/1.1",
  "HTTP/1.1",
  "HTTP/1.1",
  "HTTP/1.0",
  "HTTP/1.2",
  "HTTP/2.0",
  "HTTP/0.9",
  "HTTP/1.1 ",
  "http/1.1",
  "",
];
const FIELDS = [
  ...["Host: a", "Host:", "Host: a b", "Host: a\r\nHost: b", "host: é", "Host : a", " Host: a", "Host: a,b"],
  ...["Content-Length: 5", "Content-Length: 0", "Content-Length: +5", "Content-Length: 5, 5", "Content-Length: 05"],
  ...["Content-Length: 5\r\nContent-Length: 5", "Content-Length: 5\r\nContent-Length: 6", "Content-Length: -1"],
  ...[
    "Content-Length: 0x5",
    "Content-Length:",
    "Content-Length: 5 5",
    "Content_Length: 5",
    "Content-Length: 99999999999999999999",
  ],
  ...["Content-Length : 5", "Content-Length: 5\x0b", "Content-Length: 1e1", "Content-Length: 4294967301"],
  ...["Transfer-Encoding: chunked", "Transfer-Encoding: Chunked", "Transfer-Encoding: gzip, chunked"],
  ...["Transfer-Encoding: chunked, identity", "Transfer-Encoding: identity", "Transfer-Encoding: xchunked"],
  ...[
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding:\tchunked",
    "Transfer-Encoding: \x0bchunked",
  ],
  ...[
    "Transfer-Encoding : chunked",
    "Transfer-Encoding:\r\n chunked",
    "Transfer-Encoding: chunked;a",
    "Transfer-Encoding:",
    "TE: x",
  ],
  ...[
    "X: a\r\n b",
    "X: a\nY: b",
    "X: a\rY: b",
    "X: \0",
    "X:é",
    "X",
    ": a",
    "X\0: a",
    "X y: a",
    "(: a",
    "X: \x7f",
    "X:  a  ",
  ],
  ...[
    "Connection: close",
    "Connection: keep-alive",
    "Connection: upgrade\r\nUpgrade: h2c",
    "Upgrade: websocket",
    "Connection: a,, b",
  ],
  ...[
    "Expect: 100-continue",
    "Expect: 200-ok",
    "Trailer: X",
    "Content-Encoding: gzip",
    "Authorization: Bearer x",
    "Keep-Alive: x",
  ],
];
const CHUNKS = [
  "5",
  "05",
  "0000000000005",
  "5;a=b",
  "5 ;a",
  "5; ",
  "5\t",
  "0x5",
  "+5",
  "-1",
  "5\n",
  "F",
  "ffffffffffffffff",
  "",
  " 5",
  "5;\n",
  '5;a="\r\n"',
];
const PIECES = [
  "\r\n",
  "\n",
  "\r",
  "\r\n\r\n",
  "\n\n",
  " ",
  "\t",
  "\0",
  "\x0b",
  ":",
  ";",
  "0\r\n\r\n",
  "GET / HTTP/1.1\r\n",
  "Host: a\r\n",
  "\x16\x03\x01",
  "é",
  "\x7f",
  "\xff",
];
const OTHER_PROTOCOLS = [
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
  "\x16\x03\x01\x00\x05hello",
  "SSH-2.0-x\r\n",
  "GET /\r\n",
  "\r\n\r\n",
];

/** Makes one input. */
export function generateHeads(random: Random, earlier: () => HeadsInput | undefined): HeadsInput {
  const base = random.chance(0.5) ? earlier()?.bytes : undefined;
  let bytes = base ?? latin1(someConnection(random));
  if (base !== undefined || random.chance(0.3)) {
    const other = earlier()?.bytes ?? bytes;
    bytes = mutated(bytes, {
      random,
      most: 3,
      ways: [(bytes) => withPiece(bytes, random), (bytes) => mutateBytes(bytes, { random, other })],
    });
  }
  const cuts = random.chance(0.3)
    ? Array.from({ length: random.size(4) }, () => random.below(bytes.length + 1)).sort((a, b) => a - b)
    : [];
  return { bytes, cuts };
}

/** Bytes of a text, one each. */
export function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

function someConnection(random: Random): string {
  const before = random.chance(0.1) ? random.pick(OTHER_PROTOCOLS) : "";
  return before + Array.from({ length: random.size(4) }, () => someRequest(random)).join("");
}

function someRequest(random: Random): string {
  const usual = random.chance(0.5);
  const line = usual
    ? random.pick(["GET / HTTP/1.1", "POST /upload HTTP/1.1", "HEAD /a HTTP/1.1", "POST /b HTTP/1.0"])
    : [random.pick(METHODS), random.pick(TARGETS), random.pick(VERSIONS)].join(
      random.chance(0.05) ? random.pick(["  ", "\t", ""]) : " ",
    );
  const fields = ["Host: a", ...Array.from({ length: random.below(usual ? 2 : 4) }, () => random.pick(FIELDS))];
  if (random.chance(0.02)) {
    fields.push(...Array.from({ length: random.size(3_000) }, (_, i) => `X${i}: ${"a".repeat(random.size(30))}`));
  }
  if (random.chance(0.1)) fields.shift();
  const end = random.chance(0.03) ? random.pick(["\n", "\r", "\n\r"]) : "\r\n";
  const text = fields.join("\n").toLowerCase();
  const body = text.includes("chunked")
    ? someChunks(random)
    : text.includes("content-length")
    ? random.pick(["hello", "hello", "hell", "hello!", "", "0\r\n\r\n", "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"])
    : random.chance(0.05)
    ? "hello"
    : "";
  return [line, ...fields, "", ""].join(end) + body;
}

function someChunks(random: Random): string {
  const chunks = Array.from(
    { length: random.below(3) },
    () => `${random.chance(0.5) ? "5" : random.pick(CHUNKS)}\r\nhello\r\n`,
  );
  const last = random.pick([
    "0\r\n\r\n",
    "0\r\n\r\n",
    "0\r\nX: a\r\n\r\n",
    "0\r\nContent-Length: 5\r\n\r\n",
    "0\n\n",
    "00\r\n\r\n",
    "0;a\r\n\r\n",
    "0\r\n",
    "0\r\nX\r\n\r\n",
    "",
  ]);
  return chunks.join("") + last;
}

function withPiece(bytes: Uint8Array, random: Random): Uint8Array {
  const text = String.fromCharCode(...bytes.subarray(0, 60_000));
  // Readers disagree at the ends of things.
  const ends = [...text.matchAll(/[\r\n:; ]|$/g)].map(({ index }) => index);
  const at = random.pick(ends) + random.below(2);
  return latin1(text.slice(0, at) + random.pick(PIECES) + text.slice(at + random.below(3)));
}
