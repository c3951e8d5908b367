import assert from "node:assert/strict";
import fc from "fast-check";
import { HttpError } from "../../../common/http/http.ts";
import { createRegistry } from "../../../common/metrics.ts";
import { AuthorizationRefused, type Authorizer, type RefusalStatus } from "../../../server/authorization/authorizer.ts";
import { oauth2TokenHandler } from "../../../server/authorization/oauth2_token.ts";
import { TokenExchange, type TokenExchangeOptions } from "../../../server/authorization/token_exchange.ts";
import { generateSigningKey } from "../../../server/authorization/token_keys.ts";
import { TokenSigner, TokenVerifier } from "../../../server/authorization/tokens.ts";
import { NO_DIRECTORY, NO_REFUSALS } from "../../support/no_directory.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const NOW = Date.UTC(2026, 10, 26);
const key = await generateSigningKey();
const verifier = new TokenVerifier([key], { now: () => NOW });
const PEER = { address: "192.0.2.1" };
const FORM = "application/x-www-form-urlencoded";
const GRANT = "grant_type=client_credentials";

/** Knows the cluster `c` by the secret `s`, and one with characters that must be encoded. */
const CLUSTERS: Readonly<Record<string, string>> = { c: "s", "a:b c%é": "+&=:ü" };

const authorizer: Authorizer = {
  authorize: (token, id) =>
    CLUSTERS[id] === token ? Promise.resolve({ accountId: "account" }) : Promise.reject(new AuthorizationRefused(401)),
};

function setUp(options: Partial<TokenExchangeOptions> = {}) {
  const registry = createRegistry();
  const exchange = new TokenExchange({
    authorizer,
    signer: new TokenSigner(key),
    partitionLabel: "_id",
    requiredLabels: new Map([["kind", "test"]]),
    expireSeconds: 3_600,
    directory: NO_DIRECTORY,
    refusals: NO_REFUSALS,
    now: () => NOW,
    ...options,
  });
  const handler = oauth2TokenHandler({ exchange, registry });
  const ask = async (body: BodyInit, headers: Record<string, string> = {}, peer = PEER) => {
    const request = new Request("http://h/oauth2/token", {
      method: "POST",
      headers: { "content-type": FORM, ...headers },
      body,
    });
    const response = await handler(request, peer);
    return { status: response.status, headers: response.headers, json: await response.json() };
  };
  const results = async () => {
    const metric = await registry.getSingleMetric("telemeter_oauth2_token_requests_total")!.get();
    return Object.fromEntries(metric.values.filter(({ value }) => value > 0).map((v) => [v.labels.result, v.value]));
  };
  return { ask, results };
}

/** As golang.org/x/oauth2 writes it, which Prometheus and vmagent use. */
function basic(id: string, secret: string): Record<string, string> {
  const encoded = (text: string) => new URLSearchParams([["", text]]).toString().slice(1);
  return { authorization: `Basic ${btoa(`${encoded(id)}:${encoded(secret)}`)}` };
}

Deno.test("oauth2TokenHandler() grants a token by credentials in the header, or in the form", async () => {
  const { ask, results } = setUp();
  for (const [id, secret] of Object.entries(CLUSTERS)) {
    const fields = new URLSearchParams({ grant_type: "client_credentials", client_id: id, client_secret: secret });
    const answers = [
      await ask(`${GRANT}&scope=push`, basic(id, secret)),
      await ask(`${GRANT}&client_id=${encodeURIComponent(id)}`, basic(id, secret)),
      await ask(fields.toString()),
      await ask(fields.toString(), { "content-type": `${FORM}; charset=utf-8` }),
    ];
    for (const { status, headers, json } of answers) {
      assert.equal(status, 200);
      assert.deepEqual(Object.keys(json).sort(), ["access_token", "expires_in", "token_type"]);
      assert.deepEqual([json.token_type, json.expires_in], ["Bearer", 3_600]);
      assert.deepEqual([headers.get("content-type"), headers.get("cache-control"), headers.get("pragma")], [
        "application/json",
        "no-store",
        "no-cache",
      ]);
      const { labels } = await verifier.verify(json.access_token);
      assert.deepEqual(labels, new Map([["kind", "test"], ["_id", id]]));
    }
  }
  assert.deepEqual(await results(), { granted: 8 });
});

for (
  const [what, status, error, body, headers] of [
    ["no grant type", 400, "invalid_request", "client_id=c&client_secret=s"],
    ["an empty grant type", 400, "invalid_request", "grant_type=&client_id=c&client_secret=s"],
    ["another grant", 400, "unsupported_grant_type", "grant_type=password&client_id=c&client_secret=s"],
    ["a parameter twice", 400, "invalid_request", `${GRANT}&client_id=c&client_id=c&client_secret=s`],
    ["bytes that are not UTF-8", 400, "invalid_request", `${GRANT}&client_id=%ff&client_secret=s`],
    ["a body that is too long", 400, "invalid_request", `${GRANT}&x=${"x".repeat(40_000)}`],
    ["a body of JSON", 400, "invalid_request", '{"grant_type":"client_credentials"}', {
      "content-type": "application/json",
    }],
    ["two ways at once", 400, "invalid_request", `${GRANT}&client_id=c&client_secret=s`, basic("c", "s")],
    ["two ids", 400, "invalid_request", `${GRANT}&client_id=d`, basic("c", "s")],
    ["no credentials", 401, "invalid_client", GRANT],
    ["no secret", 401, "invalid_client", `${GRANT}&client_id=c`],
    ["a wrong secret", 401, "invalid_client", `${GRANT}&client_id=c&client_secret=t`],
    ["a wrong secret in the header", 401, "invalid_client", GRANT, basic("c", "t")],
    ["a client that is not known", 401, "invalid_client", GRANT, basic("d", "s")],
    ["an id that is too long", 401, "invalid_client", GRANT, basic("x".repeat(256), "s")],
    ["a secret that is too long", 401, "invalid_client", GRANT, basic("c", "s".repeat(8_193))],
    ["another scheme", 401, "invalid_client", GRANT, { authorization: "Bearer s" }],
    ["a byte order mark before the form", 400, "invalid_request", `\ufeff${GRANT}`, basic("c", "s")],
    ["a byte order mark before the id", 401, "invalid_client", GRANT, {
      authorization: `Basic ${new TextEncoder().encode("\ufeffc:s").toBase64()}`,
    }],
    ["no base64", 401, "invalid_client", GRANT, { authorization: "Basic ????" }],
  ] as const
) {
  Deno.test(`oauth2TokenHandler() answers ${status} ${error} to ${what}`, async () => {
    const { ask, results } = setUp();
    const answer = await ask(body, headers);
    assert.deepEqual([answer.status, answer.json.error], [status, error]);
    assert.equal(typeof answer.json.error_description, "string");
    assert.equal(answer.headers.get("cache-control"), "no-store");
    assert.equal(answer.headers.get("www-authenticate"), status === 401 ? 'Basic realm="telemeter"' : null);
    assert.deepEqual(await results(), { [error]: 1 });
  });
}

Deno.test("oauth2TokenHandler() says in the protocol's words what the authorizer says", async () => {
  const expected: [RefusalStatus, number, string][] = [
    [401, 401, "invalid_client"],
    [403, 400, "unauthorized_client"],
    [404, 401, "invalid_client"],
    [409, 400, "unauthorized_client"],
    [429, 429, "temporarily_unavailable"],
  ];
  for (const [given, status, error] of expected) {
    const { ask } = setUp({ authorizer: { authorize: () => Promise.reject(new AuthorizationRefused(given)) } });
    const answer = await ask(GRANT, basic("c", "s"));
    assert.deepEqual([answer.status, answer.json.error], [status, error], String(given));
    assert.equal(answer.headers.get("retry-after"), given === 429 ? "300" : null);
  }
});

Deno.test("oauth2TokenHandler() tells that an id is revoked only to whom the authorizer knows", async () => {
  const { ask } = setUp({ revoked: { has: () => Promise.resolve(true) } });
  const own = await ask(GRANT, basic("c", "s"));
  assert.deepEqual([own.status, own.json.error], [400, "unauthorized_client"]);
  assert.match(own.json.error_description, /revoked/);
  assert.equal((await ask(GRANT, basic("c", "t"))).json.error, "invalid_client");
});

Deno.test("oauth2TokenHandler() keeps what is wrong with the authorizer from strangers", async () => {
  const { ask, results } = setUp({ authorizer: { authorize: () => Promise.reject(new Error("the reason")) } });
  await assert.rejects(ask(GRANT, basic("c", "s")), (error) => {
    return error instanceof HttpError && error.status === 503 && error.detail === "the reason";
  });
  assert.deepEqual(await results(), { temporarily_unavailable: 1 });
});

Deno.test("oauth2TokenHandler() answers whatever comes by a token or by an error of the protocol", async () => {
  const { ask } = setUp();
  const text = fc.oneof(fc.constantFrom(GRANT, "client_id=c", "client_secret=s", "", "%ff", "="), fc.string());
  const body = fc.oneof(
    fc.array(text, { maxLength: 5 }).map((parts) => parts.join("&")),
    fc.uint8Array({ maxLength: 40, size: "max" }).map((bytes) => new Uint8Array(bytes)),
  );
  const header = fc.option(
    fc.oneof(fc.base64String().map((it) => `Basic ${it}`), fc.constant(basic("c", "s").authorization)),
  );
  await fc.assert(
    fc.asyncProperty(body, header, async (body, authorization) => {
      const { status, json } = await ask(body, authorization === null ? {} : { authorization });
      if (status === 200) assert.equal(json.token_type, "Bearer");
      else {assert.match(
          `${status} ${json.error}`,
          /^(?:400 (?:invalid_request|unsupported_grant_type)|401 invalid_client)$/,
        );}
    }),
    { numRuns: 500 },
  );
});

Deno.test("oauth2TokenHandler() holds who sends wrong secrets to the limits of an address, and nobody else", async () => {
  const { ask, results } = setUp({ addressLimit: { burst: 10, intervalMs: 60_000 }, elapsed: () => 0 });
  const answers = new Map<number, number>();
  for (let i = 0; i < 50; i++) {
    const { status } = await ask(GRANT, basic("c", `wrong-${i}`));
    answers.set(status, (answers.get(status) ?? 0) + 1);
  }
  assert.deepEqual(answers, new Map([[401, 10], [429, 40]]));
  for (let i = 0; i < 5; i++) {
    assert.equal((await ask(GRANT, basic("c", "s"), { address: "198.51.100.1" })).status, 200);
  }
  assert.deepEqual(await results(), { granted: 5, invalid_client: 10, temporarily_unavailable: 40 });
});
