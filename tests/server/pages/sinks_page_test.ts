import assert from "node:assert/strict";
import type { SinkReport } from "../../../server/sinks/sink.ts";
import { ask, MEMBER, NOW_MS, RING, rows, SINK, sourcePages, WELL, words } from "../../support/source_pages.ts";

Deno.test("the page of sinks shows how far each is behind, and what went wrong last as text", async () => {
  const fine = { url: "https://fine/write", state: "idle", version: "2.0", waiting: 0, lagSeconds: 0 } as const;
  const counts = { sent: 12_345, dropped: 0, conflated: 0 };
  const down = {
    ...{
      ...fine,
      ...counts,
      url: "https://down/write",
      state: "failing" as const,
      waiting: 3,
      lagSeconds: 125,
      conflated: 9,
    },
    lastFailure: { at: new Date(NOW_MS - 5_000).toISOString(), why: "it answers 500: <b>no</b>" },
  } as const;
  const pages = sourcePages({ sinks: [{ ...fine, ...counts, lastSuccess: new Date(NOW_MS).toISOString() }, down] });
  const { text } = await ask(pages, "/sinks");
  const [, second, first] = rows(text);
  assert.match(first, /^https:\/\/fine\/write remote write 2\.0 idle .* 0 – 12,345 0 0$/);
  assert.match(second, /^https:\/\/down\/write remote write 2\.0 failing never 3 2 min 12,345 0 9$/);
  assert.match(words(text), /it answers 500: &lt;b&gt;no&lt;\/b&gt;\. It is tried again; 3 clusters wait\./);
  const json = JSON.parse((await ask(pages, "/api/v1/sinks")).text);
  assert.deepEqual(json.data.sinks.map(({ url }: { url: string }) => url), [
    "https://down/write",
    "https://fine/write",
  ]);
});

Deno.test("the page of sinks shows those of all members, and names who has not told or does not forward", async () => {
  const members = [
    { ...MEMBER, name: "server-1", sinks: [{ ...SINK, state: "failing" as const, waiting: 2 }] },
    { ...MEMBER, name: "server-0", sinks: [SINK] },
    { ...MEMBER, name: "server-2", sinks: [] },
    { ...MEMBER, name: "server-3", status: "DEAD", why: "no answer within 500 ms" },
    { ...MEMBER, name: "server-4" },
    { ...MEMBER, name: "server-5", status: "LEFT" },
    { ...MEMBER, name: "server-6", isWitness: true, sinks: [] },
  ];
  const pages = sourcePages({ ring: { ...RING, members }, status: WELL, sinks: [SINK] });
  const { text } = await ask(pages, "/sinks");
  const [head, other, own] = rows(text);
  assert.match(head, /^Sink Member State/);
  assert.match(own, /remote write 2\.0 server-0 idle/);
  assert.match(other, /remote write 2\.0 server-1 failing/);
  assert.match(
    words(text),
    /Not known of server-3: no answer within 500 ms; server-4: its version does not tell\. See the ring/,
  );
  assert.match(words(text), /server-2 forwards to no sink: set --forward-url the same on all servers/);
  const { data } = JSON.parse((await ask(pages, "/api/v1/sinks")).text);
  assert.deepEqual(data.sinks.map(({ member, state }: { member: string; state: string }) => [member, state]), [
    ["server-1", "failing"],
    ["server-0", "idle"],
  ]);
  assert.deepEqual(data.members.map(({ name, why }: { name: string; why?: string }) => [name, why]), [
    ["server-0", undefined],
    ["server-1", undefined],
    ["server-2", undefined],
    ["server-3", "no answer within 500 ms"],
    ["server-4", "its version does not tell"],
    ["server-6", undefined],
  ]);
});

Deno.test("the page of sinks and the menu say that a sink refuses all, what to do, and have the worst first", async () => {
  const lastFailure = {
    ...{ at: new Date(NOW_MS - 5_000).toISOString(), why: "it refuses samples with 401: who?" },
    advice: "see the credentials",
  };
  const url = (name: string) => `https://${name}/write`;
  const sinks: SinkReport[] = [
    { ...SINK, url: url("idle") },
    { ...SINK, url: url("behind"), lagSeconds: 301 },
    { ...SINK, url: url("refuses"), state: "refuses", sent: 0, dropped: 7, lastFailure },
    { ...SINK, url: url("failing"), state: "failing" },
    { ...SINK, url: url("partly"), lastFailure: { at: lastFailure.at, why: "it refuses samples with 400: old" } },
  ];
  const { text } = await ask(sourcePages({ sinks }), "/sinks");
  assert.deepEqual(rows(text).slice(1).map((row) => /^https:\/\/(\w+)/.exec(row)?.[1]), [
    ...["refuses", "failing", "behind", "idle", "partly"],
  ]);
  assert.match(rows(text)[1], /remote write 2\.0 refuses never/);
  assert.match(text, /<span class="state bad"><svg[^]*?<\/svg>refuses<\/span>/);
  assert.match(
    words(text),
    /401: who\?\. It takes nothing, and what it refuses is dropped: see the credentials\./,
  );
  assert.match(text, /class="badge bad" title="3 take nothing or are behind"/);
  const json = JSON.parse((await ask(sourcePages({ sinks }), "/api/v1/sinks")).text);
  assert.deepEqual(json.data.sinks[0], { ...sinks[2] });
});

Deno.test("the page of sinks says how to forward where nothing is", async () => {
  assert.match(words((await ask(sourcePages(), "/sinks")).text), /forwards to no sink.*--forward-url/);
});
