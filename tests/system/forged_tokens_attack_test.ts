// The real server, attacked with forged tokens beside clients who share an address with the attacker.

import assert from "node:assert/strict";
import { encodeFamilies } from "../../common/exposition/protobuf.ts";
import { readSigningKey, readVerifyingKey, type SigningKey } from "../../server/authorization/token_keys.ts";
import { TokenSigner } from "../../server/authorization/tokens.ts";
import { Attack, p99, tally } from "../support/attack.ts";
import { compact, ecKeys, type Json, signed } from "../support/jwt.ts";
import { OpenServer } from "../support/open_server.ts";
import { RawClient } from "../support/raw_client.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** The limit for a good push beside an attack, in milliseconds; a quiet machine needs a quarter of it. */
const SOON_MS = 1_000;

/** Keys of the attacker's own. */
const stranger = ecKeys();

/** A server that knows a key of its own and the public half of another, and asks no authorizer. */
class Site implements AsyncDisposable {
  readonly #folder: string;
  readonly server: OpenServer;
  /** The pair whose public half the server knows. */
  readonly rotated: ReturnType<typeof ecKeys>;
  readonly rotatedId: string;
  readonly keys: ReturnType<typeof ecKeys>;
  readonly key: SigningKey;

  private constructor(parts: Pick<Site, "server" | "rotated" | "rotatedId" | "keys" | "key"> & { folder: string }) {
    ({ folder: this.#folder, server: this.server, rotated: this.rotated, rotatedId: this.rotatedId } = parts);
    ({ keys: this.keys, key: this.key } = parts);
  }

  static async start(): Promise<Site> {
    const folder = await Deno.makeTempDir();
    const keys = ecKeys(), rotated = ecKeys();
    const publicPem = rotated.publicKey.export({ type: "spki", format: "pem" }).toString();
    await Deno.writeTextFile(`${folder}/key.pem`, keys.pem, { mode: 0o600 });
    await Deno.writeTextFile(`${folder}/rotated.pem`, publicPem, { mode: 0o600 });
    const flags = ["--shared-key", `${folder}/key.pem`, "--verify-key", `${folder}/rotated.pem`, "--ratelimit=0s"];
    const [key, { id: rotatedId }] = [await readSigningKey(keys.pem), await readVerifyingKey(publicPem)];
    return new Site({ server: await OpenServer.start(...flags), folder, rotated, rotatedId, keys, key });
  }

  async [Symbol.asyncDispose]() {
    await this.server[Symbol.asyncDispose]();
    await Deno.remove(this.#folder, { recursive: true });
  }

  /** Pushes for a cluster with a token. */
  async push(token: string, id: string): Promise<{ status: number; text: string; ms: number }> {
    const since = performance.now();
    const labels = [{ name: "_id", value: id }];
    const body = encodeFamilies([{
      name: "up",
      type: "gauge",
      metrics: [{ labels, value: 1, timestampMs: Date.now() }],
    }]);
    const { status, text } = await this.server.push(id, body, { authorization: `Bearer ${token}` });
    return { status, text, ms: performance.now() - since };
  }
}

let ids = 0;

function claims(id = `id-${ids++}`, more: Json = {}): Json {
  const seconds = Math.floor(Date.now() / 1_000);
  return {
    ...{ iss: "telemeter.selfsigned", aud: ["federate"], sub: "s", iat: seconds, nbf: seconds, exp: seconds + 600 },
    "telemeter.openshift.io": { labels: { _id: id } },
    ...more,
  };
}

Deno.test("Forged tokens of every kind hold up no good one behind the same address, known or new, of any make", async () => {
  await using site = await Site.start();
  const { key, keys, rotated, rotatedId, server } = site;
  const signer = new TokenSigner(key);
  const [ownHead, ownContent] = (await server.token("attacker")).split(".");
  const forge = (header: Json, more: Json = {}) =>
    signed({ alg: "ES256", ...header }, claims(undefined, more), stranger.privateKey);
  const forgeries: Record<string, () => string> = {
    "a bad signature under our key's id": () => forge({ kid: key.id }),
    "a bad signature under the other key's id": () => forge({ kid: rotatedId }),
    "a bad signature under no id": () => forge({ kid: "" }),
    "its own content with another signature": () => `${ownHead}.${ownContent}.${forge({}).split(".")[2]}`,
    "an id that is not known": () => forge({ kid: `unknown-${ids}` }),
    "expired": () => forge({ kid: key.id }, { exp: 1 }),
    "another issuer": () => forge({ kid: key.id }, { iss: "someone" }),
    "no token": () => `x${ids++}`,
  };
  const stamped = async (id: string) =>
    await signer.sign({ labels: new Map([["_id", id]]), subject: "s", expireSeconds: 600, now: Date.now() });
  const known = await stamped("known");
  assert.equal((await site.push(known, "known")).status, 200);
  const makes: Record<string, (id: string) => string | Promise<string>> = {
    "with our stamp": stamped,
    "as openshift/telemeter makes them": (id) => signed({ alg: "ES256", kid: "" }, claims(id), keys.privateKey),
    "of the other key": (id) => signed({ alg: "ES256", kid: rotatedId }, claims(id), rotated.privateKey),
  };
  // Once more than any limit lets through at once, then more than may be under way.
  let enough = 520;
  for (const [what, forgery] of Object.entries(forgeries)) {
    await using attack = new Attack(10, () => site.push(forgery(), "x"));
    await attack.reaches(enough);
    enough = 150;
    assert.equal((await site.push(known, "known")).status, 200, what);
    for (const [make, tokenFor] of Object.entries(makes)) {
      const good = [];
      for (let i = 0; i < 5; i++) {
        const id = `new-${ids++}`;
        good.push(await site.push(await tokenFor(id), id));
      }
      assert.deepEqual(tally(good), { 200: 5 }, `${what}, beside it one ${make}`);
      assert.ok(p99(good) < SOON_MS, `${what}, beside it one ${make}: ${p99(good)} ms`);
    }
    assert.deepEqual(tally(attack.answers), { 401: attack.answers.length }, what);
  }
});

Deno.test("A good token is good in one form alone, of the many that say the same", async () => {
  await using site = await Site.start();
  const { server, keys, key } = site;
  const token = await server.token("c");
  const plain = signed({ alg: "ES256", kid: key.id }, claims("c"), keys.privateKey);
  for (const good of [token, plain]) assert.equal((await site.push(good, "c")).status, 200);

  const [head, body, signature] = token.split(".");
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const loosen = (part: string) => part.slice(0, -1) + alphabet[alphabet.indexOf(part.at(-1)!) ^ 1];
  const classic = (part: string) => part.replaceAll("-", "+").replaceAll("_", "/");
  const raw = (header: string, payload: string) => {
    const [first, second] = [header, payload].map((text) => Buffer.from(text).toString("base64url"));
    return `${first}.${second}.${signature}`;
  };
  const text = (part: string) => Buffer.from(part, "base64url").toString();
  const [headText, bodyText] = [text(head), text(body)];
  const forge = (header: Json, more: Json = {}) =>
    signed({ alg: "ES256", kid: key.id, ...header }, claims("c", more), stranger.privateKey);
  const ours = (header: Json, more: Json | string = {}) => {
    const payload = typeof more === "string" ? more : claims("c", more);
    return signed({ alg: "ES256", kid: key.id, ...header }, payload, keys.privateKey);
  };
  const tokenForms: Record<string, string> = {
    "padding behind the header": `${head}=.${body}.${signature}`,
    "padding behind the payload": `${head}.${body}==.${signature}`,
    "padding behind the signature": `${head}.${body}.${signature}==`,
    "the classic alphabet": `${classic(head)}.${classic(body)}.${classic(signature)}+/`,
    "loose bits in the signature": `${head}.${body}.${loosen(signature)}`,
    "loose bits in the header": `${loosen(head)}.${body}.${signature}`,
    "loose bits in the payload": `${head}.${loosen(body)}.${signature}`,
    "a space within": `${head}.${body}.${signature.slice(0, 9)} ${signature.slice(9)}`,
    "a tab before a dot": `${head}\t.${body}.${signature}`,
    "a dot at the end": `${token}.`,
    "two dots at the end": `${token}..`,
    "a dot at the start": `.${token}`,
    "four parts": `${token}.${signature}`,
    "two parts": `${head}.${body}`,
    "the parts of JWE": `${head}.${body}.${signature}.${signature}.${signature}`,
    "the token twice": `${token},${token}`,
    "in quotes": `"${token}"`,
    "percent-encoded": token.replaceAll(".", "%2e"),
    "a letter of another width": `${head}.${body}.\u00aa${signature.slice(1)}`,
    "the header with spaces": raw(` ${headText}`, bodyText),
    "the header with a byte order mark": raw(`\ufeff${headText}`, bodyText),
    "the header with a key twice": raw(headText.replace("{", '{"alg":"none",'), bodyText),
    "the payload with a key twice": raw(headText, bodyText.replace("{", '{"iss":"someone",')),
    "JSON of another kind": JSON.stringify({ protected: head, payload: body, signature }),
    "a signature of twice the length": `${head}.${body}.${signature}${signature}`,
    "a signature in DER": compact(
      { alg: "ES256", kid: key.id },
      claims("c"),
      () => Buffer.from("3006020101020101", "hex"),
    ),
    "its own key": forge({ jwk: stranger.publicKey.export({ format: "jwk" }) }),
    "a link to keys": forge({ jku: "http://127.0.0.1:9/keys" }),
    "a link to a certificate": forge({ x5u: "http://127.0.0.1:9/x5u" }),
    "a certificate": forge({ x5c: ["MIIB"] }),
    "a stamp of another": forge({ stamp: JSON.parse(headText).stamp }),
    "a critical header, of our key": ours({ crit: ["exp"], exp: 1 }),
    "an unencoded payload, of our key": ours({ crit: ["b64"], b64: false }),
    "no numbers as times, of our key": ours({}, { exp: "9999999999" }),
    "an expiry beyond all numbers, of our key": ours(
      {},
      JSON.stringify(claims("c")).replace(/"exp":\d+/, '"exp":[1e999]'),
    ),
    "null as expiry, of our key": ours({}, { exp: null }),
    "an algorithm in small letters, of our key": ours({ alg: "es256" }),
    "an algorithm that is a list, of our key": ours({ alg: ["ES256"] }),
  };
  const answers = new Set<string>();
  for (const [what, variant] of Object.entries(tokenForms)) {
    using client = await RawClient.connect(server.port);
    const authorization = Uint8Array.from(`Bearer ${variant}`, (letter) => letter.charCodeAt(0) & 0xff);
    await client.send("POST /upload HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 0\r\nAuthorization: ");
    await client.send(authorization);
    await client.send("\r\n\r\n");
    const answer = await client.untilClosed();
    assert.match(answer, /^HTTP\/1\.1 401 /, `${what}: ${answer}`);
    answers.add(answer.replace(/^date: .*$/im, ""));
  }
  assert.equal(answers.size, 1, "the answer tells which check failed");
  assert.ok(await server.healthy());
  assert.equal(await server.metric('telemeter_push_rejections_total{reason="internal"}'), 0);
});
