import assert from "node:assert/strict";
import { install } from "@sinonjs/fake-timers";
import { Registry } from "prom-client";
import { UsageError } from "../../../common/options.ts";
import { PushStore } from "../../../server/store/push_store.ts";
import { KvConnectServer } from "../../support/kv_connect_server.ts";
import { recordingLog } from "../../support/recording_log.ts";
import { NOW, openTestStore, pushOf, TTL_MS } from "../../support/test_store.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const TOKEN = "access token of the tests";
const VARIABLE = "DENO_KV_ACCESS_TOKEN";

/** Sets the variable that Deno reads the access token from, until disposed of. */
function accessToken(token: string | undefined): Disposable {
  const before = Deno.env.get(VARIABLE);
  const set = (value: string | undefined) =>
    value === undefined ? Deno.env.delete(VARIABLE) : Deno.env.set(VARIABLE, value);
  set(token);
  return { [Symbol.dispose]: () => set(before) };
}

async function refusal(url: URL): Promise<string> {
  const { log } = recordingLog();
  const error = await PushStore.open({ place: { url }, ttlMs: TTL_MS, now: () => NOW, log, registry: new Registry() })
    .then(() => assert.fail("Was not refused"), (error) => error);
  assert.ok(error instanceof UsageError, String(error));
  return error.message;
}

Deno.test("PushStore keeps pushes in a Deno KV elsewhere", async () => {
  using _ = accessToken(TOKEN);
  await using server = new KvConnectServer(TOKEN);
  const pushes = [
    pushOf("a"),
    pushOf("ü\0😀", { bytes: 21_000, seed: 1 }),
    pushOf("large", { bytes: 1_500_000, seed: 2 }),
  ];
  {
    await using test = await openTestStore(server);
    assert.deepEqual(test.loaded, []);
    await Promise.all(pushes.map((push) => test.store.put(push)));
    await test.store.put(pushOf("gone", { bytes: 200_000, seed: 3 }));
    await test.store.delete("gone");
    await test.store.setMeta("incarnation", "1");
    assert.equal(test.store.sizes().fileBytes, undefined);
  }
  assert.deepEqual([...server.tokens], [`Bearer ${TOKEN}`]);
  await using test = await openTestStore(server);
  assert.deepEqual(new Map(test.loaded.map((push) => [push.id, push])), new Map(pushes.map((push) => [push.id, push])));
  assert.equal(await test.store.getMeta("incarnation"), "1");
  assert.equal(server.size, pushes.length + 1 + Math.ceil(1_500_000 / 65_536));
});

Deno.test("PushStore finds out what became of a write that failed and yet was applied", async () => {
  using _ = accessToken(TOKEN);
  await using server = new KvConnectServer(TOKEN);
  {
    await using test = await openTestStore(server);
    for (const id of ["small", "large", "deleted"]) await test.store.put(pushOf(id, { bytes: 200_000, seed: 1 }));
    server.writes = "apply and fail";
    await assert.rejects(test.store.put(pushOf("small", new Uint8Array([2]))), { reason: "other" });
    await assert.rejects(test.store.put(pushOf("large", { bytes: 150_000, seed: 2 })), { reason: "other" });
    await assert.rejects(test.store.put(pushOf("new", { bytes: 150_000, seed: 2 })), { reason: "other" });
    await assert.rejects(test.store.delete("deleted"), { reason: "other" });
    assert.equal(test.store.sizes().entries, 3);
    server.writes = "answer";
    await test.store.sweep();
    assert.deepEqual([test.store.sizes().entries, test.store.sizes().bytes], [3, 300_001]);
    // Of three chunks each, but the two of the smaller pushes, and a probe.
    assert.equal(server.size, 3 + 3 + 3 + 1);
    test.clock.now += TTL_MS;
    await test.store.sweep();
    assert.equal(server.size, 1);
  }
  await using test = await openTestStore(server);
  assert.deepEqual(test.loaded, []);
});

Deno.test("PushStore keeps the push before when a write fails, and its next put cleans up", async () => {
  using _ = accessToken(TOKEN);
  await using server = new KvConnectServer(TOKEN);
  await using test = await openTestStore(server);
  await test.store.put(pushOf("a", { bytes: 200_000, seed: 1 }));
  server.writes = "apply and fail";
  await assert.rejects(test.store.put(pushOf("a", { bytes: 2_000_000, seed: 2 })));
  server.writes = "answer";
  await test.store.put(pushOf("a", { bytes: 100_000, seed: 3 }));
  assert.equal(server.size, 1 + 2);
});

Deno.test("PushStore refuses pushes while a write hangs, and counts it when it ends after all", async () => {
  using _ = accessToken(TOKEN);
  await using server = new KvConnectServer(TOKEN);
  await using test = await openTestStore(server, { stallMs: 50 });
  server.writes = "hang";
  await assert.rejects(test.store.put(pushOf("a")), { reason: "stalled" });
  await assert.rejects(test.store.put(pushOf("b")), { reason: "stalled" });
  server.writes = "answer";
  server.release();
  while (!test.store.health.ok) await test.store.getMeta("anything");
  assert.equal(test.store.sizes().entries, 1);
  await test.store.put(pushOf("b"));
});

Deno.test("PushStore.open() refuses a URL that would send the token in clear, or that carries a password", async () => {
  using _ = accessToken(TOKEN);
  assert.equal(
    await refusal(new URL("http://kv.example.com/x")),
    "Cannot use the store at kv.example.com without TLS, as it gets the access token: write https://",
  );
  assert.equal(
    await refusal(new URL("https://user:secret@kv.example.com/x")),
    "Cannot use a store URL with a password: set DENO_KV_ACCESS_TOKEN to the access token of kv.example.com",
  );
});

Deno.test("PushStore.open() refuses a Deno KV elsewhere that it has no token for, and shows no token", async () => {
  await using server = new KvConnectServer(TOKEN);
  {
    using _ = accessToken(undefined);
    assert.equal(
      await refusal(server.url),
      `Cannot use the store at ${server.url.host} without an access token: ` +
        "set the environment variable DENO_KV_ACCESS_TOKEN",
    );
  }
  using _ = accessToken("wrong secret");
  const message = await refusal(server.url);
  assert.match(
    message,
    /^Cannot reach the store at 127.0.0.1:\d+ \(.*Bad token.*\): check --storage-url and DENO_KV_ACC/,
  );
  assert.ok(!message.includes("wrong secret"));
});

Deno.test("PushStore.open() refuses a Deno KV elsewhere that cannot be reached or does not answer", async () => {
  using _ = accessToken(TOKEN);
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const url = new URL(`http://127.0.0.1:${listener.addr.port}`);
  const timers = install({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const [refused, connection] = await Promise.all([
      refusal(url),
      listener.accept().then((connection) => {
        timers.tick(10_000);
        return connection;
      }),
    ]);
    assert.equal(
      refused,
      `Cannot reach the store at ${url.host} (no answer in 10 s): check --storage-url and DENO_KV_ACCESS_TOKEN`,
    );
    connection.close();
  } finally {
    timers.uninstall();
    listener.close();
  }
  assert.match(await refusal(url), /^Cannot reach the store at .+\(.*refused.*\): check --storage-url/);
});
