import assert from "node:assert/strict";
import { Registry } from "prom-client";
import {
  type Asker,
  type Authorization,
  AuthorizationRefused,
  type RefusalStatus,
} from "../../../server/authorization/authorizer.ts";
import { CachingAuthorizer, type CachingAuthorizerOptions } from "../../../server/authorization/authorizer_cache.ts";
import { SettableAuthorizer } from "../../support/settable_authorizer.ts";
import { recordingLog } from "../../support/recording_log.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const MINUTE = 60_000;
const { signal } = new AbortController();
const ADDRESS = "192.0.2.1";
const asker: Asker = { signal, address: ADDRESS };

function setUp(options: Partial<CachingAuthorizerOptions> = {}) {
  const upstream = new SettableAuthorizer();
  const { log, records } = recordingLog();
  const registry = new Registry();
  const clock = { now: 0 };
  const now = () => clock.now;
  const cache = new CachingAuthorizer(upstream, { registry, log, now, ...options });
  const ask = (token = "t", id = "c", address = ADDRESS) =>
    cache.authorize(token, id, { signal, address }).then(({ accountId }) => accountId);
  const refused = async (status: RefusalStatus, ...of: string[]) => {
    await assert.rejects(ask(...of), (error) => error instanceof AuthorizationRefused && error.status === status);
  };
  const sources = async () => {
    const { values } = await registry.getSingleMetric("telemeter_server_authorizations_total")!.get();
    return Object.fromEntries(
      values.filter(({ value }) => value !== 0).map(({ labels, value }) => [labels.source, value]),
    );
  };
  return { upstream, cache, ask, refused, clock, records, registry, sources };
}

Deno.test("CachingAuthorizer asks once for a yes in ten minutes", async () => {
  const { upstream, ask, clock, sources } = setUp();
  for (const now of [0, 1, 10 * MINUTE - 1]) {
    clock.now = now;
    assert.equal(await ask(), "account");
  }
  assert.equal(upstream.asked.length, 1);
  clock.now = 10 * MINUTE;
  await ask();
  assert.equal(upstream.asked.length, 2);
  assert.deepEqual(await sources(), { granted: 2, granted_cached: 2 });
});

Deno.test("CachingAuthorizer keeps tokens and clusters apart", async () => {
  const { upstream, ask } = setUp();
  for (const [token, id] of [["a", "bc"], ["ab", "c"], ["a", "b"], ["b", "a"], ['a","', "b"], ["a", '","b']]) {
    await ask(token, id);
  }
  assert.equal(upstream.asked.length, 6);
});

Deno.test("CachingAuthorizer asks once for a no in a minute, unless the no is for too many requests", async () => {
  const { upstream, refused, clock, sources } = setUp();
  for (const status of [401, 403, 404, 409] as const) {
    upstream.asked = [];
    upstream.refuse(status);
    for (let i = 0; i < 3; i++) await refused(status, "t", `c${status}`);
    assert.equal(upstream.asked.length, 1);
    clock.now += MINUTE;
    await refused(status, "t", `c${status}`);
    assert.equal(upstream.asked.length, 2);
  }
  upstream.asked = [];
  upstream.refuse(429);
  for (let i = 0; i < 3; i++) await refused(429);
  assert.equal(upstream.asked.length, 3);
  assert.deepEqual(await sources(), { refused: 8, refused_cached: 8, failed: 3 });
});

Deno.test("CachingAuthorizer lets known clusters in while the authorizer fails, for a day, and asks each 30 s", async () => {
  const { upstream, ask, clock, records, sources } = setUp();
  await ask();
  upstream.fail();
  clock.now = 10 * MINUTE;
  for (let i = 0; i < 3; i++) assert.equal(await ask(), "account");
  assert.equal(upstream.asked.length, 2);
  clock.now += 30_000;
  await ask();
  assert.equal(upstream.asked.length, 3);
  clock.now = 24 * 60 * MINUTE - 1;
  assert.equal(await ask(), "account");
  clock.now = 24 * 60 * MINUTE;
  await assert.rejects(ask(), /down/);
  assert.deepEqual(await sources(), { granted: 1, granted_stale: 5, failed: 1 });
  upstream.recover();
  await ask();
  await ask();
  assert.deepEqual(records.map(({ level }) => level), ["warn", "info"]);
  assert.deepEqual(records[0].fields, { reason: "down" });
});

Deno.test("CachingAuthorizer does not let strangers in while the authorizer fails", async () => {
  const { upstream, ask } = setUp();
  await ask("t", "known");
  upstream.fail();
  await assert.rejects(ask("t", "other"), /down/);
  await assert.rejects(ask("other", "known"), /down/);
});

Deno.test("CachingAuthorizer forgets a yes at a no, and a no at a yes", async () => {
  const { upstream, ask, refused, clock } = setUp();
  await ask();
  clock.now += 10 * MINUTE;
  upstream.refuse(403);
  await refused(403);
  clock.now += MINUTE;
  upstream.fail();
  await assert.rejects(ask(), /down/);
  upstream.recover();
  await ask();
  await ask();
});

Deno.test("CachingAuthorizer treats a 429 of the authorizer as no answer where a yes is known", async () => {
  const { upstream, ask, clock, records } = setUp();
  await ask();
  clock.now += 10 * MINUTE;
  upstream.refuse(429);
  assert.equal(await ask(), "account");
  assert.equal(records.length, 0);
});

Deno.test("CachingAuthorizer has one question under way for all who ask the same", async () => {
  const { upstream, cache, ask } = setUp();
  const { promise, resolve } = Promise.withResolvers<Authorization>();
  upstream.answer = () => promise;
  const stop = new AbortController();
  const impatient = cache.authorize("t", "c", { ...asker, signal: stop.signal });
  const patient = [ask(), ask()];
  stop.abort(new Error("gave up"));
  await assert.rejects(impatient, /gave up/);
  resolve({ accountId: "late" });
  assert.deepEqual(await Promise.all(patient), ["late", "late"]);
  assert.equal(await ask(), "late");
  assert.equal(upstream.asked.length, 1);
});

Deno.test("CachingAuthorizer survives a question that fails after all have given up", async () => {
  const { upstream, cache, ask } = setUp();
  const { promise, reject } = Promise.withResolvers<Authorization>();
  upstream.answer = () => promise;
  const waiting = cache.authorize("t", "c", { ...asker, signal: AbortSignal.abort(new Error("gave up")) });
  await assert.rejects(waiting, /gave up/);
  reject(new Error("down"));
  upstream.recover();
  await assert.rejects(ask(), /down/);
  assert.equal(await ask(), "account");
});

Deno.test("CachingAuthorizer logs an authorizer that fails now and then once a minute", async () => {
  const { upstream, ask, clock, records } = setUp();
  for (let i = 0; i < 100; i++) {
    upstream.fail();
    await assert.rejects(ask("t", `bad-${i}`), /down/);
    upstream.recover();
    await ask("t", `good-${i}`);
    clock.now += 1_000;
  }
  assert.deepEqual(records.map(({ level }) => level), ["warn", "info", "warn", "info"]);
});

Deno.test("CachingAuthorizer stays within its bound over 100,000 ids, and made-up tokens push out no yes", async () => {
  const { upstream, ask, refused, cache } = setUp({ maxAnswers: 1_000 });
  await ask("good", "known");
  upstream.refuse(401);
  for (let i = 0; i < 100_000; i++) {
    await cache.authorize(`made-up-${i}`, `id-${i}`, asker).catch(() => {});
    assert(cache.size <= 2_000);
  }
  upstream.fail();
  assert.equal(await ask("good", "known"), "account");
  await refused(401, "made-up-99999", "id-99999");
});

Deno.test("CachingAuthorizer remembers only so many answers about one token, so that no account pushes out others", async () => {
  const { upstream, ask, clock, cache } = setUp({ maxAnswers: 100, maxOfToken: 10 });
  await ask("good", "known");
  for (let i = 0; i < 1_000; i++) await ask("greedy", `id-${i}`);
  assert.equal(cache.size, 11);
  upstream.fail();
  assert.equal(await ask("good", "known"), "account");
  assert.equal(await ask("greedy", "id-0"), "account");
  await assert.rejects(ask("greedy", "id-10"), /down/);
  upstream.recover();
  clock.now = 24 * 60 * MINUTE;
  await ask("greedy", "id-11");
  assert.equal(cache.size, 12, "a day later it has its share again");
});

Deno.test("CachingAuthorizer tells its answers from the start", async () => {
  const { registry } = setUp();
  const text = await registry.metrics();
  for (const source of ["granted", "granted_cached", "granted_stale", "refused", "refused_cached", "busy", "failed"]) {
    assert.ok(text.includes(`telemeter_server_authorizations_total{source="${source}"} 0`), source);
  }
});
