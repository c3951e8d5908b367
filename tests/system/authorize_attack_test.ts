// The real server, and those who want all of its upstream authorizer, or confuse it; an upstream that is slow, odd or gone.

import assert from "node:assert/strict";
import { eventually } from "../../scripts/process/eventually.ts";
import { Attack, p99, tally } from "../support/attack.ts";
import { exchange, type Exchanged } from "../support/authorized_client.ts";
import { makeCertificate } from "../support/certificates.ts";
import { OpenServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";
import { type Answering, unknownToken, UpstreamUnderTest, yes } from "../support/upstream_authorizer.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** The limit for a good client beside an attack, in milliseconds; a quiet machine needs a quarter of it. */
const SOON_MS = 1_000;

const ATTACKER = "203.0.113.9";

async function site(upstream: UpstreamUnderTest, ...flags: string[]): Promise<OpenServer> {
  return await OpenServer.start("--authorize", upstream.url, "--trusted-proxy=127.0.0.1", ...flags);
}

/** Says yes to tokens that begin with "good", and does otherwise to others. */
function unless(isGood: Answering, others: Answering): Answering {
  return (question) => question.token.startsWith("good") ? isGood(question) : others(question);
}

/** Exchanges one after the other, and expects a yes in time for all. */
async function allSoon(what: string, requests: Iterable<() => Promise<Exchanged>>) {
  const answers: Exchanged[] = [];
  for (const request of requests) answers.push(await request());
  assert.deepEqual(tally(answers), { 200: answers.length }, what);
  assert.ok(p99(answers) < SOON_MS, `${what}: ${p99(answers)} ms`);
}

Deno.test("A slow authorizer is shared: whoever asks all of it leaves places for others, and those who give up free theirs", async () => {
  await using upstream = new UpstreamUnderTest();
  upstream.answer = unless(yes, upstream.held(unknownToken));
  await using server = await site(upstream);
  const { port } = server;
  assert.equal((await exchange(port, { address: ATTACKER, token: "good", id: "first" })).status, 200);

  const stop = new AbortController();
  const attack = Array.from({ length: 400 }, (_, i) => {
    const asked = { address: ATTACKER, token: `made-up-${i}`, id: "x", signal: stop.signal };
    return exchange(port, asked).catch(() => undefined);
  });
  const inFull = async () => await server.metric("telemeter_authorizer_waiting") === 400 - upstream.underWay;
  await eventually("all to be asked or in line", async () => upstream.underWay > 40 && await inFull(), {
    timeoutMs: 5_000,
  });
  assert.equal(upstream.underWay, 43, "a third of 128 places");

  const twenty = Array.from({ length: 20 }, (_, i) => i);
  const from = (address: (i: number) => string, token: (i: number) => string) =>
    twenty.map((i) => () => exchange(port, { address: address(i), token: token(i), id: `${address(i)} ${token(i)}` }));
  await allSoon("others", from((i) => `198.51.100.${i}`, (i) => `good-${i}`));
  await allSoon("its neighbours", from((i) => `203.0.113.1${i}`, (i) => `good-${i}`));
  await allSoon("a token that was good, from the same address", from(() => ATTACKER, () => "good"));

  stop.abort();
  await Promise.all(attack);
  const isLineEmpty = async () => await server.metric("telemeter_authorizer_waiting") === 0;
  await eventually("the line to be empty", isLineEmpty, { timeoutMs: 5_000 });
  assert.equal(await server.metric('telemeter_authorizer_turned_away_total{reason="gone"}'), 357);
  assert.equal(await server.metric("telemeter_authorizer_questions"), 43, "a question that is asked is not taken back");
  upstream.release();
});

Deno.test("Whoever finds no place is told when to come back, in words, and an answer that was known stands", async () => {
  await using upstream = new UpstreamUnderTest();
  upstream.answer = unless(yes, upstream.held(unknownToken));
  await using server = await site(upstream);
  const { port } = server;
  const known = { address: ATTACKER, token: "good", id: "known" };
  assert.equal((await exchange(port, known)).status, 200);
  const attack = Array.from(
    { length: 300 },
    (_, i) => exchange(port, { address: ATTACKER, token: `made-up-${i}`, id: "x" }),
  );
  const toldSoFar: Exchanged[] = [];
  for (const asked of attack) void asked.then((answer) => toldSoFar.push(answer));
  await eventually("the line to end", () => Promise.resolve(toldSoFar.length === 257), { timeoutMs: 20_000 });
  for (const { status, retryAfter, text } of toldSoFar) {
    assert.equal(status, 503);
    assert.ok(retryAfter >= 1 && retryAfter <= 90, `Retry-After: ${retryAfter}`);
    assert.match(text, /try again later/);
  }
  assert.equal((await exchange(port, known)).status, 200);
  upstream.release();
  assert.deepEqual(tally(await Promise.all(attack)), { 503: 257, 401: 43 });
});

Deno.test("Made-up initial tokens lock out nobody behind the same address", async () => {
  await using upstream = new UpstreamUnderTest();
  upstream.answer = unless(yes, unknownToken);
  await using server = await site(upstream);
  const { port } = server;
  const known = { address: ATTACKER, token: "good" };
  assert.equal((await exchange(port, { ...known, id: "first" })).status, 200);
  {
    // What is refused for what it is costs others nothing.
    await using nonsense = new Attack(20, () => exchange(port, { address: ATTACKER, token: "bad", id: "" }));
    await nonsense.reaches(6_000);
    assert.deepEqual(tally(nonsense.answers), { 400: nonsense.answers.length });
  }
  let count = 0;
  const madeUp = () => exchange(port, { address: ATTACKER, token: `made-up-${count++}`, id: "x" });
  await using attack = new Attack(20, madeUp);
  await attack.reaches(500);
  const thirty = Array.from({ length: 30 }, (_, i) => i);
  await allSoon("a token that was good", thirty.map((i) => () => exchange(port, { ...known, id: `known-${i}` })));
  const unknown = { address: ATTACKER };
  const fresh = thirty.map((i) => () => exchange(port, { ...unknown, token: `good-${i}`, id: `new-${i}` }));
  await allSoon("a token that nobody has seen", fresh);
  assert.deepEqual(tally(attack.answers), { 401: attack.answers.length });
});

Deno.test("Ids of any kind get a token or a 400, never a 500, and break no header", async () => {
  await using upstream = new UpstreamUnderTest();
  await using server = await site(upstream);
  const good = [
    ..."\u0000 \u0001 0 1 -1 1e309 NaN null true [] {} __proto__ constructor toString _id . .. ../../etc ' \" \\ \u2028"
      .split(" "),
    "\ufeffa",
    "\ufffe\uffff",
    "\u202egnirts",
    "e\u0301".repeat(60),
    "🦕".repeat(63),
    "a\r\nset-cookie: x=1\r\n\r\n",
    "\u0000".repeat(255),
    " ",
  ];
  for (const id of good) {
    const { status, text } = await exchange(server.port, { address: ATTACKER, token: "good", id });
    assert.equal(status, 200, JSON.stringify(id));
    assert.equal(JSON.parse(text).labels._id, id);
  }
  assert.deepEqual(upstream.asked.map(({ id }) => id), good);

  const bad = {
    "no id": ["", ""],
    "an empty one": ["?id=", ""],
    "half a pair of surrogates": ["?id=%ed%a0%80", ""],
    "half a pair in a body": ["", "id=%ed%b0%80"],
    "an overlong form": ["?id=%c0%80", ""],
    "Latin-1": ["?id=%e9", ""],
    "256 bytes": [`?id=${"x".repeat(256)}`, ""],
    "a megabyte in a body": ["", `id=${"x".repeat(1 << 20)}`],
    "many parameters": ["", "&".repeat(4_096)],
    "a percent sign": ["?id=%", ""],
    "a list": ["?id[]=a", ""],
  };
  for (const [what, [query, body]] of Object.entries(bad)) {
    const answer = await post(server.port, query, { body, type: "application/x-www-form-urlencoded" });
    assert.match(answer, /^HTTP\/1\.1 400 /, what);
  }
  const long = await post(server.port, `?id=${"x".repeat(1 << 13)}`, {});
  assert.match(long, /^HTTP\/1\.1 414 /);
});

/** Sends a request by hand, and returns the whole answer. */
async function post(
  port: number,
  query: string,
  { body = "", type = "text/plain", method = "POST", headers = "" }: {
    body?: string | Uint8Array;
    type?: string;
    method?: string;
    headers?: string;
  },
): Promise<string> {
  using client = await RawClient.connect(port);
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  await client.send(
    `${method} /authorize${query} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer good\r\nConnection: close\r\n` +
      `Content-Type: ${type}\r\nContent-Length: ${bytes.length}\r\n${headers}\r\n`,
  );
  await client.flood(bytes, bytes.length);
  return await client.untilClosed();
}

Deno.test("Requests that are none of a client get what they should, and the authorizer does not hear of them", async () => {
  await using upstream = new UpstreamUnderTest();
  await using server = await site(upstream);
  const form = "application/x-www-form-urlencoded";
  const gzip = new Uint8Array(
    await new Response(new Blob(["id=a"]).stream().pipeThrough(new CompressionStream("gzip"))).arrayBuffer(),
  );
  const requests: [status: number, query: string, how: Parameters<typeof post>[2]][] = [
    [405, "?id=a", { method: "GET" }],
    [405, "?id=a", { method: "PUT" }],
    [405, "?id=a", { method: "DELETE" }],
    [501, "?id=a", { method: "BREW" }],
    [400, "", { body: gzip, type: form, headers: "Content-Encoding: gzip\r\n" }],
    [400, "", { body: new Uint8Array([0x69, 0x64, 0x3d, 0x00, 0xff]), type: form }],
    [400, "", { body: "id=a", type: "application/json" }],
    [400, "", { body: '{"id":"a"}', type: form }],
    [431, "?id=a", { headers: `X-Long: ${"x".repeat(20_000)}\r\n` }],
    [400, "?id=a", { headers: "Content-Length: 5\r\n" }],
    [400, "?id=a", { headers: "Transfer-Encoding: chunked\r\n" }],
  ];
  for (const [status, query, how] of requests) {
    const answer = await post(server.port, query, how);
    assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `), JSON.stringify(how).slice(0, 80));
  }
  const tokens = ["", "x".repeat(8_193)];
  for (const token of tokens) {
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(`http://127.0.0.1:${server.port}/authorize?id=a`, { method: "POST", headers });
    await response.body?.cancel();
    assert.equal(response.status, 401);
  }
  assert.deepEqual(upstream.asked, []);
});

/** Answers that are none. */
const ODD_ANSWERS: Record<string, Answering> = {
  "a server's error": () => new Response("s3cret", { status: 500 }),
  "a gateway's error": () => new Response("<html>".repeat(100_000), { status: 502 }),
  "another client's error": () => new Response("", { status: 418 }),
  "a redirect": () => new Response(null, { status: 307, headers: { location: "http://127.0.0.1:1/" } }),
  "nothing": () => new Response(null, { status: 204 }),
  "garbage": json("\u0000\u0001{"),
  "text": json("s3cret"),
  "a number": json("1"),
  "NaN": json('{"account_id":NaN}'),
  "an account that is a number": json('{"account_id":1e999}'),
  "an account that is a list": json('{"account_id":["a"]}'),
  "an account with half a pair": json('{"account_id":"\\ud800"}'),
  "an account of control characters": json(JSON.stringify({ account_id: "\u0000".repeat(1_000) })),
  "an account of 40 KB": json(`{"account_id":"${"x".repeat(40_000)}"}`),
  "brackets within brackets": json("[".repeat(30_000)),
  "a body without an end": () => {
    const endless = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(65_536)) });
    return new Response(endless, { headers: JSON_TYPE });
  },
  "a bomb": async () => {
    const zeros = new Blob([new Uint8Array(1 << 25)]).stream().pipeThrough(new CompressionStream("gzip"));
    return new Response(await new Response(zeros).bytes(), { headers: { ...JSON_TYPE, "content-encoding": "gzip" } });
  },
  "what says that it is compressed and is not": () =>
    new Response('{"account_id":"a"}', { headers: { ...JSON_TYPE, "content-encoding": "gzip" } }),
};

const JSON_TYPE = { "content-type": "application/json" };

function json(text: string): Answering {
  return () => new Response(text, { headers: JSON_TYPE });
}

Deno.test("Odd answers of the authorizer are a 503 in words, and cost no memory", async () => {
  await using upstream = new UpstreamUnderTest();
  await using server = await site(upstream);
  const { port } = server;
  await server.forgetPeak();
  const before = await server.peakBytes();
  for (const [what, answer] of Object.entries(ODD_ANSWERS)) {
    upstream.answer = answer;
    const asked = Array.from({ length: 10 }, (_, i) => exchange(port, { address: ATTACKER, token: what, id: `${i}` }));
    for (const { status, text, retryAfter } of await Promise.all(asked)) {
      assert.equal(status, 503, what);
      assert.match(
        text,
        /^Cannot authorize any cluster now: try again later: the server\'s log says why under [-\da-f]+\n$/,
        what,
      );
      assert.ok(retryAfter >= 15 && retryAfter <= 45, `${what}: Retry-After: ${retryAfter}`);
    }
  }
  const grown = await server.peakBytes() - before;
  assert.ok(grown < 64 << 20, `${grown >> 20} MiB more`);
  assert.ok(server.log.length < 100, `${server.log.length} lines of log`);
  upstream.answer = () =>
    new Response('{"account_id":"a"}', { headers: { ...JSON_TYPE, "x-long": "x".repeat(8_000), "set-cookie": "x=1" } });
  assert.equal((await exchange(port, { address: ATTACKER, token: "good", id: "a" })).status, 200);
});

Deno.test("What answers in place of the authorizer and speaks no HTTP, or breaks off, is a 503 in words", async () => {
  const answers: Record<string, string> = {
    "nothing": "",
    "garbage": "\u0000\u0001\u0002\r\n\r\n",
    "SSH": "SSH-2.0-OpenSSH_10.0\r\n",
    "no status": "HTTP/1.1 \r\n\r\n",
    "a status of four digits": "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
    "a body that breaks off": 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"acc',
    "two lengths": "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    "a chunk that breaks off": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{",
    "a header without an end": `HTTP/1.1 200 OK\r\nX: ${"x".repeat(2_000_000)}`,
    "very many headers": `HTTP/1.1 200 OK\r\n${"X: x\r\n".repeat(100_000)}\r\n`,
  };
  let answer = "";
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections = (async () => {
    for await (const connection of listener) {
      await connection.read(new Uint8Array(65_536));
      const writer = connection.writable.getWriter();
      await writer.write(new TextEncoder().encode(answer)).then(() => writer.close()).catch(() => {});
    }
  })();
  {
    await using server = await OpenServer.start("--authorize", `http://127.0.0.1:${listener.addr.port}/`);
    for (const [what, text] of Object.entries(answers)) {
      answer = text;
      const answered = await exchange(server.port, { address: ATTACKER, token: what, id: "a" });
      assert.equal(answered.status, 503, what);
      assert.match(answered.text, /^Cannot authorize any cluster now: try again later/, what);
    }
  }
  listener.close();
  await connections;
});

Deno.test("A refusal of the authorizer stays one whatever comes with it, and its own Retry-After is passed on", async () => {
  await using upstream = new UpstreamUnderTest();
  await using server = await site(upstream);
  const ask = (status: number, headers: Record<string, string> = {}) => {
    upstream.answer = () => new Response("<html>".repeat(100_000), { status, headers });
    return exchange(server.port, { address: ATTACKER, token: "t", id: `${status} ${JSON.stringify(headers)}` });
  };
  for (const status of [401, 403, 404, 409]) assert.equal((await ask(status)).status, status);
  const told: Record<string, number> = {};
  for (const seconds of ["7", "999999999", "0", "-1", "soon", "Fri, 13 Nov 2026 00:00:00 GMT"]) {
    told[seconds] = (await ask(429, { "retry-after": seconds })).retryAfter;
  }
  const [unsaid] = [300];
  assert.deepEqual(told, {
    "7": 7,
    "999999999": 3_600,
    "0": 1,
    "-1": unsaid,
    "soon": unsaid,
    "Fri, 13 Nov 2026 00:00:00 GMT": unsaid,
  });
});

Deno.test("An authorizer that is gone is a 503 in words, and answers that are remembered stand", async () => {
  const upstream = new UpstreamUnderTest();
  await using server = await site(upstream);
  const { port } = server;
  const known = { address: ATTACKER, token: "good", id: "known" };
  assert.equal((await exchange(port, known)).status, 200);
  upstream.answer = unknownToken;
  const refused = { address: ATTACKER, token: "bad", id: "known" };
  assert.equal((await exchange(port, refused)).status, 401);
  await upstream[Symbol.asyncDispose]();
  const { status, text, retryAfter } = await exchange(port, { ...known, id: "new" });
  assert.deepEqual([status, retryAfter >= 15 && retryAfter <= 45], [503, true]);
  assert.match(text, /^Cannot authorize any cluster now: try again later/);
  assert.equal((await exchange(port, known)).status, 200);
  assert.equal((await exchange(port, refused)).status, 401);
  assert.ok(!server.log.join("\n").includes("good"), "the log shows a token");
});

Deno.test("An authorizer that speaks no TLS, or other TLS than is trusted, is a 503 in words", async () => {
  const listener = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {}, ...await makeCertificate("127.0.0.1") },
    () => Response.json({ account_id: "a" }),
  );
  await using plain = new UpstreamUnderTest();
  for (const url of [`https://127.0.0.1:${listener.addr.port}/`, plain.url.replace("http:", "https:")]) {
    await using server = await OpenServer.start("--authorize", url);
    const { status, text } = await exchange(server.port, { address: ATTACKER, token: "good", id: "a" });
    assert.equal(status, 503);
    assert.match(text, /^Cannot authorize any cluster now: try again later/);
  }
  await listener.shutdown();
});

Deno.test("An issuer of our own access that fails is a 503 in words, and is not asked again and again", async () => {
  await using upstream = new UpstreamUnderTest();
  const faults: Answering[] = [
    () => new Response("", { status: 500 }),
    () => new Response(null, { status: 302, headers: { location: "http://127.0.0.1:1/" } }),
    json("[".repeat(60_000)),
    json('{"issuer":7}'),
    json(`{"padding":"${"x".repeat(100_000)}"}`),
  ];
  for (const fault of faults) {
    let asked = 0;
    const issuer = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => {
      asked++;
      return fault({ token: "", id: "", signal: new AbortController().signal });
    });
    const url = `http://127.0.0.1:${issuer.addr.port}/`;
    {
      await using server = await site(
        upstream,
        ...[
          "--authorize-issuer-url",
          url,
          "--authorize-username=u",
          "--authorize-password=p",
          "--authorize-client-id=c",
        ],
      );
      const asking = Array.from(
        { length: 50 },
        (_, i) => exchange(server.port, { address: ATTACKER, token: "good", id: `${i}` }),
      );
      assert.deepEqual(tally(await Promise.all(asking)), { 503: 50 });
      assert.equal(asked, 1);
    }
    await issuer.shutdown();
  }
  assert.deepEqual(upstream.asked, []);
});
