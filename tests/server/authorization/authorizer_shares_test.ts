import assert from "node:assert/strict";
import { install } from "@sinonjs/fake-timers";
import { Registry } from "prom-client";
import { type Authorization, AuthorizationRefused } from "../../../server/authorization/authorizer.ts";
import { CachingAuthorizer } from "../../../server/authorization/authorizer_cache.ts";
import { SharingAuthorizer, type SharingAuthorizerOptions } from "../../../server/authorization/authorizer_shares.ts";
import { type FairSharesOptions, NoPlaceError } from "../../../server/limits/fair_shares.ts";
import { recordingLog } from "../../support/recording_log.ts";
import { SettableAuthorizer } from "../../support/settable_authorizer.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const MINUTE = 60_000;
const { signal } = new AbortController();
const ADDRESS = "192.0.2.1";
const asker = { signal, address: ADDRESS };

/** An authorizer whose answers come when the test says so, shared out and remembered as the server does it. */
class Trial implements Disposable {
  readonly clock = install({ toFake: ["setTimeout", "clearTimeout"] });
  readonly upstream = new SettableAuthorizer();
  readonly registry = new Registry();
  readonly #held = Promise.withResolvers<Authorization>();
  /** Shares questions out. */
  readonly sharing: SharingAuthorizer;
  /** Remembers answers before that. */
  readonly authorizer: CachingAuthorizer;
  /** The time by which answers are remembered. */
  now = 0;

  constructor({ timeoutMs, ...limits }: Partial<FairSharesOptions> & Pick<SharingAuthorizerOptions, "timeoutMs"> = {}) {
    const few = { places: 4, maxWaiting: 0, patienceMs: 5_000, penaltyMs: 0, now: () => this.clock.now };
    const { registry } = this;
    this.sharing = new SharingAuthorizer(this.upstream, { limits: { ...few, ...limits }, timeoutMs, registry });
    this.authorizer = new CachingAuthorizer(this.sharing, { registry, log: recordingLog().log, now: () => this.now });
  }

  /** Asks about a token and a cluster. */
  async ask(token: string, id: string, address = ADDRESS): Promise<string> {
    return (await this.authorizer.authorize(token, id, { signal, address })).accountId;
  }

  /** Asks, and expects that there is no place. */
  async turnedAway(token: string, id: string, address = ADDRESS): Promise<string> {
    const error = await this.ask(token, id, address).catch((error) => error);
    assert.ok(error instanceof NoPlaceError, String(error));
    return error.reason;
  }

  /** Lets no answer through until `release()`. */
  holdUp() {
    this.upstream.answer = () => this.#held.promise;
  }

  release() {
    this.#held.resolve({ accountId: "late" });
  }

  /** The series of the registry that are not 0. */
  async counted(): Promise<Record<string, number>> {
    const lines = (await this.registry.metrics()).split("\n").filter((line) => /^telemeter\S+ \d+$/.test(line));
    const series = lines.map((line) => line.split(" ")).filter(([name]) => !name.includes("_seconds"));
    return Object.fromEntries(series.map(([name, value]) => [name, Number(value)]).filter(([, value]) => value !== 0));
  }

  [Symbol.dispose]() {
    this.clock.uninstall();
  }
}

Deno.test("SharingAuthorizer has only so many questions under way, and answers the known from memory then", async () => {
  using trial = new Trial();
  await trial.ask("t", "known");
  trial.now = 10 * MINUTE;
  trial.holdUp();
  // A token that was good has half of the places.
  const waiting = [1, 2].map((i) => trial.ask("t", `c${i}`));
  assert.equal(await trial.turnedAway("t", "c3"), "share");
  assert.equal(await trial.ask("t", "known"), "account");
  assert.equal(trial.authorizer.size, 3);
  trial.release();
  await Promise.all(waiting);
  assert.equal(trial.upstream.asked.length, 3);
  assert.deepEqual(await trial.counted(), {
    'telemeter_server_authorizations_total{source="granted"}': 3,
    'telemeter_server_authorizations_total{source="granted_stale"}': 1,
    'telemeter_server_authorizations_total{source="busy"}': 1,
    'telemeter_authorizer_turned_away_total{reason="share"}': 2,
  });
});

Deno.test("SharingAuthorizer leaves places for others, whatever one address asks", async () => {
  using trial = new Trial({ places: 9 });
  await trial.ask("good", "a");
  trial.holdUp();
  const waiting = [1, 2, 3].map((i) => trial.ask(`made-up-${i}`, "x"));
  assert.equal(await trial.turnedAway("made-up-4", "x"), "share");
  assert.equal(await trial.turnedAway("good-but-new", "x"), "share");
  waiting.push(
    trial.ask("made-up-4", "x", "192.0.2.2"),
    trial.ask("good", "b"),
    trial.ask("other", "c", "198.51.100.1"),
    trial.ask("other", "c", "2001:db8::1"),
  );
  trial.release();
  await Promise.all(waiting);
});

Deno.test("SharingAuthorizer has places for tokens that were good, however many strangers come from anywhere", async () => {
  using trial = new Trial({ places: 8, maxWaiting: 8 });
  await trial.ask("good", "a");
  trial.holdUp();
  const waiting = Array.from({ length: 16 }, (_, i) => trial.ask(`made-up-${i}`, "x", `10.0.${i}.1`));
  assert.equal(await trial.turnedAway("made-up", "x", "10.1.0.1"), "wait");
  waiting.push(trial.ask("good", "b"), trial.ask("good", "c"));
  trial.release();
  assert.deepEqual(await Promise.all(waiting), Array(18).fill("late"));
});

Deno.test("SharingAuthorizer lets who finds no place wait in the line, and give up their place there", async () => {
  using trial = new Trial({ places: 1, maxWaiting: 2 });
  trial.holdUp();
  const waiting = [trial.ask("first", "c"), trial.ask("second", "c")];
  const stop = new AbortController();
  const impatient = trial.authorizer.authorize("third", "c", { ...asker, signal: stop.signal });
  assert.equal(await trial.turnedAway("fourth", "c"), "share");
  stop.abort(new Error("gave up"));
  await assert.rejects(impatient, /gave up/);
  const patient = trial.ask("third", "c");
  await trial.clock.tickAsync(4_999);
  trial.release();
  assert.deepEqual(await Promise.all([...waiting, patient]), ["late", "late", "late"]);
  assert.deepEqual(trial.upstream.asked, ["first c", "second c", "third c"]);
  assert.equal(trial.authorizer.size, 3);
});

Deno.test("SharingAuthorizer turns away who has waited too long, or answers from memory", async () => {
  using trial = new Trial({ places: 1, maxWaiting: 10 });
  await trial.ask("good", "known");
  trial.now = 10 * MINUTE;
  trial.holdUp();
  const first = [trial.ask("first", "c"), trial.ask("good", "c")];
  const waiting = [trial.turnedAway("second", "c"), trial.ask("good", "known")];
  await trial.clock.tickAsync(5_000);
  assert.deepEqual(await Promise.all(waiting), ["wait", "account"]);
  trial.release();
  assert.deepEqual(await Promise.all(first), ["late", "late"]);
});

Deno.test("SharingAuthorizer ends a question that is not answered in time, the wait for its turn included", async () => {
  using trial = new Trial({ places: 1, maxWaiting: 1, timeoutMs: 6_000 });
  trial.upstream.answer = ({ signal }) => {
    const { promise, reject } = Promise.withResolvers<Authorization>();
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    return promise;
  };
  const ended: string[] = [];
  const asked = ["first", "second"].map((token) => trial.ask(token, "c").catch(({ name }) => ended.push(name)));
  await trial.clock.tickAsync(3_000);
  asked.push(trial.ask("good", "c").catch(({ name }) => ended.push(name)));
  await trial.clock.tickAsync(3_000);
  await Promise.all(asked);
  assert.deepEqual(ended, ["NoPlaceError", "NoPlaceError", "TimeoutError"]);
});

Deno.test("SharingAuthorizer no longer knows a token that the authorizer does not know any more", async () => {
  using trial = new Trial({ places: 3 });
  await trial.ask("good", "a");
  trial.upstream.refuse(401);
  await assert.rejects(trial.ask("good", "b"), AuthorizationRefused);
  trial.holdUp();
  const waiting = [trial.ask("made-up", "c"), trial.ask("made-up", "d", "198.51.100.1")];
  const other = trial.ask("made-up", "e", "2001:db8::1");
  assert.equal(await trial.turnedAway("good", "f", "10.0.0.1"), "wait");
  trial.release();
  await Promise.all([...waiting, other]);
});

Deno.test("SharingAuthorizer tells its questions and lines, from the start", async () => {
  using trial = new Trial({ places: 1, maxWaiting: 2 });
  const text = await trial.registry.metrics();
  const series = [
    "telemeter_authorizer_questions",
    "telemeter_authorizer_waiting",
    ...["share", "wait", "gone"].map((reason) => `telemeter_authorizer_turned_away_total{reason="${reason}"}`),
    "telemeter_authorizer_question_seconds_count",
  ];
  for (const name of series) assert.ok(text.includes(`\n${name} 0\n`), name);
  trial.holdUp();
  const stop = new AbortController();
  const asked = [trial.ask("first", "c"), trial.ask("second", "c")];
  const gone = trial.authorizer.authorize("third", "c", { ...asker, signal: stop.signal }).catch(() => {});
  assert.deepEqual(await trial.counted(), { telemeter_authorizer_questions: 1, telemeter_authorizer_waiting: 2 });
  stop.abort();
  await gone;
  trial.release();
  await Promise.all(asked);
  assert.deepEqual(await trial.counted(), {
    'telemeter_server_authorizations_total{source="granted"}': 2,
    'telemeter_authorizer_turned_away_total{reason="gone"}': 1,
  });
  assert.ok((await trial.registry.metrics()).includes("\ntelemeter_authorizer_question_seconds_count 2\n"));
});
