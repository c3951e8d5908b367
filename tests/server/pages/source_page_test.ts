import assert from "node:assert/strict";
import type { SourceState } from "../../../server/directory/source_state.ts";
import { ask, MEMBER, REFUSAL, RING, rows, source, sourcePages, words, WRITES } from "../../support/source_pages.ts";

for (
  const [who, ways, sender, told, untold] of [
    [
      "a Prometheus that remote-writes",
      [WRITES],
      "Prometheus/3.5",
      /prometheus_remote_storage_/,
      /whether its client runs/,
    ],
    [
      "a client of ours",
      source("").ways,
      "telemeter-client/1.2.3",
      /whether its client runs/,
      /prometheus_remote_storage_/,
    ],
    [
      "a client of ours that remote-writes",
      [WRITES],
      "telemeter-client/1.2.3",
      /whether its client runs/,
      /prometheus_remote_/,
    ],
    ["both", [...source("").ways, WRITES], "Prometheus/3.5", /client runs.*prometheus_remote_storage_/, /never/],
  ] as const
) {
  Deno.test(`pages tell of a silent source what to look at for ${who}`, async () => {
    const silent = source("a", { state: "silent", ways, sender: { userAgent: sender, address: "192.0.2.1" } });
    const text = words((await ask(sourcePages({ sources: [silent] }), "/sources/a")).text);
    assert.match(text, told);
    assert.doesNotMatch(text, untold);
  });
}

Deno.test("the page of a source tells what is known of it, by its state what to do, and where its series are", async () => {
  const advice: Record<SourceState, RegExp> = {
    up: /as expected/,
    silent:
      /Silent for 35 s \. It has not pushed for more than 90 s, far longer than usual\. See whether its client runs/,
    refused: /its client, or a limit here, must change\. .*Refused 65 s ago with 413 \( series, at \/upload\)/,
    revoked: /Its id is revoked: whatever it sends is refused\. .*To let it in again, take its line out/,
  };
  for (const [state, pattern] of Object.entries(advice) as [SourceState, RegExp][]) {
    const refused = state === "refused" && { lastRefusal: REFUSAL, refusals: 7 };
    const silent = state === "silent" && { silentSince: "2026-01-02T03:03:30.000Z" };
    const { text } = await ask(
      sourcePages({ sources: [source("a/b", { state, ...refused, ...silent })] }),
      "/sources/a%2Fb",
    );
    assert.match(words(text).replace(/\(\s*series/, "( series"), pattern);
    assert.match(text, /href="\/federate\?match\[\]=%7B_id%3D%22a%2Fb%22%7D"/);
    assert.match(text, /href="\/api\/v1\/sources\/a%2Fb"/);
  }
});

Deno.test("pages tell what was refused in the name of a source apart from what was refused to itself", async () => {
  const refusedInName = {
    ...{ at: "2026-01-02T03:04:02.000Z", stage: "authorize" as const, path: "/authorize", times: 9 },
    ...{ since: "2026-01-02T03:02:05.000Z", timesSince: 3 },
    ...{ status: 401, reason: "refused", why: "No such token" },
  };
  const pages = sourcePages({ sources: [source("a", { state: "silent", refusedInName })] });
  const { text } = await ask(pages, "/sources/a");
  assert.match(
    words(text),
    /Somebody was refused in its name 3 s ago with 401 \(refused, at \/authorize\): No such token\. 3 times since 2 min ago , 9 in all\. Nobody/,
  );
  assert.match(
    rows((await ask(pages, "/")).text)[1],
    /^silent a .* 3 times in its name since 2 min ago , last 3 s ago , refused: No such token$/,
  );
  // It says so before the source is silent, and no more once it was accepted again.
  const rowOf = async (more: Parameters<typeof source>[1]) =>
    rows((await ask(sourcePages({ sources: [source("a", { refusedInName, ...more })] }), "/")).text)[1];
  assert.match(await rowOf({}), /^up a .* 3 times in its name since /);
  assert.match(await rowOf({ lastPush: "2026-01-02T03:04:03.000Z" }), / none$/);
});

Deno.test("the page of an id that has never pushed says why it was refused, or that nothing is known", async () => {
  const pages = sourcePages({
    strangers: [{ ...REFUSAL, id: "new", times: 3, since: REFUSAL.at, why: "No such token" }],
  });
  const { status, text } = await ask(pages, "/sources/new");
  assert.equal(status, 404);
  assert.match(words(text), /It has never pushed\. .*with 413 .*: No such token\. 3 in a row\./);
  const nobody = await ask(pages, "/sources/nobody");
  assert.equal(nobody.status, 404);
  assert.match(words(nobody.text), /Nothing is known of a source of this id/);
  assert.match(rows((await ask(pages, "/strangers")).text)[1], /^new .* 3 413, series: No such token$/);
});

Deno.test("the page of a source has buttons only where the flag is given, and only for what can be done", async () => {
  const sources = [source("up"), source("gone", { state: "silent" }), source("out", { state: "revoked" })];
  const revoke = () => Promise.resolve();
  const buttons = async (told: Parameters<typeof sourcePages>[0], id: string) =>
    [...(await ask(sourcePages({ sources, ...told }), `/sources/${id}`)).text.matchAll(
      /<button type="submit"[^>]*>(\w+)/g,
    )]
      .map(([, word]) => word);
  assert.deepEqual(await buttons({ revoke }, "up"), []);
  assert.deepEqual(await buttons({ revoke, acts: true }, "up"), ["Revoke"]);
  assert.deepEqual(await buttons({ revoke, acts: true }, "gone"), ["Revoke", "Forget"]);
  assert.deepEqual(await buttons({ revoke, acts: true }, "out"), ["Forget"]);
  assert.deepEqual(await buttons({ acts: true }, "gone"), ["Forget"]);
  const { text } = await ask(sourcePages({ sources }), "/sources/up");
  assert.match(words(text), /add this line to the file of --revoked-file : up With --web\.enable-admin-api/);
});

Deno.test("the page of a source names the metrics of which the allow-list dropped most", async () => {
  const metrics = [{ name: "node_cpu_seconds_total", samples: 1_200 }, { name: "<b>", samples: 1 }];
  const sources = [source("a", { dropped: { allowList: 1_201, metrics, rules: { too_old: 2 } } })];
  const { text } = await ask(sourcePages({ sources }), "/sources/a");
  assert.deepEqual(rows(text).slice(1, 5), [
    "the allow-list (--whitelist), most of these metrics: 1,201",
    "node_cpu_seconds_total 1,200",
    "&lt;b&gt; 1",
    "the rule too_old 2",
  ]);
});

Deno.test("the page of a source leads to its owner where that is known", async () => {
  const members = [{ ...MEMBER, name: "server-0" }, { ...MEMBER, name: "server-1", pages: "https://b:9004" }];
  const sources = [source("theirs", { owner: "server-1" })];
  const { text } = await ask(sourcePages({ sources, ring: { ...RING, members } }), "/sources/theirs");
  assert.match(text, /<a href="https:\/\/b:9004\/federate\?match\[\]=%7B_id%3D%22theirs%22%7D">/);
  assert.match(text, /<a href="https:\/\/b:9004\/sources\/theirs">server-1<\/a>/);
});

Deno.test("the page of a source leads to its series only where this server owns it", async () => {
  const ring = { ...RING, members: [] };
  const sources = [source("ours", { owner: "server-0" }), source("theirs", { owner: "server-1", standby: "server-0" })];
  const pages = sourcePages({ sources, ring });
  assert.match((await ask(pages, "/sources/ours")).text, /<a href="\/federate\?match/);
  const { text } = await ask(pages, "/sources/theirs");
  assert.doesNotMatch(text, /<a href="\/federate/);
  assert.match(words(text), /They are at server-1 , which owns it: ask that server for \/federate\?match\[\]=/);
  assert.match(words(text), /Owner and standby server-1, server-0/);
});

Deno.test("the page of a source says what a limit does to what comes by each way, near it and past it", async () => {
  const limits = (ratio: number) => ({ ...source("a").limits, series: { used: 100 * ratio, limit: 100, ratio } });
  const [push] = source("a").ways;
  const write = { ...push, way: "remote write" as const };
  for (
    const [ratio, ways, text] of [
      [
        0.9,
        [push],
        /comes as expected, and soon will not fit: past a limit a push is refused as a whole\. Raise --limit-series/,
      ],
      [
        0.9,
        [write],
        /and soon will not fit: past --limit-series new series are left out, and those it has are taken\. Raise/,
      ],
      [
        1.7,
        [write],
        /but has reached a limit: past --limit-series new series are left out, and those it has are taken\. Raise/,
      ],
      [
        1.7,
        [push, write],
        /has reached a limit: past a limit a push is refused as a whole; past --limit-series new series/,
      ],
    ] as const
  ) {
    const near = source("a", { near: ["series"], limits: limits(ratio), ways });
    assert.match(words((await ask(sourcePages({ sources: [near] }), "/sources/a")).text), text);
  }
});
