/** Pages that end before their end, from servers and proxies that do not tell, over a real socket. */

import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { federate } from "../../client/federate.ts";
import { directClients as clients } from "../support/direct_clients.ts";
import type { MetricFamily } from "../../common/exposition/metric_family.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const bytes = (text: string) => new TextEncoder().encode(text);

/** Scrapes a server that answers with these bytes, and then ends the connection as if all was well. */
async function scrape(...answer: (string | Uint8Array)[]): Promise<MetricFamily[]> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    using connection = await listener.accept();
    await connection.read(new Uint8Array(65_536));
    for (const part of answer) {
      for (let rest = typeof part === "string" ? bytes(part) : part; rest.length > 0;) {
        rest = rest.subarray(await connection.write(rest));
      }
    }
    await connection.closeWrite();
    // Until the client has closed its side.
    while (await connection.read(new Uint8Array(1_024)).catch(() => null) !== null);
  })();
  try {
    return await federate({
      url: new URL(`http://127.0.0.1:${listener.addr.port}/federate`),
      matches: [],
      limitBytes: 204_800,
      clients,
      timeoutMs: 30_000,
      signal: new AbortController().signal,
    });
  } finally {
    await serving;
  }
}

const WHOLE = '# TYPE up gauge\nup{job="a"} 1 1700000000000\nup{job="b"} 1 1700000000000\n';
const CUT = WHOLE.slice(0, -5);
const head = (version: string, ...headers: string[]) =>
  [`HTTP/${version} 200 OK`, "Content-Type: text/plain; version=0.0.4", ...headers, "", ""].join("\r\n");
const gzip = gzipSync(bytes(WHOLE));

Deno.test("federate() refuses a page that ends in mid-line, unless its length says that it is whole", async () => {
  const refused = new RegExp(`/federate: the page ends in the middle of a line, after ${CUT.length} bytes, so that `);
  await assert.rejects(scrape(head("1.0"), CUT), refused);
  await assert.rejects(scrape(head("1.1", "Connection: close"), CUT), refused);
  const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
  await assert.rejects(scrape(head("1.1", "Transfer-Encoding: chunked"), chunk(CUT)), refused);
  await assert.rejects(scrape(head("1.0", "Content-Encoding: gzip"), gzipSync(bytes(CUT))), refused);
  for (
    const answer of [
      [head("1.0"), WHOLE],
      [head("1.1", "Transfer-Encoding: chunked"), chunk(WHOLE)],
      [head("1.0", "Content-Encoding: gzip"), gzip],
      [head("1.1", `Content-Length: ${WHOLE.length - 1}`), WHOLE.slice(0, -1)],
    ]
  ) {
    const [up, ...none] = await scrape(...answer);
    assert.deepEqual([up.metrics.length, none], [2, []], String(answer[0]));
  }
  assert.deepEqual(await scrape(head("1.0")), [], "there is no line to end in");
});

Deno.test("federate() refuses a page in an encoding that it did not ask for and does not know", async () => {
  const refused =
    /\/federate: it answered with 'br', in which nobody asked for the page: have it not compress, or use gzip$/;
  await assert.rejects(scrape(head("1.1", "Content-Encoding: br", "Connection: close"), bytes("\x0b\x02")), refused);
});

Deno.test("federate() refuses a page that breaks off before the end that was promised", async () => {
  const refused = /\/federate: the page broke off before its end: \w+/;
  const answers: (string | Uint8Array)[][] = [
    [head("1.0", "Content-Length: 500"), WHOLE],
    [head("1.1", "Content-Length: 500"), WHOLE],
    [head("1.1", "Transfer-Encoding: chunked"), `${WHOLE.length.toString(16)}\r\n${WHOLE}\r\n`],
    [head("1.1", "Transfer-Encoding: chunked"), `fff\r\n${WHOLE}`],
    ...[20, gzip.length - 8, gzip.length - 1].map((length) => [
      head("1.0", "Content-Encoding: gzip"),
      gzip.subarray(0, length),
    ]),
    [head("1.1", "Content-Encoding: gzip", "Content-Length: 20"), gzip.subarray(0, 20)],
  ];
  for (const answer of answers) await assert.rejects(scrape(...answer), refused, String(answer[0]));
});
