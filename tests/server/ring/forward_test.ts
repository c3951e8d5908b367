/** What a client is told, by how the ring ended its push. */

import assert from "node:assert/strict";
import { Registry } from "prom-client";
import { HttpError } from "../../../common/http/http.ts";
import type { Outcome } from "../../../ring/protocol/effects.ts";
import { madeBytes, type PushBytes } from "../../../ring/protocol/push_bytes.ts";
import { decodePush } from "../../../server/ring/push_encoding.ts";
import { Forward } from "../../../server/ring/forward.ts";
import type { Push } from "../../../server/pushes/push.ts";
import { PushRefusal } from "../../../server/pushes/refusal.ts";
import { writeReceipt } from "../../../server/remote_write/write_receipt.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const BODY = new TextEncoder().encode("body");
const PUSH: Push = {
  id: "a",
  labels: new Map([["_id", "a"]]),
  contentType: "text",
  contentEncoding: "identity",
  receivedAtMs: 1,
  maxBytes: 3,
  body: () => Promise.resolve(BODY),
};

/** Forwards through a ring that ends every push in the same way. */
function forwardTo(outcome: Outcome, { isJustOver = false }: { isJustOver?: boolean } = {}) {
  const registry = new Registry();
  const pushed: { id: string; bytes: PushBytes }[] = [];
  const ring = {
    push: (id: string, bytes: PushBytes) => {
      pushed.push({ id, bytes });
      return Promise.resolve(outcome);
    },
  };
  const forward = new Forward({ ring, limitBytes: 1_000, standstill: { isJustOver }, registry });
  const counted = async () => {
    const { values } = await registry.getSingleMetric("telemeter_server_cluster_forward")!.get();
    return Object.fromEntries(
      values.filter(({ value }) => value > 0).map(({ labels, value }) => [labels.result, value]),
    );
  };
  return { forward, pushed, counted };
}

Deno.test("Forward takes no push that lay in a socket while the process stood still", async () => {
  const { forward, pushed } = forwardTo({ result: "stored" }, { isJustOver: true });
  await assert.rejects(
    forward.accept(PUSH),
    (error) => error instanceof PushRefusal && error.kind === "ring_views_differ",
  );
  assert.deepEqual(pushed, []);
});

for (const result of ["stored", "dup", "stale"] as const) {
  Deno.test(`Forward takes ${result} for success, and counts it`, async () => {
    const { forward, pushed, counted } = forwardTo({ result });
    assert.deepEqual(await forward.accept(PUSH), { result });
    assert.deepEqual(await counted(), { [result]: 1 });
    const { labels, contentType, contentEncoding } = PUSH;
    assert.equal(pushed[0].id, "a");
    assert.deepEqual(decodePush(madeBytes(pushed[0].bytes)), { labels, contentType, contentEncoding, body: BODY });
  });
}

Deno.test("Forward passes on what the owner left out of a push", async () => {
  const receipt = { result: "stored", remark: "Left out x" } as const;
  assert.deepEqual(await forwardTo(receipt).forward.accept(PUSH), receipt);
});

Deno.test("Forward passes on what the owner counted of a request of remote write", async () => {
  const write = { received: { samples: 7, histograms: 2 }, lost: { samples: 1, histograms: 0 }, exemplars: 3 };
  const request = { ...PUSH, contentType: "remote write 2.0", contentEncoding: "snappy" } as const;
  for (const told of [undefined, "Left out x\nLeft out y"]) {
    const remark = writeReceipt(write, told);
    const receipt = await forwardTo({ result: "stored", remark }).forward.accept(request);
    assert.deepEqual(receipt, { result: "stored", write, ...told === undefined ? {} : { remark: told } });
  }
});

Deno.test("Forward has a request of remote write sent again that another one has overtaken, as it was not merged", async () => {
  const request = { ...PUSH, contentType: "remote write 1.0", contentEncoding: "snappy" } as const;
  await assert.rejects(
    forwardTo({ result: "stale" }).forward.accept(request),
    (error: HttpError) => error.status === 503,
  );
  assert.deepEqual(await forwardTo({ result: "dup" }).forward.accept(request), { result: "dup" });
});

for (const reason of ["fenced", "busy", "owner-busy", "unreachable", "views-differ", "store", "no-copy"] as const) {
  Deno.test(`Forward answers 503 with Retry-After where a push was not taken: ${reason}`, async () => {
    const { forward, counted } = forwardTo({ result: "rejected", reason, retryMs: 7_300 });
    await assert.rejects(forward.accept(PUSH), (error) => {
      assert.ok(error instanceof HttpError);
      assert.deepEqual([error.status, error.reason], [503, `ring_${reason.replace("-", "_")}`]);
      assert.equal(new Headers(error.headers).get("retry-after"), "8");
      assert.match(error.message, /try again later$/);
      return true;
    });
    assert.deepEqual(await counted(), { rejected: 1 });
  });
}

Deno.test("Forward tells the client what the owner found wrong", async () => {
  const refused = { reason: "invalid identity", detail: "Cannot accept the push: a series has another _id" };
  const { forward } = forwardTo({ result: "rejected", reason: "refused", refused });
  await assert.rejects(
    forward.accept(PUSH),
    (error) => {
      assert.ok(error instanceof PushRefusal);
      const { kind, status, reason, message } = error;
      assert.deepEqual([kind, status, reason, message], ["invalid", 400, "identity", refused.detail]);
      return true;
    },
  );
});

Deno.test("Forward answers 413 where no member takes so much", async () => {
  const { forward } = forwardTo({ result: "rejected", reason: "too-big" });
  await assert.rejects(forward.accept(PUSH), (error) => error instanceof HttpError && error.status === 413);
});
