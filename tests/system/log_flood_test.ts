/** The real programs under requests that are all refused, each for a cluster, a path, a method or a reason of its own. */

import assert from "node:assert/strict";
import { PROTOBUF_CONTENT_TYPE } from "../../common/exposition/protobuf.ts";
import { RingServers } from "../faults/ring_servers.ts";
import { makeCertificate } from "../support/certificates.ts";
import { OpenServer } from "../support/open_server.ts";
import { tempFolder } from "../support/programs.ts";
import { RawClient } from "../support/raw_client.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** Refused requests of each kind. */
const TIMES = 1_200;
const AT_ONCE = 8;

/** Does something so many times, some at once. */
async function flood(act: (n: number) => Promise<void>, times = TIMES): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < times) await act(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** Sends something on a connection of its own, and reads whatever comes until the server ends it. */
async function say(port: number, bytes: string): Promise<string> {
  using client = await RawClient.connect(port);
  try {
    await client.send(bytes);
    await client.closeWrite();
    return await client.untilClosed();
  } catch {
    return client.received;
  }
}

/** How much a program wrote while something was done: lines, bytes, and the longest line. */
async function written(log: () => readonly string[], act: () => Promise<void>) {
  const before = log().length;
  await act();
  const lines = log().slice(before), lengths = lines.map((line) => new TextEncoder().encode(line).length + 1);
  return {
    lines: lines.length,
    bytes: lengths.reduce((sum, length) => sum + length, 0),
    longest: Math.max(0, ...lengths),
    leftOut: lines.some((line) => /linesLeftOut|More has happened/.test(line)),
  };
}

/**
 * What the log may take of one flood: of the things that a minute tells apart a line each, at most as many as may come at once,
 * and each of what a line may repeat of a client's words.
 */
function assertBounded({ lines, bytes, longest }: Awaited<ReturnType<typeof written>>, most: number) {
  assert.ok(lines <= most, `${lines} lines`);
  assert.ok(longest <= 4_096, `a line of ${longest} bytes`);
  assert.ok(bytes <= 1_024 * most, `${bytes} bytes`);
}

Deno.test("Refused pushes, requests and connections of any number fill no log", async (t) => {
  await using ring = await RingServers.create({ names: ["a"] });
  await ring.start();
  const [server] = ring.servers;
  const port = Number(server.external.port), ringPort = Number(server.cluster.split(":")[1]);
  const log = () => server.child.lines;

  await t.step("pushes of clusters that are all another one's", async () => {
    const wrote = await written(log, () =>
      flood(async (n) => {
        const token = await ring.token(`flood-${n}-${"x".repeat(200)}`);
        const headers = { authorization: `Bearer ${token}`, "content-type": PROTOBUF_CONTENT_TYPE };
        const body = `no push, ${n}`;
        const response = await fetch(new URL("upload", server.external), { method: "POST", headers, body });
        await response.body?.cancel();
        assert.equal(response.status, 400);
      }));
    assert.ok(wrote.lines > 0);
    assertBounded(wrote, 1_010);
  });

  await t.step("methods, paths and words of every kind", async () => {
    const wrote = await written(log, () =>
      flood(async (n) => {
        const long = "y".repeat(n % 3 === 0 ? 3_000 : 10);
        const target = `/${n}/${long}?${n}`;
        const answer = await say(
          port,
          `${
            n % 2 === 0 ? "POST" : `M${n}`
          } ${target} HTTP/1.1\r\nhost: h${n}\r\nx-${n}: ${long}\r\nconnection: close\r\n\r\n`,
        );
        assert.match(answer, /^HTTP\/1\.1 (400|404|405|501) |^$/);
      }));
    assertBounded(wrote, 100);
  });

  await t.step("bytes that are no HTTP", async () => {
    const wrote = await written(
      log,
      () => flood(async (n) => void await say(port, `\x16\x03\x01${n}\x00\xff${"z".repeat(100)}\r\n\r\n`)),
    );
    assertBounded(wrote, 100);
  });

  await t.step("strangers at the ring's listener", async () => {
    const wrote = await written(
      log,
      () => flood(async (n) => void await say(ringPort, `GET /${n} HTTP/1.1\r\n\r\n`), 300),
    );
    assertBounded(wrote, 60);
  });
});

Deno.test("TLS handshakes that fail fill no log", async () => {
  await using folder = await tempFolder();
  const { cert, key } = await makeCertificate("server");
  const files = [`--tls-crt=${await folder.write("crt", cert)}`, `--tls-key=${await folder.write("key", key)}`];
  await using server = await OpenServer.start(...files);
  const wrote = await written(() => server.log, () =>
    flood(async (n) => {
      // Plain HTTP, a hello that breaks off, another version of TLS, noise.
      const says = [
        `GET /${n} HTTP/1.1\r\n\r\n`,
        "\x16\x03\x01\x02\x00\x01",
        "\x16\x02\x00\x00\x05hello",
        `${n}\x00\xff`,
      ];
      await say(server.port, says[n % says.length]);
    }));
  assertBounded(wrote, 100);
});
