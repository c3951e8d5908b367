import assert from "node:assert/strict";
import fc from "fast-check";
import {
  Buckets,
  PushLimiter,
  type Reservation,
  retryAfterSeconds,
  type TooEarly,
} from "../../../server/limits/rate_limit.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const MINUTE = 60_000;

function held(admission: Reservation | TooEarly): Reservation {
  assert(!("retryAfterMs" in admission), `refused for ${"retryAfterMs" in admission && admission.retryAfterMs} ms`);
  return admission;
}

function refused(admission: Reservation | TooEarly): number {
  assert("retryAfterMs" in admission, "admitted");
  return admission.retryAfterMs;
}

Deno.test("Buckets.take() lets a burst through, then one an interval, and says how long to wait", () => {
  const buckets = new Buckets({ burst: 3, intervalMs: 1_000 });
  const waits = [0, 0, 0, 0, 400, 1_000, 1_000, 9_000, 9_000, 9_000, 9_000].map((now) => buckets.take("k", now));
  assert.deepEqual(waits, [0, 0, 0, 1_000, 600, 0, 1_000, 0, 0, 0, 1_000]);
});

Deno.test("Buckets.take() keeps keys apart", () => {
  const buckets = new Buckets({ burst: 1, intervalMs: 1_000 });
  assert.equal(buckets.take("a", 0), 0);
  assert.equal(buckets.take("b", 0), 0);
  assert.equal(buckets.take("a", 0), 1_000);
});

Deno.test("Buckets.take() behaves as a bucket that is refilled by the clock", () => {
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 5 }),
    fc.integer({ min: 1, max: 50 }),
    fc.array(fc.integer({ min: 0, max: 60 }), { maxLength: 60, size: "max" }),
    (burst, intervalMs, steps) => {
      const buckets = new Buckets({ burst, intervalMs });
      let now = 0, filled = burst, at = 0;
      for (const step of steps) {
        now += step;
        // The independent reading: a bucket that holds fractions.
        filled = Math.min(burst, filled + (now - at) / intervalMs);
        at = now;
        const allowed = filled >= 1 - 1e-9;
        assert.equal(buckets.take("k", now) === 0, allowed);
        if (allowed) filled -= 1;
      }
    },
  ));
});

Deno.test("Buckets with an interval of 0 limit nothing and hold nothing", () => {
  const buckets = new Buckets({ burst: 1, intervalMs: 0 });
  for (let i = 0; i < 100; i++) assert.equal(buckets.take("k", 0), 0);
  assert.equal(buckets.size, 0);
});

Deno.test("Buckets hold no more than 'maxKeys' of 100,000 keys, and drop the ones used longest ago", () => {
  const buckets = new Buckets({ burst: 1, intervalMs: MINUTE, maxKeys: 1_000 });
  for (let i = 0; i < 100_000; i++) {
    assert.equal(buckets.take(`id-${i}`, i % 7), 0);
    assert(buckets.size <= 1_000);
  }
  assert(buckets.size >= 500);
  for (let i = 99_500; i < 100_000; i++) assert(buckets.waitMs(`id-${i}`, 10) > 0, `id-${i}`);
  assert.equal(buckets.waitMs("id-98999", 10), 0);
});

Deno.test("Buckets forget 100,000 keys that are full again, as others come", () => {
  const buckets = new Buckets({ burst: 2, intervalMs: 1_000, maxKeys: 1_000_000 });
  for (let i = 0; i < 100_000; i++) buckets.take(`id-${i}`, 0);
  assert.equal(buckets.size, 100_000);
  buckets.take("one", 2_000);
  buckets.take("one", 4_000);
  assert.equal(buckets.size, 1);
});

Deno.test("Buckets keep a key that is in use although many others come", () => {
  const buckets = new Buckets({ burst: 2, intervalMs: MINUTE, maxKeys: 100 });
  buckets.take("busy", 0);
  for (let i = 0; i < 10_000; i++) {
    buckets.take(`id-${i}`, 0);
    if (i % 50 === 0) buckets.charge("busy", 0);
  }
  assert(buckets.waitMs("busy", 0) > 0);
});

Deno.test("Buckets.charge() leaves no debt behind", () => {
  const buckets = new Buckets({ burst: 2, intervalMs: 1_000 });
  for (let i = 0; i < 100; i++) buckets.charge("k", 0);
  assert.equal(buckets.waitMs("k", 0), 1_000);
  assert.equal(buckets.waitMs("k", 1_000), 0);
});

Deno.test("Buckets lock nobody out when the clock is set back", () => {
  const buckets = new Buckets({ burst: 2, intervalMs: 1_000 });
  for (const now of [100_000, 100_000, 5_000, 5_000]) assert.equal(buckets.take("k", now), 0);
  assert.equal(buckets.take("k", 5_000), 1_000);
});

Deno.test("Buckets refuse bounds that make no sense", () => {
  for (const bad of [{ burst: 0, intervalMs: 1 }, { burst: 1, intervalMs: -1 }, { burst: NaN, intervalMs: 1 }]) {
    assert.throws(() => new Buckets(bad), RangeError);
  }
  assert.throws(() => new Buckets({ burst: 1, intervalMs: 1, maxKeys: 0 }), RangeError);
});

Deno.test("PushLimiter.reserve() admits the next push an interval after the accepted one arrived", () => {
  const limiter = new PushLimiter({ intervalMs: 4.5 * MINUTE });
  const first = held(limiter.reserve("c", 1_000));
  first.commit();
  assert.equal(refused(limiter.reserve("c", 1_001)), 4.5 * MINUTE - 1);
  assert.equal(refused(limiter.reserve("c", 4.5 * MINUTE + 999)), 1);
  held(limiter.reserve("c", 4.5 * MINUTE + 1_000)).commit();
  held(limiter.reserve("other", 2_000));
});

Deno.test("PushLimiter.reserve() admits one push of a cluster at a time", () => {
  const limiter = new PushLimiter({ intervalMs: MINUTE });
  const first = held(limiter.reserve("c", 0));
  assert(refused(limiter.reserve("c", 0)) > 0);
  first.release();
  const second = held(limiter.reserve("c", 1));
  second.commit();
  assert.equal(refused(limiter.reserve("c", 2)), MINUTE - 1);
});

Deno.test("PushLimiter does not charge a push that was not accepted", () => {
  const limiter = new PushLimiter({ intervalMs: MINUTE });
  held(limiter.reserve("c", 0)).refuse();
  held(limiter.reserve("c", 0)).release();
  {
    using _left = held(limiter.reserve("c", 0));
  }
  held(limiter.reserve("c", 0)).commit();
});

Deno.test("PushLimiter settles a reservation once", () => {
  const limiter = new PushLimiter({ intervalMs: MINUTE, refusedBurst: 1, refusedIntervalMs: MINUTE });
  {
    using reservation = held(limiter.reserve("c", 0));
    reservation.release();
    const next = held(limiter.reserve("c", 0));
    reservation.commit();
    reservation.refuse();
    assert(refused(limiter.reserve("c", 0)) > 0, "the settled one must not free the other's place");
    next.release();
  }
  held(limiter.reserve("c", 0));
});

Deno.test("PushLimiter.reserve() turns a cluster away after a burst of refused pushes, and takes it back with time", () => {
  const limiter = new PushLimiter({ intervalMs: MINUTE, refusedBurst: 3, refusedIntervalMs: 20_000 });
  for (let i = 0; i < 3; i++) held(limiter.reserve("c", 0)).refuse();
  assert.equal(refused(limiter.reserve("c", 0)), 20_000);
  held(limiter.reserve("innocent", 0));
  held(limiter.reserve("c", 20_000)).refuse();
  assert.equal(refused(limiter.reserve("c", 20_000)), 20_000);
});

Deno.test("PushLimiter.reserve() says whether it is refused pushes that the cluster has to wait for, or its last one", () => {
  const limiter = new PushLimiter({ intervalMs: MINUTE, refusedBurst: 1, refusedIntervalMs: 20_000 });
  const tooEarly = (now: number) => {
    const admission = limiter.reserve("c", now);
    return "retryAfterMs" in admission ? [admission.kind, admission.retryAfterMs] : held(admission);
  };
  held(limiter.reserve("c", 0)).refuse();
  assert.deepEqual(tooEarly(0), ["refused_often", 20_000]);
  const push = held(limiter.reserve("c", 20_000));
  assert.deepEqual(tooEarly(20_000), ["rate", 1_000], "one that is being read decides what comes then");
  push.commit();
  assert.deepEqual(tooEarly(20_000), ["rate", MINUTE]);
});

Deno.test("PushLimiter charges a push that its client has abandoned a quarter of a refused one", () => {
  const limiter = new PushLimiter({ intervalMs: MINUTE, refusedBurst: 3, refusedIntervalMs: 20_000 });
  for (let i = 0; i < 9; i++) held(limiter.reserve("c", 0)).abandon();
  assert.equal(refused(limiter.reserve("c", 0)), 5_000);
  held(limiter.reserve("c", 5_000)).abandon();
  assert.equal(refused(limiter.reserve("c", 5_000)), 5_000);
  assert.equal(held(limiter.reserve("d", 5_000)).refuse(), undefined, "the limit is a cluster's own");
});

Deno.test("PushLimiter never turns away a client on a bad line, whose pushes break off every five seconds", () => {
  const limiter = new PushLimiter({ intervalMs: 4.5 * MINUTE });
  for (let now = 0; now < 1_000 * MINUTE; now += 5_000) held(limiter.reserve("c", now)).abandon();
});

Deno.test("PushLimiter lets a client with a fault come back each minute for ever, as those of openshift/telemeter do", () => {
  const limiter = new PushLimiter({ intervalMs: 4.5 * MINUTE });
  for (let now = 0; now < 1_000 * MINUTE; now += MINUTE) held(limiter.reserve("c", now)).refuse();
});

Deno.test("PushLimiter with an interval of 0 accepts any rate, but not of refused pushes", () => {
  const limiter = new PushLimiter({ intervalMs: 0, refusedBurst: 1 });
  const both = [held(limiter.reserve("c", 0)), held(limiter.reserve("c", 0))];
  for (const reservation of both) reservation.commit();
  held(limiter.reserve("c", 0)).refuse();
  assert(refused(limiter.reserve("c", 0)) > 0);
  assert.equal(limiter.size, 1);
});

Deno.test("PushLimiter.charge() counts a push that did not ask", () => {
  const limiter = new PushLimiter({ intervalMs: MINUTE });
  limiter.charge("c", 0);
  assert.equal(refused(limiter.reserve("c", 1)), MINUTE - 1);
});

Deno.test("PushLimiter stays within its bound over 100,000 clusters that come and go", () => {
  const limiter = new PushLimiter({ intervalMs: MINUTE, maxClusters: 5_000 });
  for (let i = 0; i < 100_000; i++) {
    const reservation = held(limiter.reserve(`id-${i}`, i));
    if (i % 2 === 0) reservation.commit();
    else reservation.refuse();
    assert(limiter.size <= 10_000);
  }
});

Deno.test("PushLimiter holds 100,000 clusters exactly, and forgets them once their interval is over", () => {
  const limiter = new PushLimiter({ intervalMs: MINUTE });
  for (let i = 0; i < 100_000; i++) held(limiter.reserve(`id-${i}`, 0)).commit();
  for (let i = 0; i < 100_000; i += 997) assert.equal(refused(limiter.reserve(`id-${i}`, 1)), MINUTE - 1);
  for (let i = 1; i <= 2; i++) held(limiter.reserve("one", MINUTE * i)).commit();
  assert.equal(limiter.size, 1);
});

Deno.test("retryAfterSeconds() rounds up to whole seconds, from one", () => {
  assert.deepEqual([0, 1, 999, 1_000, 1_001, 270_000].map(retryAfterSeconds), ["1", "1", "1", "1", "2", "270"]);
});
