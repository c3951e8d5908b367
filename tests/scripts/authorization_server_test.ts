import assert from "node:assert/strict";
import { authorizerStub, parseTokens } from "../../scripts/authorization_server.ts";
import { loopback } from "../support/loopback.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const JSON_TYPE = { "content-type": "application/json" };

async function withStub(
  test: (ask: (init: RequestInit) => Promise<[number, Record<string, string>]>) => Promise<void>,
) {
  await using stub = await loopback(authorizerStub(["a", "b"]));
  await test(async (init) => {
    const response = await fetch(stub.url, init);
    assert.equal(response.headers.get("content-type"), "application/json");
    return [response.status, await response.json()];
  });
}

const question = (cluster: unknown, token: unknown): RequestInit => ({
  method: "POST",
  headers: JSON_TYPE,
  body: JSON.stringify({ cluster_id: cluster, authorization_token: token, account_id: "" }),
});

Deno.test("authorizerStub() registers a cluster with 201, and knows it with 200 from then on", async () => {
  await withStub(async (ask) => {
    const registration = { cluster_id: "foobar", authorization_token: "a", account_id: "8b521e7rjipv8" };
    assert.deepEqual(await ask(question("foobar", "a")), [201, registration]);
    assert.deepEqual(await ask(question("foobar", "a")), [200, registration]);
    assert.deepEqual(await ask(question("foobar", "b")), [201, { ...registration, authorization_token: "b" }]);
    assert.deepEqual(await ask(question("a", "a")), [201, {
      cluster_id: "a",
      authorization_token: "a",
      account_id: "auous9i303r4c",
    }]);
  });
});

Deno.test("authorizerStub() tells balancers and monitors that it runs", async () => {
  await using stub = await loopback(authorizerStub(["a"]));
  for (const path of ["/healthz", "/healthz/ready", "/healthz/ready?a=b"]) {
    for (const method of ["GET", "HEAD", "OPTIONS"]) {
      const response = await fetch(new URL(path, stub.url), { method });
      assert.deepEqual([response.status, await response.text()], [200, method === "HEAD" ? "" : "ok\n"]);
    }
  }
});

Deno.test("authorizerStub() answers errors by their names", async () => {
  const post = (body: BodyInit, headers: Record<string, string> = JSON_TYPE) => ({ method: "POST", headers, body });
  const requests: [init: RequestInit, status: number, name: string][] = [
    [{ method: "GET" }, 405, "MethodNotAllowed"],
    [{ method: "PUT", headers: JSON_TYPE, body: "{}" }, 405, "MethodNotAllowed"],
    [post("{}", {}), 400, "InvalidContentType"],
    [post("{}", { "content-type": "text/plain" }), 400, "InvalidContentType"],
    [post(""), 400, "InvalidBody"],
    [post("{"), 400, "InvalidBody"],
    [post("null"), 400, "InvalidBody"],
    [post("[]"), 400, "InvalidBody"],
    [post(`{"padding":"${"x".repeat(32_768)}"}`), 400, "InvalidBody"],
    [question(7, "a"), 400, "InvalidBody"],
    [question("c", null), 400, "InvalidBody"],
    [post("{}"), 400, "BadRequest"],
    [question("", "a"), 400, "BadRequest"],
    [question("", "unknown"), 400, "BadRequest"],
    [question("c", ""), 401, "NotAuthorized"],
    [question("c", "unknown"), 401, "NotAuthorized"],
    [question("c", "A"), 401, "NotAuthorized"],
  ];
  await withStub(async (ask) => {
    for (const [init, status, name] of requests) {
      const [answered, body] = await ask(init);
      assert.deepEqual([answered, body.name, Object.keys(body)], [status, name, ["name", "reason"]], `${init.body}`);
    }
  });
});

Deno.test("authorizerStub() takes a charset beside the media type", async () => {
  await withStub(async (ask) => {
    const headers = { "content-type": "application/json; charset=utf-8" };
    assert.equal((await ask({ ...question("c", "a"), headers }))[0], 201);
  });
});

Deno.test("parseTokens() reads a list of tokens", () => {
  assert.deepEqual(parseTokens('[{"token":"a"},{"token":"b","other":1}]'), ["a", "b"]);
  assert.deepEqual(parseTokens("[]"), []);
});

Deno.test("parseTokens() refuses anything else, and quotes nothing of it", () => {
  for (const text of ["", "{", '{"token":"s3cret"}', '["s3cret"]', '[{"token":1}]', "[null]", '[{"s3cret":"a"}]']) {
    assert.throws(
      () => parseTokens(text),
      (error) => error instanceof SyntaxError && !error.message.includes("s3cret"),
    );
  }
});

/** Runs the program to its end. */
async function run(...args: string[]): Promise<{ code: number; stderr: string }> {
  const script = new URL("../../scripts/authorization_server.ts", import.meta.url).pathname;
  const flags = ["run", "--no-prompt", "--allow-net=127.0.0.1", "--allow-read"];
  const command = new Deno.Command(Deno.execPath(), { args: [...flags, script, ...args], stderr: "piped" });
  const { code, stderr } = await command.output();
  return { code, stderr: new TextDecoder().decode(stderr) };
}

Deno.test("authorization-server ends bad usage with one sentence and exit code 2", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/bad.json`, '{"token":"s3cret"}', { mode: 0o600 });
    await Deno.writeTextFile(`${folder}/good.json`, '[{"token":"s3cret"}]', { mode: 0o600 });
    const uses: [args: string[], sentence: RegExp][] = [
      [[], /ADDR/],
      [["127.0.0.1:0"], /TOKENS\.json/],
      [["127.0.0.1:0", `${folder}/good.json`, "more"], /more arguments than it takes/],
      [
        ["127.0.0.1:0", `${folder}/missing.json`],
        /: Bad TOKENS\.json: Cannot read '\S+missing\.json': there is no such file: make it, or name another$/m,
      ],
      [
        ["127.0.0.1:0", `${folder}/bad.json`],
        /: Bad TOKENS\.json '\S+bad\.json': it holds something else: write a list such as /,
      ],
      [["127.0.0.1", `${folder}/good.json`], /HOST:PORT/],
      [["127.0.0.1:0", `${folder}/good.json`, "--unknown"], /--unknown/],
    ];
    await Promise.all(uses.map(async ([args, sentence]) => {
      const { code, stderr } = await run(...args);
      assert.equal(code, 2, stderr);
      assert.match(stderr, /^authorization-server: [^\n]+\n$/);
      assert.match(stderr, sentence);
      assert(!stderr.includes("s3cret"));
    }));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("authorization-server serves until SIGTERM, with the permissions of its task", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(path, '[{"token":"s3cret"}]');
    const script = new URL("../../scripts/authorization_server.ts", import.meta.url).pathname;
    const args = [
      "run",
      "--no-prompt",
      "--allow-net",
      "--allow-read",
      script,
      "127.0.0.1:0",
      path,
      "--log-format=json",
    ];
    await using child = new Deno.Command(Deno.execPath(), { args, stderr: "piped" }).spawn();
    const lines = child.stderr.pipeThrough(new TextDecoderStream());
    let log = "";
    for await (const chunk of lines.values({ preventCancel: true })) {
      log += chunk;
      if (log.includes("\n")) break;
    }
    const url = /http:\/\/[^"\s]+/.exec(log)?.[0];
    assert(url !== undefined, log);
    const response = await fetch(url, question("c", "s3cret"));
    assert.deepEqual([response.status, (await response.json()).cluster_id], [201, "c"]);
    child.kill("SIGTERM");
    for await (const chunk of lines) log += chunk;
    assert.equal((await child.status).code, 0, log);
    assert(!log.includes("s3cret"), log);
  } finally {
    await Deno.remove(path);
  }
});
