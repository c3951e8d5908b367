import assert from "node:assert/strict";
import { type ByteStream, Connection, type Exchange } from "../../../common/http/connection.ts";
import { HOSTILE_LIMITS, type HostileLimits } from "../../../common/http/hostile_limits.ts";
import { HttpError } from "../../../common/http/http.ts";

const limits = { ...HOSTILE_LIMITS, headersTimeoutMs: 10, handshakeTimeoutMs: 20, idleTimeoutMs: 30 };

/** A socket without a network, whose counters the test sets. */
class FakeStream implements ByteStream {
  bytesRead = 0;
  bytesWritten = 0;
  writableLength = 0;
  paused = false;
  destroyed = false;
  reset = false;
  ended: string | undefined;
  end(text: string) {
    this.ended = text;
  }
  pause() {
    this.paused = true;
  }
  destroy() {
    this.destroyed = true;
  }
  resetAndDestroy() {
    this.reset = true;
  }
}

class FakeExchange implements Exchange {
  complete = true;
  started = 0;
  failure: HttpError | undefined;
  start() {
    this.started++;
  }
  fail(error: HttpError) {
    this.failure = error;
  }
  abandoned = false;
  abandon() {
    this.abandoned = true;
  }
}

function setUp({ secure = false, ...more }: HostileLimits & { secure?: boolean } = {}) {
  const clock = { now: 1_000 }, cuts: string[] = [], stream = new FakeStream();
  const connection = new Connection(stream, {
    limits: { ...limits, ...more } as Required<HostileLimits>,
    secure,
    onCut: (reason) => cuts.push(reason),
    now: () => clock.now,
  });
  /** Lets time pass and has the connection looked at. */
  const pass = (ms: number) => connection.check(clock.now += ms);
  return { connection, stream, cuts, pass };
}

Deno.test("Connection cuts a handshake when its time is over, and a headers' time begins after it", () => {
  const overdue = setUp({ secure: true });
  overdue.pass(19);
  assert.equal(overdue.stream.destroyed, false);
  overdue.pass(1);
  assert.deepEqual([overdue.stream.destroyed, overdue.cuts], [true, ["handshake"]]);

  const { connection, stream, cuts, pass } = setUp({ secure: true });
  pass(19);
  const inner = new FakeStream();
  connection.secured(inner);
  pass(9);
  assert.equal(inner.destroyed, false);
  pass(1);
  assert.deepEqual([inner.destroyed, stream.destroyed, cuts], [true, true, ["headers"]]);
});

Deno.test("Connection answers half-sent headers, stops reading, and lingers before it closes", () => {
  const { stream, cuts, pass } = setUp();
  stream.bytesRead = 5;
  pass(10);
  assert.match(stream.ended!, /^HTTP\/1\.1 408 /);
  assert.deepEqual([stream.paused, stream.destroyed, cuts], [true, false, ["headers"]]);
  pass(limits.lingerMs - 1);
  assert.equal(stream.destroyed, false);
  pass(1);
  assert.deepEqual([stream.destroyed, cuts], [true, ["headers"]]);
});

Deno.test("Connection keeps an idle time after each response, and a headers' time from the first byte after it", () => {
  const { connection, stream, cuts, pass } = setUp();
  for (let i = 0; i < 3; i++) {
    stream.bytesRead += 100;
    connection.begin(new FakeExchange());
    pass(1_000);
    connection.end();
    pass(29);
  }
  stream.bytesRead += 2;
  pass(0);
  pass(9);
  assert.equal(stream.ended, undefined);
  pass(1);
  assert.match(stream.ended!, /^HTTP\/1\.1 408 /);
  assert.deepEqual(cuts, ["headers"]);
});

Deno.test("Connection waits for a body by its pace and its time", () => {
  // 1,000 bytes/s over 100 ms are 100 bytes a window.
  const rows: { arrivals: number[]; cutAtMs: number | undefined }[] = [
    { arrivals: [0, 0, 0, 0], cutAtMs: 100 },
    { arrivals: [100, 0, 0, 0], cutAtMs: 125 },
    { arrivals: [99, 0, 0, 0], cutAtMs: 100 },
    { arrivals: [25, 25, 25, 25, 25, 25, 25, 25], cutAtMs: undefined },
    { arrivals: Array(40).fill(50), cutAtMs: 500 },
  ];
  for (const { arrivals, cutAtMs } of rows) {
    const { connection, stream, cuts, pass } = setUp({
      bodyWindowMs: 100,
      minBodyBytesPerSecond: 1_000,
      bodyTimeoutMs: 500,
    });
    const exchange = new FakeExchange();
    exchange.complete = false;
    connection.begin(exchange);
    connection.expectBody(1_000);
    let at: number | undefined;
    for (const [i, bytes] of arrivals.entries()) {
      stream.bytesRead += bytes;
      pass(25);
      if (exchange.failure) at ??= (i + 1) * 25;
    }
    if (at === undefined && cutAtMs !== undefined) {
      pass(25);
      if (exchange.failure) at = (arrivals.length + 1) * 25;
    }
    assert.equal(at, cutAtMs, JSON.stringify(arrivals));
    assert.deepEqual(cuts, cutAtMs === undefined ? [] : ["body"]);
    assert.equal(exchange.failure?.status, cutAtMs === undefined ? undefined : 408);
    assert.equal(stream.destroyed, false, "the handler answers");
  }
});

Deno.test("Connection does not hold a handler's own time against its client", () => {
  const { connection, stream, cuts, pass } = setUp({ bodyTimeoutMs: 10, bodyWindowMs: 10 });
  const exchange = new FakeExchange();
  exchange.complete = false;
  connection.begin(exchange);
  pass(100_000);
  connection.expectBody(1_000);
  exchange.complete = true;
  pass(100_000);
  assert.deepEqual([exchange.failure, stream.destroyed, cuts], [undefined, false, []]);
});

Deno.test("Connection cuts a body with more framing than content, and none that comes in chunks of a byte", () => {
  for (
    const { bytesOnTheWire, cut } of [{ bytesOnTheWire: 6_000_100, cut: [] }, {
      bytesOnTheWire: 8_100_000,
      cut: ["framing"],
    }]
  ) {
    const { connection, stream, cuts, pass } = setUp();
    const exchange = new FakeExchange();
    exchange.complete = false;
    connection.begin(exchange);
    connection.expectBody(1_000_000);
    stream.bytesRead += bytesOnTheWire;
    pass(1);
    assert.deepEqual(cuts, cut);
    assert.equal(exchange.failure?.status, cut.length ? 400 : undefined);
  }
});

Deno.test("Connection throws away the rest of an answered request, within the time of a body", () => {
  const { connection, stream, cuts, pass } = setUp({ bodyTimeoutMs: 100 });
  const exchange = new FakeExchange();
  exchange.complete = false;
  connection.begin(exchange);
  connection.expectBody(1_000);
  connection.end();
  pass(99);
  assert.equal(stream.destroyed, false);
  pass(1);
  assert.deepEqual([stream.destroyed, cuts], [true, ["body"]]);
});

Deno.test("Connection cuts a response of which nothing is taken any more", () => {
  const { connection, stream, cuts, pass } = setUp({ stallTimeoutMs: 100 });
  connection.begin(new FakeExchange());
  stream.bytesWritten = 1_000;
  stream.writableLength = 900;
  pass(0);
  for (let i = 0; i < 5; i++) {
    pass(99);
    stream.writableLength--;
  }
  pass(1);
  pass(99);
  assert.deepEqual([stream.destroyed, cuts], [false, []]);
  pass(1);
  assert.deepEqual([stream.destroyed, cuts], [true, ["stalled"]]);
});

Deno.test("Connection starts requests one after the other, and holds only a few", () => {
  const { connection, stream, cuts } = setUp();
  const exchanges = Array.from({ length: 10 }, () => new FakeExchange());
  for (const exchange of exchanges.slice(0, 9)) connection.begin(exchange);
  for (let done = 0; done < 9; done++) {
    assert.deepEqual(exchanges.map(({ started }) => started), exchanges.map((_, at) => at <= done ? 1 : 0));
    connection.end();
  }
  for (const exchange of exchanges) connection.begin(exchange);
  assert.deepEqual([stream.destroyed, cuts], [true, ["pipelining"]]);
  connection.begin(new FakeExchange());
});

Deno.test("Connection closes at once to drain, and after the response where one is due", () => {
  for (const prepare of [() => {}, (c: Connection) => (c.begin(new FakeExchange()), c.end())]) {
    const { connection, stream, cuts } = setUp();
    prepare(connection);
    connection.drain();
    assert.deepEqual([stream.destroyed, cuts], [true, []]);
  }
  const { connection, stream, pass } = setUp();
  const held = new FakeExchange();
  connection.begin(new FakeExchange());
  connection.begin(held);
  connection.drain();
  assert.deepEqual([stream.destroyed, stream.ended], [false, undefined]);
  connection.end();
  assert.deepEqual([stream.destroyed, stream.ended, held.started], [false, "", 0]);
  pass(limits.lingerMs);
  assert.equal(stream.destroyed, true);
});

const refusal = (status: number) => new HttpError(status, "No HTTP", { reason: "malformed" });

Deno.test("Connection tells of bytes that are not HTTP by whose turn it is", () => {
  const waiting = setUp();
  waiting.connection.reject(refusal(431));
  assert.match(waiting.stream.ended!, /^HTTP\/1\.1 431 Request Header Fields Too Large\r\nConnection: close\r\n/);
  assert.match(waiting.stream.ended!, /\r\nContent-Length: 8\r\n\r\nNo HTTP\n$/);
  assert.deepEqual(waiting.cuts, ["malformed"]);

  const reading = setUp(), exchange = new FakeExchange();
  reading.connection.begin(exchange);
  reading.connection.reject(refusal(400));
  assert.deepEqual([exchange.failure?.status, reading.stream.ended], [400, undefined]);
  reading.connection.end();
  assert.equal(reading.stream.ended, "", "nothing can follow on such a connection");

  const shaking = setUp({ secure: true });
  shaking.connection.reject(refusal(400));
  assert.deepEqual([shaking.stream.destroyed, shaking.cuts], [true, ["malformed"]]);
});

Deno.test("Connection waits for no rest of a request that it holds once its client has ended its side", () => {
  const { connection, stream } = setUp();
  const [first, second] = [new FakeExchange(), new FakeExchange()];
  second.complete = false;
  connection.begin(first);
  connection.begin(second);
  connection.ended();
  connection.end();
  assert.deepEqual([second.started, stream.ended], [0, ""], "the first response is sent");
});

Deno.test("Connection answers the requests of a client that has ended its side, then closes", () => {
  const { connection, stream, cuts, pass } = setUp();
  const first = new FakeExchange(), second = new FakeExchange();
  connection.begin(first);
  connection.begin(second);
  connection.ended();
  assert.deepEqual([first.abandoned, stream.destroyed], [true, false]);
  connection.end();
  assert.deepEqual([second.started, stream.ended], [1, undefined]);
  connection.end();
  assert.equal(stream.ended, "");
  pass(limits.lingerMs);
  assert.deepEqual([stream.destroyed, stream.reset, cuts], [true, false, []]);
});

Deno.test("Connection closes at once where a client ends its side and nothing is owed to it", () => {
  const half = new FakeExchange();
  half.complete = false;
  const rows: [prepare: (connection: Connection) => unknown, reset: boolean][] = [
    [() => {}, false],
    [(connection) => (connection.begin(new FakeExchange()), connection.end()), false],
    [(connection) => connection.begin(half), true],
  ];
  for (const [prepare, reset] of rows) {
    const { connection, stream, cuts } = setUp();
    prepare(connection);
    connection.ended();
    assert.deepEqual([stream.destroyed, stream.reset, stream.ended, cuts], [true, reset, undefined, []]);
  }
});

Deno.test("Connection resets the stream where it breaks a response off, which may have no length", () => {
  const { connection, stream } = setUp();
  connection.begin(new FakeExchange());
  connection.abort();
  assert.deepEqual([stream.reset, stream.destroyed], [true, true]);
  const idle = setUp();
  idle.connection.begin(new FakeExchange());
  idle.connection.end();
  idle.connection.cut("idle");
  assert.deepEqual([idle.stream.reset, idle.stream.destroyed], [false, true]);
});
