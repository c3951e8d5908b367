import assert from "node:assert/strict";
import { install } from "@sinonjs/fake-timers";
import { Registry } from "prom-client";
import {
  type Asker,
  type Authorization,
  AuthorizationRefused,
  type Authorizer,
  type RefusalStatus,
} from "../../../server/authorization/authorizer.ts";
import { CachingAuthorizer, type CachingAuthorizerOptions } from "../../../server/authorization/authorizer_cache.ts";
import { NoPlaceError } from "../../../server/limits/fair_shares.ts";
import { recordingLog } from "../../support/recording_log.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const MINUTE = 60_000;
const { signal } = new AbortController();
const ADDRESS = "192.0.2.1";
const asker: Asker = { signal, address: ADDRESS };

/** An authorizer whose answer the test sets, and which counts what it is asked. */
class Upstream implements Authorizer {
  asked: string[] = [];
  answer: (asker: Asker) => Promise<Authorization> = () => Promise.resolve({ accountId: "account" });

  authorize(token: string, clusterId: string, asker: Asker): Promise<Authorization> {
    this.asked.push(`${token} ${clusterId}`);
    return this.answer(asker);
  }

  refuse(status: RefusalStatus) {
    this.answer = () => Promise.reject(new AuthorizationRefused(status));
  }

  fail() {
    this.answer = () => Promise.reject(new Error("down"));
  }

  recover() {
    this.answer = () => Promise.resolve({ accountId: "account" });
  }
}

function setUp(options: Partial<CachingAuthorizerOptions> = {}) {
  const upstream = new Upstream();
  const { log, records } = recordingLog();
  const registry = new Registry();
  const clock = { now: 0 };
  const now = () => clock.now;
  const cache = new CachingAuthorizer(upstream, {
    registry,
    log,
    now,
    shares: { places: 256, maxWaiting: 0, patienceMs: 1_000, penaltyMs: 0, now },
    ...options,
  });
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

/** An authorizer that holds back its answers to all but one token, and how its questions are shared. */
function heldUp({ places = 4, maxWaiting = 0 }: { places?: number; maxWaiting?: number } = {}) {
  const clock = install({ toFake: ["setTimeout", "clearTimeout"] });
  const trial = setUp({ shares: { places, maxWaiting, patienceMs: 5_000, penaltyMs: 0, now: () => clock.now } });
  const { promise, resolve } = Promise.withResolvers<Authorization>();
  return {
    ...trial,
    timers: clock,
    holdUp: () => trial.upstream.answer = () => promise,
    release: () => resolve({ accountId: "late" }),
    turnedAway: async (...of: string[]) => {
      const error = await trial.ask(...of).catch((error) => error);
      assert.ok(error instanceof NoPlaceError, String(error));
      return error.reason;
    },
    [Symbol.dispose]: () => clock.uninstall(),
  };
}

Deno.test("CachingAuthorizer has only so many questions under way, and answers the known from memory then", async () => {
  using trial = heldUp();
  const { upstream, ask, turnedAway, clock, cache, holdUp, release, sources } = trial;
  await ask("t", "known");
  clock.now = 10 * MINUTE;
  holdUp();
  // A token that was good has half of the places.
  const waiting = [1, 2].map((i) => ask("t", `c${i}`));
  assert.equal(await turnedAway("t", "c3"), "share");
  assert.equal(await ask("t", "known"), "account");
  assert.equal(cache.size, 3);
  release();
  await Promise.all(waiting);
  assert.equal(upstream.asked.length, 3);
  assert.deepEqual(await sources(), { granted: 3, busy: 1, granted_stale: 1 });
});

Deno.test("CachingAuthorizer leaves places for others, whatever one address asks", async () => {
  using trial = heldUp({ places: 9 });
  const { ask, turnedAway, holdUp, release } = trial;
  await ask("good", "a");
  holdUp();
  const waiting = [1, 2, 3].map((i) => ask(`made-up-${i}`, "x"));
  assert.equal(await turnedAway("made-up-4", "x"), "share");
  assert.equal(await turnedAway("good-but-new", "x"), "share");
  waiting.push(
    ask("made-up-4", "x", "192.0.2.2"),
    ask("good", "b"),
    ask("other", "c", "198.51.100.1"),
    ask("other", "c", "2001:db8::1"),
  );
  release();
  await Promise.all(waiting);
});

Deno.test("CachingAuthorizer has places for tokens that were good, however many strangers come from anywhere", async () => {
  using trial = heldUp({ places: 8, maxWaiting: 8 });
  const { ask, turnedAway, holdUp, release } = trial;
  await ask("good", "a");
  holdUp();
  const waiting = Array.from({ length: 16 }, (_, i) => ask(`made-up-${i}`, "x", `10.0.${i}.1`));
  assert.equal(await turnedAway("made-up", "x", "10.1.0.1"), "wait");
  waiting.push(ask("good", "b"), ask("good", "c"));
  release();
  assert.deepEqual(await Promise.all(waiting), Array(18).fill("late"));
});

Deno.test("CachingAuthorizer lets who finds no place wait in the line, and give up their place there", async () => {
  using trial = heldUp({ places: 1, maxWaiting: 2 });
  const { upstream, cache, ask, turnedAway, holdUp, release, timers } = trial;
  holdUp();
  const waiting = [ask("first", "c"), ask("second", "c")];
  const stop = new AbortController();
  const impatient = cache.authorize("third", "c", { ...asker, signal: stop.signal });
  assert.equal(await turnedAway("fourth", "c"), "share");
  stop.abort(new Error("gave up"));
  await assert.rejects(impatient, /gave up/);
  const patient = ask("third", "c");
  await timers.tickAsync(4_999);
  release();
  assert.deepEqual(await Promise.all([...waiting, patient]), ["late", "late", "late"]);
  assert.deepEqual(upstream.asked, ["first c", "second c", "third c"]);
  assert.equal(cache.size, 3);
});

Deno.test("CachingAuthorizer turns away who has waited too long, or answers from memory", async () => {
  using trial = heldUp({ places: 1, maxWaiting: 10 });
  const { ask, turnedAway, clock, holdUp, release, timers } = trial;
  await ask("good", "known");
  clock.now = 10 * MINUTE;
  holdUp();
  const first = [ask("first", "c"), ask("good", "c")];
  const waiting = [turnedAway("second", "c"), ask("good", "known")];
  await timers.tickAsync(5_000);
  assert.deepEqual(await Promise.all(waiting), ["wait", "account"]);
  release();
  assert.deepEqual(await Promise.all(first), ["late", "late"]);
});

Deno.test("CachingAuthorizer ends a question that is not answered in time", async () => {
  const { upstream, ask } = setUp({ timeoutMs: 20 });
  upstream.answer = ({ signal }) => {
    const { promise, reject } = Promise.withResolvers<Authorization>();
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    return promise;
  };
  await assert.rejects(ask(), { name: "TimeoutError" });
});

Deno.test("CachingAuthorizer tells its questions, lines and answers from the start", async () => {
  const { registry, ask, upstream, refused } = setUp();
  const lines = async () => (await registry.metrics()).split("\n").filter((line) => /^telemeter\S+ \d/.test(line));
  const zeros = (await lines()).filter((line) => line.endsWith(" 0"));
  assert.equal(zeros.length, (await lines()).length);
  for (
    const series of [
      "telemeter_authorizer_questions",
      "telemeter_authorizer_waiting",
      'telemeter_authorizer_turned_away_total{reason="share"}',
      'telemeter_authorizer_turned_away_total{reason="wait"}',
      'telemeter_authorizer_turned_away_total{reason="gone"}',
      'telemeter_server_authorizations_total{source="granted"}',
      "telemeter_authorizer_question_seconds_count",
    ]
  ) assert.ok(zeros.includes(`${series} 0`), series);
  await ask("t", "a");
  upstream.refuse(403);
  await refused(403, "t", "b");
  assert.ok((await lines()).includes("telemeter_authorizer_question_seconds_count 2"));
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
