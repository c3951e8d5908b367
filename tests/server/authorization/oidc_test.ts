import assert from "node:assert/strict";
import type { Handler } from "../../../common/http/http.ts";
import type { Listener } from "../../../common/http/listener.ts";
import { PasswordGrant } from "../../../server/authorization/oidc.ts";
import { loopback } from "../../support/loopback.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const { signal } = new AbortController();

/** An issuer for a test: what it was asked, and how it answers. */
class Issuer implements AsyncDisposable {
  readonly asked: string[] = [];
  forms: Record<string, string>[] = [];
  configuration: (base: string) => unknown = (base) => ({ issuer: base, token_endpoint: `${base}/token` });
  grant: () => Response | Promise<Response> = () =>
    Response.json({ access_token: `access-${this.forms.length}`, token_type: "Bearer", expires_in: 300 });
  #listener!: Listener;

  static async start(): Promise<Issuer> {
    const issuer = new Issuer();
    const handler: Handler = async (request) => {
      const { pathname } = new URL(request.url);
      issuer.asked.push(`${request.method} ${pathname}`);
      if (pathname === "/realm/.well-known/openid-configuration") {
        return Response.json(issuer.configuration(issuer.base));
      }
      issuer.forms.push(Object.fromEntries(new URLSearchParams(await request.text())));
      return await issuer.grant();
    };
    issuer.#listener = await loopback(handler);
    return issuer;
  }

  get base(): string {
    return `${this.#listener.url.href}realm`;
  }

  client(now: () => number = () => 0, issuer = this.base): PasswordGrant {
    const identity = { clientId: "telemeter", username: "us&er", password: "p=ss wörd" };
    return new PasswordGrant({ issuer: new URL(issuer), now, ...identity });
  }

  [Symbol.asyncDispose]() {
    return this.#listener[Symbol.asyncDispose]();
  }
}

Deno.test("PasswordGrant.get() finds the token endpoint and asks it by password grant", async () => {
  await using issuer = await Issuer.start();
  assert.equal(await issuer.client().get(signal), "access-1");
  assert.equal(await issuer.client(() => 0, issuer.base + "/").get(signal), "access-2");
  const form = { grant_type: "password", client_id: "telemeter", username: "us&er", password: "p=ss wörd" };
  assert.deepEqual(issuer.forms, [form, form]);
  assert.deepEqual(issuer.asked.slice(0, 2), ["GET /realm/.well-known/openid-configuration", "POST /realm/token"]);
});

Deno.test("PasswordGrant.get() asks once for all who wait, and again shortly before the token expires", async () => {
  await using issuer = await Issuer.start();
  let now = 0;
  const client = issuer.client(() => now);
  assert.deepEqual(await Promise.all([client.get(signal), client.get(signal)]), ["access-1", "access-1"]);
  now = 269_999;
  assert.equal(await client.get(signal), "access-1");
  now = 270_000;
  assert.equal(await client.get(signal), "access-2");
  assert.equal(issuer.asked.filter((what) => what.startsWith("GET")).length, 1, "found the endpoint again");
});

Deno.test("PasswordGrant.get() copes with any way to write the token's life", async () => {
  await using issuer = await Issuer.start();
  const lives: readonly [life: unknown, renewedAtMs: number][] = [
    [20, 10_000],
    ["300", 270_000],
    [undefined, 270_000],
    [0, 270_000],
    ["soon", 270_000],
  ];
  for (const [life, renewedAtMs] of lives) {
    let now = 0;
    const client = issuer.client(() => now);
    issuer.grant = () => Response.json({ access_token: `t${issuer.forms.length}`, expires_in: life });
    const first = await client.get(signal);
    now = renewedAtMs - 1;
    assert.equal(await client.get(signal), first, `${life}`);
    now = renewedAtMs;
    assert.notEqual(await client.get(signal), first, `${life}`);
  }
});

Deno.test("PasswordGrant.get() fails alike for all who wait, and leaves the issuer alone for a while", async () => {
  await using issuer = await Issuer.start();
  let now = 0;
  const client = issuer.client(() => now);
  const good = issuer.grant;
  issuer.grant = () => Response.json({ error: "invalid_grant", error_description: "p=ss wörd" }, { status: 400 });
  for (const waiting of [client.get(signal), client.get(signal)]) {
    await assert.rejects(waiting, (error: Error) => {
      assert.match(error.message, /Cannot get access to the authorizer/);
      assert(!Deno.inspect(error).includes("wörd"), "the password shows");
      return true;
    });
  }
  issuer.grant = good;
  now = 9_999;
  await assert.rejects(client.get(signal));
  assert.equal(issuer.forms.length, 1);
  now = 10_000;
  assert.equal(await client.get(signal), "access-2");
});

Deno.test("PasswordGrant.get() refuses configurations and grants that are not proper", async () => {
  await using issuer = await Issuer.start();
  const proper = issuer.configuration;
  const configurations: unknown[] = [
    null,
    "text",
    {},
    { issuer: "http://elsewhere", token_endpoint: `${issuer.base}/token` },
    { issuer: issuer.base },
    { issuer: issuer.base, token_endpoint: "token" },
    { issuer: issuer.base, token_endpoint: "ftp://127.0.0.1/token" },
    { issuer: issuer.base, token_endpoint: `${issuer.base}/token`, padding: "x".repeat(65_536) },
  ];
  for (const configuration of configurations) {
    issuer.configuration = () => configuration;
    await assert.rejects(
      issuer.client().get(signal),
      /Cannot get access/,
      JSON.stringify(configuration)?.slice(0, 100),
    );
  }
  assert.equal(issuer.forms.length, 0, "sent the password for a bad configuration");
  issuer.configuration = proper;
  const grants: Response[] = [
    Response.json({}),
    Response.json({ access_token: "" }),
    Response.json({ access_token: "two\r\nlines" }),
    Response.json({ access_token: "x", token_type: "mac" }),
    Response.json({ access_token: "x" }, { status: 201 }),
    new Response("{}"),
    new Response(null, { status: 307, headers: { location: "/elsewhere" } }),
  ];
  for (const grant of grants) {
    issuer.grant = () => grant;
    await assert.rejects(issuer.client().get(signal), /Cannot get access/);
  }
  assert(!issuer.asked.includes("POST /elsewhere"));
});

Deno.test("PasswordGrant.get() goes on for the others when one gives up waiting", async () => {
  await using issuer = await Issuer.start();
  const { promise: asked, resolve: onAsked } = Promise.withResolvers<void>();
  const { promise: answer, resolve } = Promise.withResolvers<Response>();
  issuer.grant = () => {
    onAsked();
    return answer;
  };
  const client = issuer.client();
  const stop = new AbortController();
  const impatient = client.get(stop.signal);
  const patient = client.get(signal);
  await asked;
  stop.abort(new Error("gave up"));
  await assert.rejects(impatient, /gave up/);
  resolve(Response.json({ access_token: "late" }));
  assert.equal(await patient, "late");
});

Deno.test("PasswordGrant.refused() drops a token that was good once, but not one that is new", async () => {
  await using issuer = await Issuer.start();
  let now = 0;
  const client = issuer.client(() => now);
  const first = await client.get(signal);
  now = 59_999;
  assert.equal(client.refused(first), false);
  now = 60_000;
  assert.equal(client.refused(first), true);
  const second = await client.get(signal);
  assert.notEqual(second, first);
  assert.equal(client.refused(first), true, "another request renewed it meanwhile");
  assert.equal(await client.get(signal), second);
});
