import assert from "node:assert/strict";
import type { MemoryState } from "../../../server/limits/memory_guard.ts";
import { MemoryGuarded } from "../../../server/pushes/memory_guarded.ts";
import type { Push, PushReceipt } from "../../../server/pushes/push.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const BODY = new TextEncoder().encode("body");

/** A stage with so much memory behind it, before one that reads the body. */
function open(state: MemoryState) {
  const memory = { state, expected: [] as number[] };
  const events: string[] = [];
  const stage = new MemoryGuarded({
    async accept(push: Push): Promise<PushReceipt> {
      events.push(`${push.id} ${(await push.body()).length}`);
      return { result: "stored" };
    },
  }, {
    get state() {
      return memory.state;
    },
    expect(bytes) {
      events.push(`expects ${bytes}`);
      return { [Symbol.dispose]: () => void events.push(`no longer ${bytes}`) };
    },
  });
  return { stage, events };
}

function push(body: () => Promise<Uint8Array>): Push {
  const labels = new Map([["_id", "a"]]);
  return { id: "a", labels, contentType: "text", contentEncoding: "identity", receivedAtMs: 1, maxBytes: 10, body };
}

for (const state of ["room", "short"] as const) {
  Deno.test(`MemoryGuarded counts a body while it is on its way, where there is ${state}`, async () => {
    const { stage, events } = open(state);
    assert.deepEqual(await stage.accept(push(() => Promise.resolve(BODY))), { result: "stored" });
    assert.deepEqual(events, ["expects 10", "no longer 10", "a 4"]);
  });
}

Deno.test("MemoryGuarded counts no body any more that does not come", async () => {
  const { stage, events } = open("room");
  await assert.rejects(stage.accept(push(() => Promise.reject(new Error("gone")))), /gone/);
  assert.deepEqual(events, ["expects 10", "no longer 10"]);
});

Deno.test("MemoryGuarded lets no body in where memory is full", async () => {
  const { stage, events } = open("full");
  const refused = stage.accept(push(() => assert.fail("read")));
  await assert.rejects(refused, { code: "capacity", reason: "memory" });
  assert.deepEqual(events, []);
});
