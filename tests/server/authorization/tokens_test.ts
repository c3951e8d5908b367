import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import fc from "fast-check";
import { HttpError } from "../../../common/http/http.ts";
import { readSigningKey, readVerifyingKey, type VerifyingKey } from "../../../server/authorization/token_keys.ts";
import {
  bearerToken,
  isLabelValue,
  MAX_TOKEN_BYTES,
  TokenSigner,
  TokenVerifier,
} from "../../../server/authorization/tokens.ts";
import { compact, ecKeys, type Json, opened, signed, signedBySecret } from "../../support/jwt.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const NOW = Date.UTC(2024, 5, 1);
const SECONDS = NOW / 1_000;

/** What openshift/telemeter puts into a token for the cluster `c`. */
const CLAIMS: Json = {
  iss: "telemeter.selfsigned",
  aud: ["federate"],
  sub: "account",
  iat: SECONDS,
  nbf: SECONDS,
  exp: SECONDS + 86_400,
  "telemeter.openshift.io": { labels: { _id: "c" } },
};

const keys = ecKeys();
const signer = new TokenSigner(await readSigningKey(keys.pem));
const own = await readSigningKey(keys.pem);

function verifier(publicKeys: readonly VerifyingKey[] = [own], now: () => number = () => NOW): TokenVerifier {
  return new TokenVerifier(publicKeys, { now });
}

const publicKeyOf = (key: KeyObject) => readVerifyingKey(key.export({ type: "spki", format: "pem" }).toString());

async function assertRefused(token: string, what: string, by: TokenVerifier = verifier()): Promise<HttpError> {
  const error = await by.verify(token).then(() => undefined, (error) => error);
  assert(error instanceof HttpError, `${what}: ${error === undefined ? "accepted" : error.stack}`);
  assert.equal(error.status, 401, what);
  return error;
}

Deno.test("TokenSigner.sign() writes the claims of openshift/telemeter, with its key's thumbprint", async () => {
  const labels = new Map([["_id", 'a"b\n/é🦕'], ["cluster_kind", ""], ["__proto__", "x"]]);
  const token = await signer.sign({ labels, subject: "account", expireSeconds: 86_400, now: NOW + 999 });
  const { header, claims, good } = opened(token, keys.publicKey);
  assert(good);
  assert.deepEqual(Object.keys(header).toSorted(), ["alg", "kid", "stamp"]);
  assert.deepEqual([header.alg, header.kid, String(header.stamp).length], ["ES256", own.id, 12]);
  const expected = structuredClone(CLAIMS);
  expected["telemeter.openshift.io"] = JSON.parse(
    '{"labels":{"_id":"a\\"b\\n/é🦕","cluster_kind":"","__proto__":"x"}}',
  );
  assert.deepEqual(claims, expected);
});

Deno.test("TokenSigner.sign() signs by the algorithm of its key", async () => {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const pairs = [["ES384", ecKeys("P-384")], ["ES512", ecKeys("P-521")], ["RS256", rsa]] as const;
  for (const [alg, { privateKey, publicKey }] of pairs) {
    const key = await readSigningKey(privateKey.export({ type: "pkcs8", format: "pem" }).toString());
    const token = await new TokenSigner(key)
      .sign({ labels: new Map([["_id", "c"]]), subject: "s", expireSeconds: 60, now: NOW });
    const { header, good } = opened(token, publicKey);
    assert.deepEqual([header.alg, good], [alg, true]);
    assert.equal((await verifier([key]).verify(token)).labels.get("_id"), "c");
  }
});

Deno.test("TokenSigner.sign() issues nothing that the verifier would refuse", async () => {
  const rest = { subject: "s", expireSeconds: 60, now: NOW };
  const bad: [string, string][][] = [
    [["bad-name", "x"]],
    [["", "x"]],
    [["_id", "\ud800"]],
    [["_id", "é".repeat(128)]],
    [["__name__", "up"]],
    Array.from({ length: 40 }, (_, i) => [`label_${i}`, "x".repeat(250)]),
  ];
  for (const labels of bad) await assert.rejects(signer.sign({ labels: new Map(labels), ...rest }), RangeError);
});

Deno.test("TokenVerifier.verify() takes what TokenSigner.sign() issues, for any id", async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "binary", minLength: 1, maxLength: 60, size: "max" }), async (id) => {
      const labels = new Map([["_id", id], ["kind", "x"]]);
      const token = await signer.sign({ labels, subject: id, expireSeconds: 60, now: NOW });
      const { keyId, ...verified } = await verifier().verify(token);
      assert.deepEqual(verified, { labels, subject: id, expiresAtMs: NOW + 60_000 });
      assert.ok(verifier().keyIds.includes(keyId));
    }),
    { numRuns: 50 },
  );
});

Deno.test("TokenVerifier.verify() takes the tokens of openshift/telemeter", async () => {
  const headers = [{ alg: "ES256", kid: "" }, { alg: "ES256" }, { alg: "ES256", typ: "JWT" }];
  for (const header of headers) {
    const { labels } = await verifier().verify(signed(header, CLAIMS, keys.privateKey));
    assert.deepEqual([...labels], [["_id", "c"]]);
  }
});

Deno.test("TokenVerifier.verify() takes tokens of every key it has: by name, or by trying each", async () => {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const others = [ecKeys(), ecKeys(), ecKeys("P-384"), rsa];
  const all = verifier([own, ...await Promise.all(others.map((pair) => publicKeyOf(pair.publicKey)))]);
  for (const [alg, pair] of [["ES256", others[1]], ["ES384", others[2]], ["RS256", rsa]] as const) {
    const { id } = await publicKeyOf(pair.publicKey);
    for (const kid of [id, "", undefined]) await all.verify(signed({ alg, kid }, CLAIMS, pair.privateKey));
  }
  assert.equal(all.keyIds.length, 5);
  assert.deepEqual([...all.keyIds].sort(), all.keyIds);
});

Deno.test("TokenVerifier.verify() allows a minute of leeway for clocks, not more", async () => {
  const token = signed({ alg: "ES256" }, CLAIMS, keys.privateKey);
  const at = (seconds: number) => verifier([own], () => NOW + 1_000 * seconds);
  for (const seconds of [-60, 0, 86_400, 86_459]) await at(seconds).verify(token);
  for (const seconds of [-61, 86_460, 86_461]) await assertRefused(token, `${seconds} s`, at(seconds));
});

Deno.test("TokenVerifier.verify() refuses every forgery with one and the same 401", async () => {
  const other = ecKeys();
  const p384 = ecKeys("P-384");
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const header = { alg: "ES256" };
  const good = signed(header, CLAIMS, keys.privateKey);
  const [head, body, signature] = good.split(".");
  const pems = ["spki"].map((type) => keys.publicKey.export({ type: type as "spki", format: "pem" }).toString());
  const jwk = other.publicKey.export({ format: "jwk" });
  const claims = (more: Json) => signed(header, { ...CLAIMS, ...more }, keys.privateKey);
  const labels = (value: unknown) => claims({ "telemeter.openshift.io": value });
  const tampered = Buffer.from(JSON.stringify({ ...CLAIMS, sub: "other" })).toString("base64url");
  const rsaPublic = await publicKeyOf(rsa.publicKey);
  const forgeries: Record<string, string> = {
    "an empty token": "",
    "no token at all": "x",
    "dots": "..",
    "no parts": "a.b.c",
    "four parts": `${good}.x`,
    "alg none": compact({ alg: "none" }, CLAIMS, () => new Uint8Array()),
    "alg None": compact({ alg: "None" }, CLAIMS, () => new Uint8Array()),
    "alg none with a signature": `${compact({ alg: "none" }, CLAIMS, () => new Uint8Array())}${signature}`,
    "no alg": signed({}, CLAIMS, keys.privateKey),
    "no signature": `${head}.${body}.`,
    "a signature of zeros": compact(header, CLAIMS, () => new Uint8Array(64)),
    "a DER signature": compact(header, CLAIMS, () => Buffer.from("3006020101020101", "hex")),
    "HS256 with the public key (PEM)": signedBySecret({ alg: "HS256" }, CLAIMS, pems[0]),
    "HS256 with the public key (PEM, trimmed)": signedBySecret({ alg: "HS256" }, CLAIMS, pems[0].trim()),
    "HS256 with the public key (DER)": signedBySecret(
      { alg: "HS256" },
      CLAIMS,
      keys.publicKey.export({ type: "spki", format: "der" }),
    ),
    "HS256 with the key's id": signedBySecret({ alg: "HS256", kid: own.id }, CLAIMS, own.id),
    "another key": signed(header, CLAIMS, other.privateKey),
    "another key under our key's id": signed({ ...header, kid: own.id }, CLAIMS, other.privateKey),
    "our key under an id that is not known": signed({ ...header, kid: "unknown" }, CLAIMS, keys.privateKey),
    "our key under another key's id": signed({ ...header, kid: rsaPublic.id }, CLAIMS, keys.privateKey),
    "an id that is no text": signed({ ...header, kid: 1 }, CLAIMS, keys.privateKey),
    "an id of an object's property": signed({ ...header, kid: "constructor" }, CLAIMS, keys.privateKey),
    "an id that is a path": signed({ ...header, kid: "../../dev/null" }, CLAIMS, other.privateKey),
    "a key of its own in jwk": signed({ ...header, jwk }, CLAIMS, other.privateKey),
    "a key of its own in jku": signed({ ...header, jku: "http://127.0.0.1:9/keys" }, CLAIMS, other.privateKey),
    "a key of its own in x5u": signed({ ...header, x5u: "http://127.0.0.1:9/keys" }, CLAIMS, other.privateKey),
    "a critical header": signed({ ...header, crit: ["exp"], exp: 1 }, CLAIMS, keys.privateKey),
    "an unencoded payload": signed({ ...header, b64: false, crit: ["b64"] }, CLAIMS, keys.privateKey),
    "another curve": signed({ alg: "ES384" }, CLAIMS, p384.privateKey),
    "another algorithm's name": signed({ alg: "ES384" }, CLAIMS, keys.privateKey),
    "tampered claims": `${head}.${tampered}.${signature}`,
    "a tampered header": signed({ ...header, typ: "x" }, CLAIMS, keys.privateKey).replace(/^[^.]*/, head),
    "a cut signature": good.slice(0, -2),
    "claims that are no JSON": signed(header, "{", keys.privateKey),
    "claims that are a list": signed(header, "[]", keys.privateKey),
    "claims that are null": signed(header, "null", keys.privateKey),
    "another issuer": claims({ iss: "someone" }),
    "no issuer": claims({ iss: undefined }),
    "another audience": claims({ aud: ["other"] }),
    "no audience": claims({ aud: undefined }),
    "no audience in the list": claims({ aud: [] }),
    "expired": claims({ exp: SECONDS - 61 }),
    "no expiry": claims({ exp: undefined }),
    "an expiry that is text": claims({ exp: "9999999999" }),
    "not before": claims({ nbf: SECONDS + 61 }),
    "no not-before": claims({ nbf: undefined }),
    "no subject": claims({ sub: undefined }),
    "a subject that is no text": claims({ sub: 1 }),
    "no labels claim": claims({ "telemeter.openshift.io": undefined }),
    "a labels claim of null": labels(null),
    "a labels claim that is text": labels("labels"),
    "no labels in it": labels({}),
    "labels of null": labels({ labels: null }),
    "labels as a list": labels({ labels: ["_id"] }),
    "a label that is a number": labels({ labels: { _id: 1 } }),
    "a label that is null": labels({ labels: { _id: null } }),
    "a label that is an object": labels({ labels: { _id: {} } }),
    "a label with a bad name": labels({ labels: { "a-b": "x" } }),
    "a label with an empty name": labels({ labels: { "": "x" } }),
    "a label with a name in other letters": labels({ labels: { "é": "x" } }),
    "a label named __name__": labels({ labels: { __name__: "up" } }),
    "a label with a long name": labels({ labels: { ["a".repeat(256)]: "x" } }),
    "a label with a lone surrogate": labels({ labels: { _id: "\ud83e" } }),
    "a label of 256 bytes": labels({ labels: { _id: "é".repeat(128) } }),
    "a very long token": labels({ labels: { _id: "c" }, more: "x".repeat(MAX_TOKEN_BYTES) }),
    "a very long header": signed({ ...header, more: "x".repeat(MAX_TOKEN_BYTES) }, CLAIMS, keys.privateKey),
    "a megabyte of nothing": "a".repeat(1 << 20),
  };
  const both = verifier([own, rsaPublic]);
  await both.verify(good);
  const answers = new Set<string>();
  for (const [what, token] of Object.entries(forgeries)) {
    const { status, message, reason, headers } = await assertRefused(token, what, both);
    answers.add(JSON.stringify([status, message, reason, headers]));
  }
  assert.equal(answers.size, 1, "the answer tells which check failed");
  assert.equal(both.remembered, 1, "a forgery is remembered");
});

Deno.test("TokenVerifier.verify() refuses bytes of any kind with the same 401", async () => {
  const by = verifier();
  const parts = signed({ alg: "ES256" }, CLAIMS, keys.privateKey).split(".");
  const part = fc.oneof(
    fc.constantFrom(...parts),
    fc.string(),
    fc.json().map((j) => Buffer.from(j).toString("base64url")),
  );
  await fc.assert(fc.asyncProperty(fc.array(part, { maxLength: 5 }), async (found) => {
    if (found.join(".") !== parts.join(".")) await assertRefused(found.join("."), JSON.stringify(found), by);
  }));
});

Deno.test("TokenVerifier.verify() takes a label value of 255 bytes", async () => {
  const id = "é".repeat(127) + "x";
  const claims = { ...CLAIMS, "telemeter.openshift.io": { labels: { _id: id } } };
  const { labels } = await verifier().verify(signed({ alg: "ES256" }, claims, keys.privateKey));
  assert.equal(labels.get("_id"), id);
});

Deno.test("TokenVerifier.verify() remembers a good token, but not past its times", async () => {
  let now = NOW;
  const by = verifier([own], () => now);
  const token = signed({ alg: "ES256" }, CLAIMS, keys.privateKey);
  const first = await by.verify(token);
  assert.equal(await by.verify(token), first, "verified again although it is known");
  now = NOW + 86_459_999;
  assert.equal(await by.verify(token), first);
  now = NOW + 86_460_000;
  await assertRefused(token, "expired", by);
  assert.equal(by.remembered, 0);
});

Deno.test("TokenVerifier.verify() checks a known token's not-before as well when the clock is set back", async () => {
  let now = NOW;
  const by = verifier([own], () => now);
  const token = signed({ alg: "ES256" }, CLAIMS, keys.privateKey);
  await by.verify(token);
  now = NOW - 60_000;
  await by.verify(token);
  now = NOW - 61_000;
  await assertRefused(token, "not yet valid", by);
});

Deno.test("TokenVerifier remembers no more tokens than its bound", async () => {
  const by = new TokenVerifier([own], { maxRemembered: 10, now: () => NOW });
  for (let i = 0; i < 60; i++) {
    const labels = new Map([["_id", `id-${i}`]]);
    await by.verify(await signer.sign({ labels, subject: "s", expireSeconds: 60, now: NOW }));
    assert(by.remembered <= 10);
  }
});

Deno.test("TokenVerifier.verify() takes a token in one form, of the many that decode to the same", async () => {
  const token = await signer.sign({ labels: new Map([["_id", "a"]]), subject: "s", expireSeconds: 60, now: NOW });
  const by = verifier([own]);
  await by.verify(token);
  const [header, content, signature] = token.split(".");
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  // The last of 86 letters has four bits that say nothing.
  const loose = signature.slice(0, -1) + alphabet[alphabet.indexOf(signature.at(-1)!) ^ 1];
  const variants = [
    `${token}=`,
    `${token} `,
    `${header}.${content}.${loose}`,
    `${header}.${content}.${signature.slice(0, 10)} ${signature.slice(10)}`,
    `${header}.${content}.${signature}.`,
    `${header}.${content}=.${signature}`,
    `${header}.${content}.${signature.replaceAll("-", "+").replaceAll("_", "/")}==`,
  ];
  for (const variant of variants) await assertRefused(variant, variant, by);
  assert.equal(by.remembered, 1);
});

Deno.test("TokenVerifier remembers a few tokens of each client, however many it has", async () => {
  const by = new TokenVerifier([own], { now: () => NOW });
  const sign = (id: string, expireSeconds: number) =>
    signer.sign({ labels: new Map([["_id", id]]), subject: "s", expireSeconds, now: NOW });
  const other = await sign("b", 60);
  await by.verify(other);
  const tokens = await Promise.all(Array.from({ length: 50 }, (_, i) => sign("a", 60 + i)));
  for (const token of tokens) await by.verify(token);
  assert.equal(by.remembered, 5);
  assert.ok(by.recall(other) !== undefined && by.recall(tokens[49]) !== undefined);
});

Deno.test("TokenVerifier.glance() knows whose our tokens are by their stamp, and nobody's else", async () => {
  let now = NOW;
  const sign = (id: string, expireSeconds: number) =>
    signer.sign({ labels: new Map([["_id", id]]), subject: "s", expireSeconds, now: NOW });
  const token = await sign("a", 60);
  const by = new TokenVerifier([own], { now: () => now });
  const [header, content, signature] = token.split(".");
  const forged = (head: Record<string, unknown>, body: unknown) =>
    [head, body].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".") + `.${signature}`;
  const client = by.glance(token)?.client;
  assert.ok(client !== undefined);
  assert.equal(by.glance(await sign("a", 70))?.client, client);
  assert.notEqual(by.glance(await sign("b", 60))?.client, client);
  assert.deepEqual(by.glance(forged({ alg: "ES256", kid: own.id }, CLAIMS)), {});
  assert.deepEqual(by.glance(forged({ alg: "ES256", kid: own.id, stamp: "AAAAAAAAAAAA" }, CLAIMS)), {});
  assert.deepEqual(by.glance(forged({ alg: "ES256", kid: own.id, stamp: ["AAAAAAAAAAAA"] }, CLAIMS)), {});
  assert.equal(by.glance(`${header}.${content.slice(0, -4)}AAAA.${signature}`), undefined);
  assert.equal(by.glance("no token"), undefined);
  now = NOW + 121_000;
  assert.equal(by.glance(token), undefined, "one that has expired may have been stolen long ago");
});

Deno.test("TokenVerifier.glance() passes every token that verifies, at any time", async () => {
  const token = signed({ alg: "ES256" }, CLAIMS, keys.privateKey);
  const seconds = fc.oneof(
    fc.constantFrom(-61, -60, 0, 86_459, 86_460, 86_461),
    fc.integer({ min: -100, max: 87_000 }),
  );
  await fc.assert(fc.asyncProperty(seconds, fc.nat(999), async (second, ms) => {
    const by = verifier([own], () => NOW + 1_000 * second + ms);
    const verifies = await by.verify(token).then(() => true, () => false);
    assert.equal(by.glance(token) !== undefined, verifies);
  }));
});

Deno.test("bearerToken() reads the header as clients of openshift/telemeter write it", () => {
  for (const header of ["Bearer abc", "bearer abc", "BEARER   abc", "Bearer abc  "]) {
    assert.equal(bearerToken(new Request("http://h/", { headers: { authorization: header } })), "abc");
  }
});

Deno.test("bearerToken() answers 401 to any other header", () => {
  const bad = [undefined, "", "Bearer", "Bearer ", "Basic abc", "abc", "Bearerabc", `Bearer ${"x".repeat(8_193)}`];
  for (const header of bad) {
    const request = new Request("http://h/", { headers: header === undefined ? {} : { authorization: header } });
    assert.throws(() => bearerToken(request), (error) => error instanceof HttpError && error.status === 401, header);
  }
});

Deno.test("isLabelValue() counts bytes of UTF-8 and refuses lone surrogates", () => {
  const values: [string, boolean][] = [
    ["", true],
    ["x".repeat(255), true],
    ["x".repeat(256), false],
    ["🦕".repeat(63) + "abc", true],
    ["🦕".repeat(64), false],
    ["\udc00", false],
    ["\u0000", true],
  ];
  for (const [text, good] of values) assert.equal(isLabelValue(text), good, JSON.stringify(text));
});
