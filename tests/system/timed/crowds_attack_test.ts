// The real program, and crowds that hold every connection that it takes. Linux takes all of 127.0.0.0/8 for this machine, so
// that each may come from an address of its own.

import assert from "node:assert/strict";
import { connect as connectTls } from "node:tls";
import { encodeFamilies, PROTOBUF_CONTENT_TYPE } from "../../../common/exposition/protobuf.ts";
import { makeCertificate } from "../../support/certificates.ts";
import { Child } from "../../../scripts/process/child.ts";
import { taskCommand } from "../../../scripts/process/tasks.ts";
import { OpenServer } from "../../support/open_server.ts";
import { tempFolder } from "../../support/programs.ts";
import { Crowd, type Loiterer, type Visit, visit } from "../../support/visits.ts";

const LIMIT = 400;
const PUSHES = 100;

/** Addresses of `networks` networks of 256 each, in turn. */
function* addresses(networks: number): Generator<string> {
  for (let n = 0;; n++) yield `127.${10 + n % networks}.0.${Math.floor(n / networks) % 256}`;
}

/** A body that is read before anybody asks for a token, and comes as fast as it has to. */
const FORM = "POST /authorize HTTP/1.1\r\nHost: a\r\nContent-Length: 4000\r\n" +
  "Content-Type: application/x-www-form-urlencoded\r\n\r\nid=";

/** A client that pushes as clients of openshift/telemeter do: on a connection of its own each time. */
async function pushes(at: Visit, count: number): Promise<{ p99: number; refused: string[] }> {
  const times: number[] = [], refused: string[] = [];
  for (let n = 0; n < count; n++) {
    const id = `good-${n}`, headers = { authorization: "Bearer anything" };
    const one = { ...at, from: `127.200.${n % 200}.1`, method: "POST" };
    try {
      const authorized = await visit({ ...one, path: `/authorize?id=${id}`, headers });
      const { token } = JSON.parse(authorized.text);
      const metrics = [{ labels: [{ name: "_id", value: id }], value: n, timestampMs: Date.now() }];
      const { status, text, ms } = await visit({
        ...one,
        path: "/upload",
        headers: { "authorization": `Bearer ${token}`, "content-type": PROTOBUF_CONTENT_TYPE },
        body: encodeFamilies([{ name: "up", type: "gauge", metrics }]),
      });
      times.push(authorized.ms, ms);
      if (status !== 200) refused.push(`${status} ${text}`);
    } catch (error) {
      refused.push(String(error));
    }
  }
  times.sort((a, b) => a - b);
  return { p99: times[Math.ceil(times.length * 0.99) - 1] ?? Infinity, refused };
}

interface Attack {
  readonly loiterer: Loiterer;
  readonly networks: number;
  readonly secure?: true;
}

const HELLO = await clientHello();
/** The start of one of 16,000 bytes. */
const LONG_HELLO = Uint8Array.of(0x16, 3, 1, 0x3e, 0x80, 1, 0, 0x3e, 0x7c, 3, 3);

const ATTACKS: Readonly<Record<string, Attack>> = {
  "say nothing": { loiterer: {}, networks: 10 },
  "send headers by the byte": { loiterer: { begin: "GET / HTTP/1.1\r\nX: ", goOn: "a" }, networks: 10 },
  "idle after a request": { loiterer: { begin: "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n" }, networks: 10 },
  "send by the byte after a request": {
    loiterer: { begin: "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nX: ", goOn: "a" },
    networks: 10,
  },
  "come from all of one network": { loiterer: {}, networks: 1 },
  "send the half of a body": { loiterer: { begin: FORM, goOn: "a".repeat(60) }, networks: 10 },
  "begin a TLS handshake": { loiterer: { begin: HELLO.subarray(0, 6) }, networks: 10, secure: true },
  "send TLS by the byte": { loiterer: { begin: LONG_HELLO, goOn: "\0" }, networks: 10, secure: true },
  "leave a TLS handshake half done": { loiterer: { begin: HELLO }, networks: 10, secure: true },
  "leave handshakes half done from all of one network": { loiterer: { begin: HELLO }, networks: 1, secure: true },
};

for (const [what, { loiterer, networks, secure }] of Object.entries(ATTACKS)) {
  Deno.test(`Connections that ${what} give way to clients that push`, async () => {
    await using stack = new AsyncDisposableStack();
    const { flags, caCert } = secure ? await certified(stack) : { flags: [], caCert: undefined };
    const server = stack.use(await OpenServer.start(`--limit-connections=${LIMIT}`, "--ratelimit=0s", ...flags));
    const { port } = server, from = [...addresses(networks).take(LIMIT)];
    const crowd = stack.use(await Crowd.gather(port, from, loiterer));
    const { p99, refused } = await pushes({ port, caCert }, PUSHES);
    assert.deepEqual(refused, []);
    assert(p99 < 250, `p99 is ${p99} ms`);
    assert(crowd.lost > 0 && crowd.size > 0, "no crowd was there");
    const gaveWay = await server.metric(
      'telemeter_http_connections_cut_total{listener="external",reason="room_total"}',
    );
    const refusals = 'telemeter_http_connections_refused_total{listener="external",reason="network"}';
    if (networks === 1) assert(await server.metric(refusals) ?? 0 >= 300);
    else assert(gaveWay! > 0, "nobody has given way");
  });
}

Deno.test("Connections that hold all files of the server give way to clients that push, and leave nothing behind", async () => {
  await using folder = await tempFolder();
  const places = ["--listen=127.0.0.1:0", "--listen-internal=127.0.0.1:0", `--storage-dir=${folder.path}`];
  const { path, args, ...command } = taskCommand("server", [...places, "--ratelimit=0s"]);
  await using server = new Child({
    ...command,
    path: "sh",
    args: ["-c", 'ulimit -n 600; exec "$@"', "sh", path, ...args],
  });
  const [, port, internal] = (await server.line(/external=\S+:(\d+)\/ internal=\S+:(\d+)\//)).map(Number);
  {
    await using crowd = await Crowd.gather(port, [...addresses(10).take(LIMIT)], {});
    const { p99, refused } = await pushes({ port }, PUSHES);
    assert.deepEqual(refused, []);
    assert(p99 < 250, `p99 is ${p99} ms`);
    assert(crowd.lost > 0);
  }
  const { text } = await visit({ port: internal, path: "/metrics" });
  assert.match(text, /^telemeter_http_connections_cut_total{listener="external",reason="room_total"} [1-9]/m);
  assert.match(server.lines.join("\n"), /level=warning .*msg="Takes fewer connections than --limit-connections says/);
  assert.deepEqual((await pushes({ port }, 1)).refused, []);
});

/** The flags of a server that speaks TLS. */
async function certified(stack: AsyncDisposableStack): Promise<{ flags: string[]; caCert: string }> {
  const dir = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(dir, { recursive: true }));
  const { cert, key } = await makeCertificate("test");
  await Deno.writeTextFile(`${dir}/crt`, cert);
  await Deno.writeTextFile(`${dir}/key`, key, { mode: 0o600 });
  return { flags: [`--tls-crt=${dir}/crt`, `--tls-key=${dir}/key`], caCert: cert };
}

/** What a TLS client says first, whomever it talks to. */
async function clientHello(): Promise<Uint8Array> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const client = connectTls({ host: "127.0.0.1", port, servername: "localhost" }).on("error", () => {});
  using connection = await listener.accept();
  const hello = new Uint8Array(4_096);
  const length = await connection.read(hello);
  client.destroy();
  return hello.subarray(0, length!);
}
