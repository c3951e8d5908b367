import assert from "node:assert/strict";
import { HttpError } from "../../../common/http/http.ts";
import { authentication } from "../../../server/authorization/authenticate.ts";
import { generateSigningKey } from "../../../server/authorization/token_keys.ts";
import { TokenSigner, TokenVerifier } from "../../../server/authorization/tokens.ts";

const PEER = { address: "192.0.2.1" };

async function setUp(revoked: readonly string[] = []) {
  const key = await generateSigningKey();
  const clock = { now: 0 };
  const authenticate = authentication({
    verifier: new TokenVerifier([key]),
    partitionLabel: "_id",
    revoked: { has: (id) => Promise.resolve(revoked.includes(id)) },
    forgedLimit: { burst: 2, intervalMs: 1_000 },
    elapsed: () => clock.now,
  });
  const tokenFor = (labels: Record<string, string>) =>
    new TokenSigner(key).sign({
      labels: new Map(Object.entries(labels)),
      subject: "s",
      expireSeconds: 60,
      now: Date.now(),
    });
  const ask = async (token: string, peer = PEER): Promise<string | number> => {
    const request = new Request("http://localhost/upload", { headers: { authorization: `Bearer ${token}` } });
    try {
      return (await authenticate(request, peer)).id;
    } catch (error) {
      assert.ok(error instanceof HttpError, String(error));
      return error.status;
    }
  };
  return { ask, clock, tokenFor };
}

Deno.test("authentication() tells the cluster of a good token", async () => {
  const { ask, tokenFor } = await setUp();
  assert.equal(await ask(await tokenFor({ _id: "a", region: "r" })), "a");
});

Deno.test("authentication() refuses revoked ids and tokens without an id", async () => {
  const { ask, tokenFor } = await setUp(["gone"]);
  assert.equal(await ask(await tokenFor({ _id: "gone" })), 401);
  assert.equal(await ask(await tokenFor({ region: "r" })), 401);
  assert.equal(await ask(await tokenFor({ _id: "" })), 401);
});

Deno.test("authentication() lets no made-up tokens of an address hold up a good one, known or not", async () => {
  const { ask, tokenFor } = await setUp();
  for (let i = 0; i < 20; i++) await ask(`forged.${i}`);
  assert.equal(await ask("forged.x"), 429);
  assert.equal(await ask(await tokenFor({ _id: "new" })), "new");
});

Deno.test("authentication() checks few tokens that are one of ours with another signature, at that client's expense", async () => {
  const { ask, tokenFor } = await setUp();
  const token = await tokenFor({ _id: "a" }), other = await tokenFor({ _id: "b" });
  const forged = Array.from({ length: 3 }, (_, i) => token.slice(0, -4) + "ABCDEF"[i] + token.slice(-3));
  assert.deepEqual([await ask(forged[0]), await ask(forged[1]), await ask(forged[2])], [401, 401, 429]);
  assert.equal(await ask(other), "b");
});

Deno.test("authentication() checks only so many bad tokens of an address, and lets known ones through", async () => {
  const { ask, clock, tokenFor } = await setUp();
  const good = await tokenFor({ _id: "a" });
  assert.equal(await ask(good), "a");
  assert.deepEqual([await ask("forged.1"), await ask("forged.2"), await ask("forged.3")], [401, 401, 429]);
  assert.equal(await ask(good), "a");
  assert.equal(await ask("forged.4", { address: "192.0.2.2" }), 401);
  assert.equal(await ask("forged.5"), 429);
  clock.now += 1_000;
  assert.equal(await ask("forged.6"), 401);
});
