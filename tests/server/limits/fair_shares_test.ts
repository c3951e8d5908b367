import assert from "node:assert/strict";
import { type Clock, install } from "@sinonjs/fake-timers";
import fc from "fast-check";
import { FairShares, type FairSharesOptions, NoPlaceError } from "../../../server/limits/fair_shares.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** Shares whose works end when the test says so. */
class Trial implements Disposable {
  readonly clock: Clock = install({ toFake: ["setTimeout", "clearTimeout"] });
  readonly shares: FairShares;
  /** Names of works in the order in which they began. */
  readonly begun: string[] = [];
  /** What became of each that has ended: "done", "failed", or the reason why it was not begun. */
  readonly ended: Record<string, string> = {};
  /** When those that were refused may come back, in milliseconds. */
  readonly retries: Record<string, number> = {};
  readonly #works = new Map<string, PromiseWithResolvers<void>>();
  readonly #signals = new Map<string, AbortController>();

  constructor(options: Partial<FairSharesOptions> = {}) {
    this.shares = new FairShares({
      places: 8,
      maxWaiting: 100,
      patienceMs: 5_000,
      penaltyMs: 1_000,
      now: () => this.clock.now,
      random: () => 0,
      ...options,
    });
  }

  /** Asks for a work, named for its path and a number: `net/address 1`. */
  async ask(...names: string[]) {
    for (const name of names) {
      const work = Promise.withResolvers<void>(), stop = new AbortController();
      this.#works.set(name, work);
      this.#signals.set(name, stop);
      const begin = () => {
        this.begun.push(name);
        return work.promise;
      };
      const settle = (how: string) => {
        this.ended[name] = how;
      };
      this.shares.run(begin, { path: name.split(" ")[0].split("/"), signal: stop.signal }).then(
        () => settle("done"),
        (error) => {
          if (error instanceof NoPlaceError) this.retries[name] = error.retryAfterMs;
          settle(error instanceof NoPlaceError ? error.reason : error.message);
        },
      );
    }
    await this.settled();
  }

  async end(...names: string[]) {
    for (const name of names) this.#works.get(name)!.resolve();
    await this.settled();
  }

  async fail(...names: string[]) {
    for (const name of names) this.#works.get(name)!.reject(new Error("failed"));
    await this.settled();
  }

  async giveUp(name: string) {
    this.#signals.get(name)!.abort(new Error("gave up"));
    await this.settled();
  }

  async pass(ms: number) {
    await this.clock.tickAsync(ms);
  }

  /** Lets all that is due happen. */
  async settled() {
    await this.clock.tickAsync(0);
  }

  [Symbol.dispose]() {
    this.clock.uninstall();
  }
}

const many = (path: string, count: number) => Array.from({ length: count }, (_, i) => `${path} ${i}`);

Deno.test("FairShares gives a sender that is alone half of all places, and always leaves one for the next", async () => {
  using trial = new Trial();
  const { shares } = trial;
  await trial.ask(...many("a", 20));
  assert.deepEqual([shares.underWay, shares.waiting], [4, 16]);
  await trial.ask(...many("b", 20));
  assert.equal(shares.underWay, 6, "b has half of what is left");
  await trial.ask(...many("c", 20));
  assert.equal(shares.underWay, 7);
  await trial.ask("d 0");
  assert.equal(shares.underWay, 8);
  assert.ok(trial.begun.includes("d 0"));
});

Deno.test("FairShares shares what a sender has among those below it", async () => {
  using trial = new Trial({ places: 24 });
  await trial.ask(...many("net/a", 20));
  assert.equal(trial.shares.underWay, 8, "an address that is alone has a third");
  await trial.ask(...many("net/b", 20));
  assert.equal(trial.begun.filter((name) => name.startsWith("net/b")).length, 3);
  await trial.ask(...many("other/c", 20));
  assert.ok(trial.begun.includes("other/c 0"));
});

Deno.test("FairShares lets those who wait have their turns one after the other, each in the order of its asking", async () => {
  using trial = new Trial({ places: 1 });
  await trial.ask("a 0", "a 1", "a 2", "a 3", "b 1", "b 2", "c/x 1", "c/x 2", "c/y 1");
  for (let at = 0; at < 8; at++) await trial.end(trial.begun[at]);
  assert.deepEqual(trial.begun, ["a 0", "a 1", "b 1", "c/x 1", "a 2", "b 2", "c/y 1", "a 3", "c/x 2"]);
});

Deno.test("FairShares counts a work that came to nothing for its sender a while longer, and for nobody else", async () => {
  using trial = new Trial({ places: 2 });
  await trial.ask("a 0", "a 1");
  await trial.fail("a 0");
  assert.deepEqual(trial.begun, ["a 0", "a 1"], "what is free is as much as it holds");
  await trial.fail("a 1");
  await trial.ask("a 2", "b 0");
  assert.deepEqual(trial.begun.slice(2), ["b 0"]);
  await trial.end("b 0");
  await trial.pass(999);
  assert.equal(trial.shares.waiting, 1);
  await trial.pass(1);
  assert.deepEqual(trial.begun.slice(3), ["a 2"]);
  await trial.end("a 2");
  assert.deepEqual(trial.ended, { "a 0": "failed", "a 1": "failed", "b 0": "done", "a 2": "done" });
});

Deno.test("FairShares refuses the newest of the longest line when there is no room to wait", async () => {
  using trial = new Trial({ places: 1, maxWaiting: 4 });
  await trial.ask("a 0", "a 1", "a 2", "a 3", "a 4");
  await trial.ask("a 5");
  assert.deepEqual(trial.ended, { "a 5": "share" });
  await trial.ask("b 1", "b 2");
  assert.deepEqual(trial.ended, { "a 5": "share", "a 4": "share", "a 3": "share" });
  assert.equal(trial.shares.waiting, 4);
});

Deno.test("FairShares pushes out nobody who waits for who has as many in line", async () => {
  using trial = new Trial({ places: 1, maxWaiting: 2 });
  await trial.ask("net/a 0", "net/b 1", "net/c 1", "net/d 1", "net/e 1");
  assert.deepEqual(trial.ended, { "net/d 1": "share", "net/e 1": "share" });
  await trial.ask("other/x 1");
  assert.deepEqual(trial.ended, { "net/d 1": "share", "net/e 1": "share", "net/c 1": "share" });
});

Deno.test("FairShares does not blame a sender for the line that others make", async () => {
  using trial = new Trial({ places: 1, maxWaiting: 2 });
  await trial.ask("a 0", "b 1", "c 1", "d 1");
  assert.deepEqual(trial.ended, { "d 1": "wait" });
});

Deno.test("FairShares lets nobody wait for longer than its patience", async () => {
  using trial = new Trial({ places: 1 });
  await trial.ask("a 0", "a 1");
  await trial.pass(3_000);
  await trial.ask("b 1");
  await trial.pass(1_999);
  assert.deepEqual(trial.ended, {});
  await trial.pass(1);
  assert.deepEqual(trial.ended, { "a 1": "wait" });
  await trial.pass(3_000);
  assert.deepEqual(trial.ended, { "a 1": "wait", "b 1": "wait" });
});

Deno.test("FairShares frees the place in the line of whoever gives up, and lets what has begun go on", async () => {
  using trial = new Trial({ places: 1, maxWaiting: 2 });
  await trial.ask("a 0", "a 1", "b 1");
  await trial.giveUp("a 1");
  await trial.ask("c 1");
  assert.deepEqual(trial.ended, { "a 1": "gave up" });
  await trial.giveUp("a 0");
  await trial.end("a 0");
  assert.deepEqual(trial.begun, ["a 0", "b 1"]);
  assert.deepEqual(trial.ended, { "a 1": "gave up", "a 0": "done" });
});

Deno.test("FairShares begins nothing for who has given up before", async () => {
  using trial = new Trial();
  const signal = AbortSignal.abort(new Error("gone"));
  await assert.rejects(
    trial.shares.run(() => Promise.reject(new Error("begun")), { path: ["a"], signal }),
    /gone/,
  );
  assert.equal(trial.shares.senders, 0);
});

Deno.test("FairShares says when to come back: when the line of a sender has had its turns", async () => {
  using trial = new Trial({ places: 2, maxWaiting: 10, patienceMs: 60_000 });
  await trial.ask("a 0");
  await trial.pass(4_000);
  await trial.ask(...many("a", 12).slice(1));
  // Ten wait for one place, which the oldest work has held for 4 s.
  assert.deepEqual(trial.retries, { "a 11": 44_000 });
  await trial.ask("b 0", "b 1");
  assert.deepEqual(trial.retries, { "a 11": 44_000, "a 10": 40_000 });
  using spread = new Trial({ places: 1, maxWaiting: 2, random: () => 1 });
  await spread.ask("a 0", "a 1", "a 2", "a 3");
  assert.deepEqual(spread.retries, { "a 3": 1_500 }, "a second at least, half as much again at most");
});

Deno.test("FairShares forgets senders that neither work nor wait", async () => {
  using trial = new Trial({ places: 1 });
  await trial.ask("net/a 0", "net/b 0", "other 0");
  assert.equal(trial.shares.senders, 4);
  await trial.end("net/a 0");
  assert.equal(trial.shares.senders, 3);
  await trial.fail("net/b 0");
  await trial.pass(1_000);
  await trial.end("other 0");
  assert.equal(trial.shares.senders, 0);
});

Deno.test("FairShares keeps its account whatever happens in whatever order", async () => {
  const sender = fc.constantFrom("a/x", "a/y", "b/x", "c");
  const act = fc.tuple(fc.constantFrom("ask", "ask", "end", "fail", "give up", "pass"), sender, fc.nat(3_000));
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 60, size: "max" }), async (acts) => {
      using trial = new Trial({ places: 4, maxWaiting: 6 });
      const { shares } = trial;
      const asked: string[] = [];
      const open = () => asked.filter((name) => trial.ended[name] === undefined);
      const working = () => open().filter((name) => trial.begun.includes(name));
      for (const [what, path, number] of acts) {
        const [first] = working();
        if (what === "ask") {
          asked.push(`${path} ${asked.length}`);
          await trial.ask(asked.at(-1)!);
        } else if (what === "pass") await trial.pass(number);
        else if (what === "end" && first !== undefined) await trial.end(first);
        else if (what === "fail" && first !== undefined) await trial.fail(first);
        else if (what === "give up" && open().length > 0) await trial.giveUp(open()[number % open().length]);
        assert.equal(shares.underWay, working().length);
        assert.equal(shares.waiting, open().length - working().length);
        assert.ok(shares.underWay <= 4 && shares.waiting <= 6);
      }
      for (let turn = 0; turn < 100 && open().length > 0; turn++) {
        await trial.end(...working());
        await trial.pass(100);
      }
      await trial.pass(5_000);
      assert.deepEqual(open(), [], "what waits has its turn");
      await trial.ask("last 0");
      await trial.end("last 0");
      assert.deepEqual([shares.senders, trial.ended["last 0"]], [0, "done"]);
    }),
    { numRuns: 200 },
  );
});
