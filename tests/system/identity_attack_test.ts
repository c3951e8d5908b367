// The real programs, attacked over sockets by clients that want to speak for others.

import assert from "node:assert/strict";
import type { Label, MetricFamily } from "../../common/exposition/metric_family.ts";
import { encodeFamilies, PROTOBUF_CONTENT_TYPE } from "../../common/exposition/protobuf.ts";
import { formatText, TEXT_CONTENT_TYPE } from "../../common/exposition/text_format.ts";
import { Child } from "../../scripts/process/child.ts";
import { eventually } from "../../scripts/process/eventually.ts";
import { taskCommand } from "../../scripts/process/tasks.ts";
import { readSigningKey } from "../../server/authorization/token_keys.ts";
import { compact, ecKeys, type Json, signed, signedBySecret } from "../support/jwt.ts";
import { RawClient } from "../support/raw_client.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const INITIAL_TOKEN = "initial-s3cret";

/** A stub, and a server that asks it. */
class Site implements AsyncDisposable {
  readonly keys = ecKeys();
  readonly rotated = ecKeys();
  readonly #stack: AsyncDisposableStack;
  readonly #folder: string;
  readonly #flags: readonly string[];
  #server!: Child;
  #external!: string;
  #internal!: string;

  private constructor(stack: AsyncDisposableStack, { folder, flags }: { folder: string; flags: readonly string[] }) {
    this.#stack = stack;
    this.#folder = folder;
    this.#flags = flags;
  }

  static async start(...flags: string[]): Promise<Site> {
    await using starting = new AsyncDisposableStack();
    const folder = await Deno.makeTempDir();
    starting.defer(() => Deno.remove(folder, { recursive: true }));
    await Deno.writeTextFile(`${folder}/tokens.json`, JSON.stringify([{ token: INITIAL_TOKEN }]));
    const stub = starting.use(new Child(taskCommand("authorization-server", ["127.0.0.1:0", `${folder}/tokens.json`])));
    const [, upstream] = await stub.line(/url=(\S+)/);
    const site = new Site(starting.move(), { folder, flags: ["--authorize", upstream, ...flags] });
    try {
      await site.#write("key.pem", site.keys.pem);
      await site.#write("rotated.pem", site.rotated.publicKey.export({ type: "spki", format: "pem" }).toString());
      await site.revoke([]);
      await site.#serve();
    } catch (error) {
      await site[Symbol.asyncDispose]();
      throw error;
    }
    return site;
  }

  async #serve() {
    const command = taskCommand("server", [
      ...["--listen", "127.0.0.1:0", "--listen-internal", "127.0.0.1:0", "--storage-dir", this.#path("data")],
      ...["--shared-key", this.#path("key.pem"), "--verify-key", this.#path("rotated.pem")],
      ...["--revoked-file", this.#path("revoked"), "--log-level", "debug", "--source-metrics=false", ...this.#flags],
    ]);
    this.#server = this.#stack.use(new Child(command));
    [, this.#external, this.#internal] = await this.#server.line(/external=(\S+) internal=(\S+)/);
  }

  /** Ends the server as a crash does, and starts it again. */
  async crash() {
    await this.#server.kill();
    await this.#serve();
  }

  async [Symbol.asyncDispose]() {
    await this.#stack.disposeAsync();
  }

  get port(): number {
    return Number(new URL(this.#external).port);
  }

  /** All that the server has logged. */
  get log(): string {
    return this.#server.tail(10_000);
  }

  #path(name: string): string {
    return `${this.#folder}/${name}`;
  }

  async #write(name: string, text: string) {
    await Deno.writeTextFile(this.#path(name), text, { mode: 0o600 });
  }

  async revoke(ids: string[]) {
    await this.#write("revoked", ids.map((id) => JSON.stringify(id) + "\n").join("") || "# none\n");
  }

  async authorize(id: string, token: string = INITIAL_TOKEN): Promise<{ status: number; token: string }> {
    const url = `${this.#external}authorize?id=${encodeURIComponent(id)}`;
    const response = await fetch(url, { method: "POST", headers: { authorization: `Bearer ${token}` } });
    const text = await response.text();
    return { status: response.status, token: response.ok ? JSON.parse(text).token : text };
  }

  async push(
    token: string,
    families: MetricFamily[],
    form: "protobuf" | "text" = "protobuf",
  ): Promise<{ status: number; text: string }> {
    const [type, body] = form === "text"
      ? [TEXT_CONTENT_TYPE, formatText(families)]
      : [PROTOBUF_CONTENT_TYPE, encodeFamilies(families)];
    const response = await fetch(`${this.#external}upload`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": type },
      body: body as Uint8Array<ArrayBuffer>,
    });
    return { status: response.status, text: await response.text() };
  }

  /** The page, without comments. */
  async page(): Promise<string[]> {
    const text = await (await fetch(`${this.#internal}federate`)).text();
    return text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  }
}

function sample(labels: Record<string, string> | Label[], value = 1): MetricFamily[] {
  const list = Array.isArray(labels) ? labels : Object.entries(labels).map(([name, value]) => ({ name, value }));
  return [{ name: "up", type: "gauge", metrics: [{ labels: list, value, timestampMs: Date.now() }] }];
}

function claimsFor(id: string, more: Json = {}): Json {
  const seconds = Math.floor(Date.now() / 1_000);
  return {
    iss: "telemeter.selfsigned",
    aud: ["federate"],
    sub: "x",
    iat: seconds,
    nbf: seconds,
    exp: seconds + 600,
    "telemeter.openshift.io": { labels: { _id: id } },
    ...more,
  };
}

Deno.test("A forged token gets one and the same 401 at /upload, and changes nothing that is shown", async () => {
  await using site = await Site.start("--ratelimit=0s");
  const { token } = await site.authorize("victim");
  assert.equal((await site.push(token, sample({ _id: "victim" }))).status, 200);
  const shown = await site.page();
  assert.deepEqual(shown, ['up{_id="victim",instance="",job=""} 1']);

  const rotated = signed({ alg: "ES256", kid: "" }, claimsFor("rotated"), site.rotated.privateKey);
  assert.equal((await site.push(rotated, sample({ _id: "rotated" }))).status, 200, "--verify-key does not verify");

  const stranger = ecKeys();
  const { id: kid } = await readSigningKey(site.keys.pem);
  const [head, , signature] = token.split(".");
  const pem = site.keys.publicKey.export({ type: "spki", format: "pem" }).toString();
  const body = (claims: Json) => Buffer.from(JSON.stringify(claims)).toString("base64url");
  const ours = (more: Json) => signed({ alg: "ES256", kid }, claimsFor("victim", more), site.keys.privateKey);
  const now = Math.floor(Date.now() / 1_000);
  const forgeries = {
    "none": compact({ alg: "none" }, claimsFor("victim"), () => new Uint8Array()),
    "HS256 with the public key": signedBySecret({ alg: "HS256", kid }, claimsFor("victim"), pem),
    "another key": signed({ alg: "ES256" }, claimsFor("victim"), stranger.privateKey),
    "another key under our id": signed({ alg: "ES256", kid }, claimsFor("victim"), stranger.privateKey),
    "its own key in the header": signed(
      { alg: "ES256", jwk: stranger.publicKey.export({ format: "jwk" }) },
      claimsFor("victim"),
      stranger.privateKey,
    ),
    "tampered": `${head}.${body(claimsFor("victim"))}.${signature}`,
    "another issuer": ours({ iss: "x" }),
    "another audience": ours({ aud: ["x"] }),
    "expired": ours({ exp: now - 120 }),
    "not before": ours({ nbf: now + 120 }),
    "no cluster": ours({ "telemeter.openshift.io": { labels: {} } }),
    "very long": ours({ padding: "x".repeat(9_000) }),
    "the initial token": INITIAL_TOKEN,
    "nothing": ".",
  };
  const answers = new Set<string>();
  for (const [what, forgery] of Object.entries(forgeries)) {
    const { status, text } = await site.push(forgery, sample({ _id: "victim" }, 666));
    assert.equal(status, 401, what);
    answers.add(text);
  }
  assert.equal(answers.size, 1, "the answer tells which check failed");
  assert.deepEqual((await site.page()).sort(), ['up{_id="rotated",instance="",job=""} 1', ...shown]);
  for (const secret of [token, INITIAL_TOKEN, ...Object.values(forgeries).slice(0, -1)]) {
    assert(!site.log.includes(secret), `the log shows the token ${secret}`);
  }
});

for (const form of ["protobuf", "text"] as const) {
  Deno.test(`A good token speaks for its own cluster alone, in ${form}`, async () => {
    await using site = await Site.start("--ratelimit=0s");
    const { token } = await site.authorize("attacker");
    const id = (value: string) => ({ name: "_id", value });
    const pushes: Record<string, Label[]> = {
      "another's id": [id("victim")],
      "no id": [],
      "an empty id": [id("")],
      "both, own first": [id("attacker"), id("victim")],
      "both, own last": [id("victim"), id("attacker")],
      "its own twice": [id("attacker"), id("attacker")],
      "more letters": [id("attacker ")],
      "an id inside another label": [{ name: "x", value: 'y",_id="victim' }],
    };
    for (const [what, labels] of Object.entries(pushes)) {
      const { status, text } = await site.push(token, sample(labels), form);
      assert.equal(status, 400, `${what}: ${text}`);
      assert.match(text, /^Cannot accept the push: .* label (_id )?of the token/);
    }
    assert.deepEqual(await site.page(), []);
  });
}

Deno.test("Ids of any Unicode stay one cluster each, on the page, in the log and in the store", async () => {
  await using site = await Site.start();
  const ids = [
    'quote"',
    "new\nline",
    "back\\slash",
    "../../etc",
    "a/b",
    ".",
    "é🦕",
    "tab\t{}",
    "\u0000",
    "x=y,z",
    "x".repeat(255),
  ];
  for (const id of ids) {
    const { token } = await site.authorize(id);
    assert.equal((await site.push(token, sample({ _id: id }))).status, 200, JSON.stringify(id));
  }
  const escaped = (id: string) => id.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
  const page = ids.map((id) => `up{_id="${escaped(id)}",instance="",job=""} 1`).sort();
  assert.deepEqual((await site.page()).sort(), page);
  for (const line of site.log.split("\n")) assert.match(line, /^time=/);
  await site.crash();
  assert.deepEqual((await site.page()).sort(), page);
});

Deno.test("A revoked id is refused at once at /upload and /authorize, and taken back when its line goes", async () => {
  await using site = await Site.start("--ratelimit=0s");
  const [bad, good] = [await site.authorize("bad\nid"), await site.authorize("good")];
  const pushed = async (token: string, id: string) => (await site.push(token, sample({ _id: id }))).status;
  assert.deepEqual([await pushed(bad.token, "bad\nid"), await pushed(good.token, "good")], [200, 200]);
  await site.revoke(["bad\nid"]);
  const refused = async () => await pushed(bad.token, "bad\nid") === 401;
  await eventually("the id to be refused", refused, { timeoutMs: 5_000 });
  assert.equal((await site.authorize("bad\nid")).status, 403);
  assert.deepEqual(await site.page(), ['up{_id="good",instance="",job=""} 1']);
  assert.equal(await pushed(good.token, "good"), 200);
  await site.revoke([]);
  const accepted = async () => await pushed(bad.token, "bad\nid") === 200;
  await eventually("the id to be taken back", accepted, { timeoutMs: 5_000 });
});

Deno.test("A cluster over its rate is refused before its body is read, and told when to come back", async () => {
  await using site = await Site.start("--ratelimit=1h");
  const { token } = await site.authorize("c");
  assert.equal((await site.push(token, sample({ _id: "c" }))).status, 200);
  using client = await RawClient.connect(site.port);
  await client.send(
    `POST /upload HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${token}\r\nContent-Length: 400000\r\n\r\n`,
  );
  await client.until(/^HTTP\/1\.1 429 /);
  const [, seconds] = await client.until(/\r\nretry-after: (\d+)\r\n/i);
  assert(Number(seconds) > 3_500 && Number(seconds) <= 3_600, seconds);
});
