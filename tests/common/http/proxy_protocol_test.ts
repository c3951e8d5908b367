import assert from "node:assert/strict";
import fc from "fast-check";
import { HttpError } from "../../../common/http/http.ts";
import { type ProxyHeader, readProxyHeader } from "../../../common/http/proxy_protocol.ts";

const latin1 = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
const SIGNATURE = "\r\n\r\n\0\r\nQUIT\n";
const V4 = "\xc0\x00\x02\x07" + "\x0a\x00\x00\x01" + "\x30\x39\x23\x2b";
const V6 = "\xfd\x00" + "\0".repeat(13) + "\x07" + "\0".repeat(16) + "\x30\x39\x23\x2b";

/** Headers as a balancer sends them, and the client that each names. */
const HEADERS: readonly [header: string, source: string | undefined][] = [
  ["PROXY TCP4 192.0.2.7 10.0.0.1 12345 9003\r\n", "192.0.2.7"],
  ["PROXY TCP6 fd00::7 fd00::1 12345 9003\r\n", "fd00::7"],
  ["PROXY TCP6 ::ffff:192.0.2.7 ::1 12345 9003\r\n", "::ffff:192.0.2.7"],
  ["PROXY UNKNOWN\r\n", undefined],
  ["PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", undefined],
  [`${SIGNATURE}\x21\x11\0\x0c${V4}`, "192.0.2.7"],
  [`${SIGNATURE}\x21\x21\0\x24${V6}`, "fd00:0:0:0:0:0:0:7"],
  [`${SIGNATURE}\x21\x11\0\x13${V4}\x04\0\x04abcd`, "192.0.2.7"],
  [`${SIGNATURE}\x20\0\0\0`, undefined],
  [`${SIGNATURE}\x20\x11\0\x0c${V4}`, undefined],
  [`${SIGNATURE}\x21\0\0\0`, undefined],
  [`${SIGNATURE}\x21\x31\0\xd8${"\0".repeat(216)}`, undefined],
];

Deno.test("readProxyHeader() reads both versions, and takes no byte of what follows", () => {
  for (const [header, source] of HEADERS) {
    for (const rest of ["", "GET / HTTP/1.1\r\n", "\x16\x03\x01"]) {
      assert.deepEqual(
        readProxyHeader(latin1(header + rest)),
        { length: header.length, source },
        JSON.stringify(header),
      );
    }
  }
});

Deno.test("readProxyHeader() wants more of every beginning of a header", () => {
  for (const [header] of HEADERS) {
    for (let length = 0; length < header.length; length++) {
      assert.equal(readProxyHeader(latin1(header.slice(0, length))), "more", `${length} of ${JSON.stringify(header)}`);
    }
  }
});

Deno.test("readProxyHeader() finds none in requests, handshakes and other bytes", () => {
  for (
    const start of [
      "GET / HTTP/1.0\r\n",
      "POST",
      "PUT",
      "PROPFIND / HTTP/1.1",
      "\r\nGET",
      "\r\n\r\nG",
      "\x16\x03\x01",
      "\0",
      "proxy ",
    ]
  ) {
    assert.equal(readProxyHeader(latin1(start)), "none", JSON.stringify(start));
  }
});

Deno.test("readProxyHeader() refuses what begins as a header and is none", () => {
  const rows = [
    "PROXY TCP4 fd00::7 10.0.0.1 1 2\r\n",
    "PROXY TCP6 192.0.2.7 10.0.0.1 1 2\r\n",
    "PROXY TCP4 999.0.2.7 10.0.0.1 1 2\r\n",
    "PROXY TCP4 192.0.2.7 10.0.0.1 1\r\n",
    "PROXY TCP4 192.0.2.7 10.0.0.1 1 2\n",
    "PROXY / HTTP/1.1\r\n",
    `PROXY UNKNOWN ${"x".repeat(107)}`,
    `${SIGNATURE}\x11\x11\0\x0c${V4}`,
    `${SIGNATURE}\x22\x11\0\x0c${V4}`,
    `${SIGNATURE}\x21\x11\0\x0b${V4.slice(0, 11)}`,
    `${SIGNATURE}\x21\x21\0\x0c${V4}`,
    `${SIGNATURE}\x21\x11\xff\xff`,
  ];
  for (const bytes of rows) {
    assert.throws(
      () => readProxyHeader(latin1(bytes)),
      { status: 400, reason: "proxy_protocol" },
      JSON.stringify(bytes),
    );
  }
});

Deno.test("readProxyHeader() decides about any bytes within its bounds, and the same however they arrive", () => {
  const starts = fc.constantFrom("PROXY ", "PROXY TCP4 ", SIGNATURE, `${SIGNATURE}\x21\x11\0\x0c`, "");
  const outcome = (bytes: Uint8Array): ProxyHeader | string => {
    try {
      return readProxyHeader(bytes);
    } catch (error) {
      assert(error instanceof HttpError);
      return "fault";
    }
  };
  fc.assert(fc.property(starts, fc.uint8Array({ maxLength: 5_000, size: "max" }), (start, rest) => {
    const bytes = new Uint8Array([...latin1(start), ...rest]);
    let first: ProxyHeader | string = "more";
    for (let length = 0; length <= bytes.length && first === "more"; length++) {
      first = outcome(bytes.subarray(0, length));
    }
    assert.deepEqual(first, outcome(bytes));
    assert(first !== "more" || bytes.length < 4_096);
  }));
});
