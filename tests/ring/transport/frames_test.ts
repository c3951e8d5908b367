import assert from "node:assert/strict";
import fc from "fast-check";
import {
  decodeFrame,
  encodeFrame,
  type Frame,
  FRAME_LIMITS,
  frameLimit,
  frameTypeName,
  messageTypeOf,
  TRANSPORT_TYPES,
} from "../../../ring/transport/frames.ts";
import { MESSAGE_TYPES } from "../../../ring/protocol/mesh.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const utf8 = new TextEncoder();

/** A frame written byte by byte. */
function raw(
  { magic = 0xf5, version = 1, type = 32, flags = 0, request = [0, 0, 0, 7], length, header = "{}", body = "" }: {
    magic?: number;
    version?: number;
    type?: number;
    flags?: number;
    request?: number[];
    length?: number[];
    header?: string | number[];
    body?: string;
  },
): Uint8Array {
  const json = typeof header === "string" ? utf8.encode(header) : Uint8Array.from(header);
  const count = length ?? [0, json.length >> 16, (json.length >> 8) & 0xff, json.length & 0xff];
  return Uint8Array.from([magic, version, type, flags, ...request, ...count, ...json, ...utf8.encode(body)]);
}

Deno.test("encodeFrame() writes the prefix, the header and the body", () => {
  const bytes = encodeFrame({
    version: 2,
    type: MESSAGE_TYPES.PUT.number,
    flags: 5,
    request: 0x01020304,
    header: { kind: "put", id: "ü" },
    body: Uint8Array.of(0xff, 0x00),
  });
  const json = utf8.encode('{"kind":"put","id":"ü"}');
  assert.deepEqual([...bytes], [0xf5, 2, 32, 5, 1, 2, 3, 4, 0, 0, 0, json.length, ...json, 0xff, 0x00]);
});

Deno.test("decodeFrame() reads the prefix, the header and the body, in the middle of a larger buffer", () => {
  const frame = raw({ version: 3, flags: 0x81, request: [0xff, 0xff, 0xff, 0xff], header: '{"a":[1]}', body: "hi" });
  const buffer = new Uint8Array(frame.length + 9);
  buffer.set(frame, 4);
  const read = decodeFrame(buffer.subarray(4, 4 + frame.length));
  assert.deepEqual(read, {
    version: 3,
    type: 32,
    flags: 0x81,
    request: 0xffff_ffff,
    header: { a: [1] },
    body: utf8.encode("hi"),
  });
  assert.equal(read.body.buffer, buffer.buffer);
});

Deno.test("decodeFrame() reads types and header fields that it does not know", () => {
  const { type, header } = decodeFrame(raw({ type: 254, header: '{"later":{"than":"us"},"kind":1}' }));
  assert.deepEqual([type, messageTypeOf(type), header], [254, undefined, { later: { than: "us" }, kind: 1 }]);
});

const TYPES: readonly (readonly [number, string, "transport" | "control" | "data"])[] = [
  [1, "HELLO", "transport"],
  [2, "REFUSAL", "transport"],
  [9, "type 9", "transport"],
  [16, "PING", "control"],
  [31, "type 31", "data"],
  [32, "PUT", "data"],
  [33, "PUT_OK", "control"],
  [255, "type 255", "data"],
];

Deno.test("frameLimit() holds each type to the limit of its class, and those it does not know to that of data", () => {
  for (const [type, name, limit] of TYPES) {
    assert.deepEqual([frameTypeName(type), frameLimit(type)], [name, FRAME_LIMITS[limit]]);
  }
});

Deno.test("messageTypeOf() knows each message by its number, and no number is the transport's or another's", () => {
  const numbers = Object.entries(MESSAGE_TYPES).map(([name, { number }]) => {
    assert.equal(messageTypeOf(number), name);
    assert.ok(number >= 16 && number <= 255);
    return number;
  });
  assert.equal(new Set(numbers).size, numbers.length);
  for (const number of Object.values(TRANSPORT_TYPES)) assert.ok(number < 16 && messageTypeOf(number) === undefined);
});

const MALFORMED: readonly (readonly [Uint8Array, string])[] = [
  [new Uint8Array(0), "it ends inside its prefix of 12 bytes (byte 0)"],
  [raw({}).subarray(0, 11), "it ends inside its prefix of 12 bytes (byte 11)"],
  [raw({ magic: 0x16 }), "it begins with 22 in place of 245 (byte 0)"],
  [raw({ version: 0 }), "its version is 0 (byte 1)"],
  [raw({ type: 0 }), "its type is 0 (byte 2)"],
  [raw({ length: [0, 0, 0, 3] }), "its header has 3 bytes, of which 2 are there (byte 8)"],
  [raw({ length: [0xff, 0xff, 0xff, 0xff] }), "its header has 4294967295 bytes, of which 2 are there (byte 8)"],
  [raw({ header: "" }), "its header is not JSON (byte 12)"],
  [raw({ header: "x" }), "its header is not JSON (byte 12)"],
  [raw({ header: '{"a":1' }), "its header is not JSON (byte 18)"],
  [raw({ header: '{"ü":1,x}' }), "its header is not JSON (byte 20)"],
  [raw({ header: '\ufeff{"a":1}' }), "its header is not JSON (byte 12)"],
  [raw({ header: "[]" }), "its header is not a JSON object (byte 12)"],
  [raw({ header: "null" }), "its header is not a JSON object (byte 12)"],
  [raw({ header: '"{}"' }), "its header is not a JSON object (byte 12)"],
  [raw({ header: [0x7b, 0x22, 0xff] }), "its header is not UTF-8 (byte 14)"],
  [raw({ header: [0x7b, 0x22, 0xef, 0xbf] }), "its header is not UTF-8 (byte 16)"],
  [raw({ header: [0x7b, 0xed, 0xa0, 0x80] }), "its header is not UTF-8 (byte 14)"],
];

for (const [bytes, complaint] of MALFORMED) {
  Deno.test(`decodeFrame() refuses a frame: ${complaint}`, () => {
    assert.throws(() => decodeFrame(bytes), { name: "SyntaxError", message: `Cannot read a frame: ${complaint}` });
  });
}

Deno.test("decodeFrame() holds a frame to its limit before it parses anything", () => {
  for (const [type, name] of TYPES) {
    const limit = frameLimit(type);
    assert.equal(decodeFrame(raw({ type, body: " ".repeat(limit - 14) })).body.length, limit - 14);
    assert.throws(() => decodeFrame(raw({ type, header: "not JSON", body: " ".repeat(limit - 19) })), {
      name: "SyntaxError",
      message: `Cannot read a frame: ${name} has at most ${limit} bytes, and this one ${limit + 1} (byte ${limit})`,
    });
  }
  const limits = { transport: 20, control: 30, data: 40 };
  assert.equal(decodeFrame(raw({ body: " ".repeat(26) }), limits).body.length, 26);
  assert.throws(() => decodeFrame(raw({ body: " ".repeat(27) }), limits), SyntaxError);
});

Deno.test("decodeFrame() parses a header as deep as its limit allows, and shows none of a bad one", () => {
  const deep = `{"a":${"[".repeat(120_000)}${"]".repeat(120_000)}}`;
  assert.ok(Array.isArray(decodeFrame(raw({ type: 20, header: deep })).header.a));
  assert.throws(() => decodeFrame(raw({ header: '{"token":"hunter2"' })), (error) => {
    return error instanceof SyntaxError && !Deno.inspect(error).includes("hunter2");
  });
});

Deno.test("encodeFrame() refuses what does not fit", () => {
  const frame = { version: 1, type: 16, header: {} };
  const rows: [Frame, string][] = [
    [{ ...frame, version: 0 }, "a frame whose version is 0: the range is 1 to 255"],
    [{ ...frame, type: 256 }, "a frame whose type is 256: the range is 1 to 255"],
    [{ ...frame, flags: -1 }, "a frame whose flags is -1: the range is 0 to 255"],
    [{ ...frame, request: 2 ** 32 }, "a frame whose request is 4294967296: the range is 0 to 4294967295"],
    [{ ...frame, request: 0.5 }, "a frame whose request is 0.5: the range is 0 to 4294967295"],
    [{ ...frame, body: new Uint8Array(262_131) }, "PING with 262145 bytes: the limit is 262144"],
  ];
  for (const [frame, complaint] of rows) {
    assert.throws(() => encodeFrame(frame), { name: "RangeError", message: `Cannot encode ${complaint}` });
  }
});

const arbitraryFrame = fc.record({
  version: fc.integer({ min: 1, max: 255 }),
  type: fc.integer({ min: 1, max: 255 }),
  flags: fc.integer({ min: 0, max: 255 }),
  request: fc.integer({ min: 0, max: 0xffff_ffff }),
  header: fc.dictionary(fc.string({ unit: "grapheme" }), fc.jsonValue()),
  body: fc.uint8Array({ maxLength: 300, size: "max" }),
});

Deno.test("decodeFrame() reads what encodeFrame() wrote", () => {
  fc.assert(fc.property(arbitraryFrame, (frame) => {
    const read = decodeFrame(encodeFrame(frame));
    assert.deepEqual({ ...read, header: JSON.stringify(read.header) }, {
      ...frame,
      header: JSON.stringify(JSON.parse(JSON.stringify(frame.header))),
    });
  }));
});

Deno.test("decodeFrame() throws nothing but a SyntaxError with an offset within the frame, whatever the bytes", () => {
  const mutated = fc.tuple(
    arbitraryFrame,
    fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 6 }),
    fc.nat(),
  )
    .map(([frame, edits, cut]) => {
      const bytes = encodeFrame(frame);
      for (const [at, value] of edits) bytes[at % bytes.length] = value;
      return bytes.subarray(0, bytes.length - (cut % 3 === 0 ? cut % bytes.length : 0));
    });
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 100, size: "max" })), (bytes) => {
      try {
        const { header, body } = decodeFrame(bytes);
        assert.ok(typeof header === "object" && 12 + body.length <= bytes.length);
      } catch (error) {
        assert.ok(error instanceof SyntaxError, String(error));
        const offset = Number(/\(byte (\d+)\)$/.exec(error.message)?.[1]);
        assert.ok(offset >= 0 && offset <= bytes.length, error.message);
      }
    }),
    { numRuns: 2_000 },
  );
});
