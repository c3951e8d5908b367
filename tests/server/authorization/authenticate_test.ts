import assert from "node:assert/strict";
import { install } from "@sinonjs/fake-timers";
import { HttpError } from "../../../common/http/http.ts";
import { authentication } from "../../../server/authorization/authenticate.ts";
import { generateSigningKey, readVerifyingKey } from "../../../server/authorization/token_keys.ts";
import { TokenSigner, TokenVerifier } from "../../../server/authorization/tokens.ts";
import type { FairSharesOptions } from "../../../server/limits/fair_shares.ts";
import { ecKeys, type Json, signed, twinOf } from "../../support/jwt.ts";

const PEER = { address: "192.0.2.1" };

async function setUp(
  { revoked = [], ...shares }: { revoked?: readonly string[] } & Partial<FairSharesOptions> = {},
) {
  const key = await generateSigningKey();
  const rotated = ecKeys(), stranger = ecKeys();
  const rotatedKey = await readVerifyingKey(rotated.publicKey.export({ type: "spki", format: "pem" }).toString());
  const clock = { now: 0 };
  const verifier = new TokenVerifier([key, rotatedKey]);
  const authenticate = authentication({
    verifier,
    partitionLabel: "_id",
    revoked: { has: (id) => Promise.resolve(revoked.includes(id)) },
    // An address alone has two places of four, a client whose token has our stamp all; nobody waits, so that it shows at once.
    shares: { places: 4, maxWaiting: 0, patienceMs: 5_000, penaltyMs: 1_000, now: () => clock.now, ...shares },
  });
  const tokenFor = (labels: Record<string, string>) =>
    new TokenSigner(key).sign({
      labels: new Map(Object.entries(labels)),
      subject: "s",
      expireSeconds: 60,
      now: Date.now(),
    });
  const ask = async (
    token: string,
    peer = PEER,
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<string | number> => {
    const headers = { authorization: `Bearer ${token}` };
    const request = new Request("http://localhost/upload", { headers, signal });
    try {
      return (await authenticate(request, peer)).id;
    } catch (error) {
      assert.ok(error instanceof HttpError, String(error));
      return error.status;
    }
  };
  let count = 0;
  const claims = (more: Json = {}): Json => {
    const seconds = Math.floor(Date.now() / 1_000);
    const labels = { _id: `id-${count++}` };
    const times = { iat: seconds, nbf: seconds, exp: seconds + 60 };
    return { iss: "telemeter.selfsigned", aud: ["federate"], sub: "s", ...times, [LABELS_CLAIM]: { labels }, ...more };
  };
  /** A token with a bad signature, which nothing else tells from a good one of `rotatedToken()`. */
  const forged = (more: Json = {}, header: Json = {}) =>
    signed({ alg: "ES256", kid: key.id, ...header }, claims(more), stranger.privateKey);
  /** A good token without a stamp, as openshift/telemeter and keys of which we have the public half alone make them. */
  const rotatedToken = (more: Json = {}) => signed({ alg: "ES256", kid: "" }, claims(more), rotated.privateKey);
  return { ask, clock, verifier, tokenFor, forged, rotatedToken };
}

const LABELS_CLAIM = "telemeter.openshift.io";

Deno.test("authentication() tells the cluster of a good token", async () => {
  const { ask, tokenFor } = await setUp();
  assert.equal(await ask(await tokenFor({ _id: "a", region: "r" })), "a");
});

Deno.test("authentication() refuses revoked ids and tokens without an id", async () => {
  const { ask, tokenFor } = await setUp({ revoked: ["gone"] });
  assert.equal(await ask(await tokenFor({ _id: "gone" })), 401);
  assert.equal(await ask(await tokenFor({ region: "r" })), 401);
  assert.equal(await ask(await tokenFor({ _id: "" })), 401);
});

Deno.test("authentication() lets in and shuts out a token by what it says, whichever of its ECDSA signatures it has", async () => {
  const revoked: string[] = [];
  const { ask, verifier, tokenFor } = await setUp({ revoked });
  const token = await tokenFor({ _id: "a" }), twin = twinOf(token);
  assert.notEqual(twin, token);
  for (const either of [token, twin, token, twin]) assert.equal(await ask(either), "a");
  assert.equal(verifier.remembered, 1, "both have one place");
  revoked.push("a");
  for (const either of [token, twin]) assert.equal(await ask(either), 401);
});

Deno.test("authentication() begins to check a new token of ours while a full line of forged ones of its address waits", async () => {
  const { ask, tokenFor, forged } = await setUp({ places: 8, maxWaiting: 40, penaltyMs: 60_000 });
  const answers: (string | number)[] = [];
  const gone = new AbortController();
  const flood = Array.from(
    { length: 200 },
    () => ask(forged(), PEER, gone).then((answer) => answers.push(answer)),
  );
  for (let i = 0; i < 5; i++) assert.equal(await ask(await tokenFor({ _id: `new-${i}` })), `new-${i}`);
  assert.ok(answers.length < 170, `${answers.length} of 200 are answered, so that no full line waits`);
  gone.abort();
  await Promise.allSettled(flood);
});

Deno.test("authentication() lets no made-up tokens of an address hold up a good one, known or not", async () => {
  const { ask, tokenFor, forged } = await setUp();
  for (let i = 0; i < 20; i++) await ask(forged());
  assert.equal(await ask(forged()), 429);
  assert.equal(await ask(await tokenFor({ _id: "new" })), "new");
});

Deno.test("authentication() checks few tokens that are one of ours with another signature, at that client's expense", async () => {
  const { ask, tokenFor } = await setUp();
  const token = await tokenFor({ _id: "a" }), other = await tokenFor({ _id: "b" });
  const letters = [..."ABCDEF"].filter((letter) => letter !== token.at(-4)).slice(0, 5);
  const variants = letters.map((letter) => token.slice(0, -4) + letter + token.slice(-3));
  const answers: (string | number)[] = [];
  for (const variant of variants) answers.push(await ask(variant));
  assert.deepEqual(answers, [401, 401, 401, 401, 429]);
  const again = token.replace(/\.[^.]*$/, `.${other.split(".")[2]}`);
  assert.equal(await ask(again), 429, "the same client");
  assert.equal(await ask(other), "b");
});

Deno.test("authentication() checks only so many bad tokens of an address, and lets known ones through", async () => {
  const { ask, clock, forged, rotatedToken } = await setUp();
  const good = rotatedToken();
  assert.equal(await ask(good), "id-0");
  assert.deepEqual([await ask(forged()), await ask(forged()), await ask(forged())], [401, 401, 429]);
  assert.equal(await ask(good), "id-0");
  assert.equal(await ask(forged(), { address: "192.0.2.2" }), 401);
  assert.equal(await ask(forged(), { address: "192.0.2.2" }), 429, "of its network");
  assert.equal(await ask(forged(), { address: "198.51.100.2" }), 401);
  assert.equal(await ask(forged()), 429);
  clock.now += 1_000;
  assert.equal(await ask(forged()), 401);
});

Deno.test("authentication() lets a good token without a stamp wait for its turn among bad ones of its address", async () => {
  const clock = install({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const { ask, forged, rotatedToken } = await setUp({ maxWaiting: 10, now: () => clock.now });
    const answers: (string | number)[] = [];
    const told = async (token: string) => void answers.push(await ask(token));
    await told(forged());
    await told(forged());
    const waiting = [told(forged()), told(rotatedToken({ [LABELS_CLAIM]: { labels: { _id: "good" } } }))];
    await clock.tickAsync(999);
    assert.deepEqual(answers, [401, 401]);
    await clock.tickAsync(1);
    await Promise.all(waiting);
    assert.deepEqual(answers.slice(2).map(String).sort(), ["401", "good"]);
  } finally {
    clock.uninstall();
  }
});

Deno.test("authentication() refuses at once, at nobody's expense, what no signature could make good", async () => {
  const { ask, forged, rotatedToken } = await setUp();
  const bad = [
    ...["x", "a.b.c", "..", "é"],
    forged({ iss: "someone" }),
    forged({ exp: 1 }),
    forged({ exp: "9999999999" }),
    forged({ nbf: 9_999_999_999 }),
    forged({ exp: undefined }),
    forged({}, { kid: "unknown" }),
    forged({}, { kid: 1 }),
    forged({}, { alg: "none" }),
    forged({}, { alg: "HS256" }),
    forged() + "=",
  ];
  for (let turn = 0; turn < 3; turn++) for (const token of bad) assert.equal(await ask(token), 401, token);
  assert.equal(typeof await ask(rotatedToken()), "string");
});
