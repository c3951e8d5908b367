import assert from "node:assert/strict";
import fc from "fast-check";
import { refuseBytes } from "../../../common/http/not_http.ts";

const latin1 = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

Deno.test("refuseBytes() tells by the beginning what the bytes look like", () => {
  const rows: [packet: string, status: number, reason: string][] = [
    ["\x16\x03\x01\x02\x00\x01\x00", 400, "tls"],
    ["\x16\x03", 400, "tls"],
    ["PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", 400, "proxy_protocol"],
    ["PROXY TCP6 ::1 ::1 1 2\r\n", 400, "proxy_protocol"],
    ["PROXY UNKNOWN\r\n", 400, "proxy_protocol"],
    ["\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", 400, "proxy_protocol"],
    ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "version"],
    ["get / HTTP/1.1\r\n", 501, "method"],
    ["BREW / HTTP/1.1\r\n", 501, "method"],
    ["PROXY / HTTP/1.1\r\n", 501, "method"],
    [`${"A".repeat(33)} / HTTP/1.1\r\n`, 400, "malformed"],
    ["GET / HTTP/1.0\n\n", 400, "malformed"],
    ["GET / HTTP/1.1\r\nA b\r\n\r\n", 400, "malformed"],
    ["", 400, "malformed"],
  ];
  for (const [packet, status, reason] of rows) {
    const error = refuseBytes(latin1(packet));
    assert.deepEqual([error.status, error.reason], [status, reason], JSON.stringify(packet));
  }
});

Deno.test("refuseBytes() says one short line of plain characters, whatever the bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200, size: "max" }), (packet) => {
    return /^[\x20-\x7e]{1,120}$/.test(refuseBytes(packet).message);
  }));
});
