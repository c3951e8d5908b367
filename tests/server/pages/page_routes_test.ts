import assert from "node:assert/strict";
import { apiRoutes } from "../../../server/api/api_routes.ts";
import type { SinkReport } from "../../../server/sinks/sink.ts";
import type { SourceState } from "../../../server/directory/source_state.ts";
import { ask, NOW_MS, source, sourcePages, STATUS } from "../../support/source_pages.ts";

const REFUSAL = {
  at: "2026-01-02T03:03:00.000Z",
  stage: "push" as const,
  path: "/upload",
  status: 413,
  reason: "series",
  why: "Raise <b>--limit-series</b>",
};

/** The text of a page without its tags, on one line. */
function words(html: string): string {
  return html.replace(/<script[^]*?<\/script>|<[^>]+>/g, " ").replace(/\s+/g, " ");
}

/** Every row of the tables of a page, as words. */
function rows(html: string): string[] {
  return [...html.matchAll(/<tr>([^]*?)<\/tr>/g)].map(([, row]) => words(row).trim());
}

const ALL = [
  source("fine"),
  source("tight", { near: ["series"], limits: { ...source("").limits, series: { used: 90, limit: 100, ratio: 0.9 } } }),
  source("gone", { state: "silent", ageSeconds: 400 }),
  source("bad", { state: "refused", lastRefusal: REFUSAL, refusals: 7 }),
  source("shut-out", { state: "revoked" }),
];

Deno.test("homePage() shows the worst sources first, each with its state, its limits and why it was refused", async () => {
  const { text, status } = await ask(sourcePages({ sources: ALL }), "/");
  assert.equal(status, 200);
  const [head, ...sources] = rows(text);
  assert.match(head, /^State ▼ Source Last push Behind Series Last refusal$/);
  assert.deepEqual(sources.map((row) => row.split(" ")[1]), ["bad", "gone", "tight", "fine", "shut-out"]);
  assert.deepEqual(sources.map((row) => row.split(" ")[0]), ["refused", "silent", "up", "up", "revoked"]);
  assert.match(sources[0], /1 min ago|62 s ago|65 s ago/);
  assert.match(sources[0], /series: Raise &lt;b&gt; ?--limit-series ?&lt;\/b&gt;/);
  assert.match(sources[2], /90 % of --limit-series/);
});

Deno.test("homePage() shows what is asked for, says how many of how many that are, and keeps it when it is sorted", async () => {
  const pages = sourcePages({ sources: ALL });
  const { text } = await ask(pages, "/?state=silent,refused&sort=id");
  assert.deepEqual(rows(text).slice(1).map((row) => row.split(" ")[1]), ["bad", "gone"]);
  assert.match(words(text), /2 of 5 sources/);
  assert.match(text, /href="\/\?state=silent%2Crefused&amp;sort=series"/);
  assert.match(text, /<th scope="col" +aria-sort="ascending"><a [^>]*aria-current="true"[^>]*>Source/);
  assert.match(words((await ask(pages, "/?search=nobody")).text), /No source is like that\./);
  assert.match(words((await ask(sourcePages(), "/")).text), /No source has pushed yet\..*strangers/);
});

const WRITES = {
  ...{ way: "remote write" as const, last: "2026-01-02T03:02:00.000Z", transport: "remote write 2.0, snappy" },
  ...{ accepted: 90, expectedIntervalSeconds: 15, silentSince: "2026-01-02T03:02:45.000Z" },
};

Deno.test("homePage() marks the sources that remote-write, counts them, and shows them alone when asked to", async () => {
  const both = [...source("").ways, WRITES];
  const pages = sourcePages({
    sources: [...ALL, source("writes", { ways: [WRITES] }), source("both", { ways: both })],
  });
  const { text } = await ask(pages, "/?sort=id");
  const wayOf = (id: string) =>
    / (remote write|push, remote write) /.exec(rows(text).find((row) => row.includes(`${id} `))!)?.[1];
  assert.deepEqual(["fine", "writes", "both"].map(wayOf), [undefined, "remote write", "push, remote write"]);
  assert.match(words(text), /2 by remote write/);
  assert.match(text, /href="\/\?way=remote\+write&amp;sort=id"/);
  const alone = await ask(pages, "/?way=remote+write&sort=id");
  assert.deepEqual(rows(alone.text).slice(1).map((row) => row.split(" ")[1]), ["both", "writes"]);
  assert.match(alone.text, /<input type="hidden" name="way" value="remote write"/);
  assert.doesNotMatch(words((await ask(sourcePages({ sources: ALL }), "/")).text), /remote write/);
});

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

Deno.test("homePage() leafs through many sources", async () => {
  const pages = sourcePages({ sources: Array.from({ length: 250 }, (_, i) => source(`s${1_000 + i}`)) });
  const { text } = await ask(pages, "/?sort=id&offset=100");
  assert.equal(rows(text).length, 101);
  assert.match(words(text), /← Previous 101 to 200 of 250 Next →/);
  assert.match(text, /href="\/\?sort=id&amp;offset=200"/);
});

Deno.test("homePage() names members of the ring that do not answer", async () => {
  const members = [{ name: "server-0" }, { name: "server-1", why: "no answer within 500 ms" }];
  const { text } = await ask(sourcePages({ sources: ALL, members }), "/");
  assert.match(words(text), /Sources are missing here of server-1: no answer within 500 ms/);
});

Deno.test("homePage() answers what makes no sense with a page that says so", async () => {
  const { status, text, headers } = await ask(sourcePages(), "/?sort=<script>");
  assert.equal(status, 400);
  assert.equal(headers.get("content-type"), "text/html; charset=utf-8");
  assert.match(words(text), /Bad sort: write one of worst, id, age, series, refusals\./);
});

Deno.test("pages write ids, reasons, clients and metrics as text, whatever is in them", async () => {
  const nasty = `"><script>alert(1)</script>'&amp;\u202e`;
  const sources = [source(nasty, {
    lastRefusal: { ...REFUSAL, why: nasty },
    sender: { userAgent: nasty, address: "::1" },
    largest: [{ name: nasty, bytes: 1, series: 1 }],
    dropped: { allowList: 1, rules: { [nasty]: 2 } },
    owner: nasty,
  })];
  const strangers = [{ ...REFUSAL, id: nasty, times: 3, since: REFUSAL.at, why: nasty }];
  const status = { ...STATUS, name: nasty, flags: [{ flag: "--a", value: nasty, from: "file" as const }] };
  const pages = sourcePages({ sources, strangers, status, acts: true, revoke: () => Promise.resolve() });
  const path = `/sources/${encodeURIComponent(nasty)}`;
  for (const at of ["/", path, "/strangers", "/status", `/?search=${encodeURIComponent(nasty)}`]) {
    const { text } = await ask(pages, at);
    assert.doesNotMatch(text, /<script(?! src="\/assets\/page\.js" defer>)/, at);
    assert.match(text, /&lt;script&gt;alert\(1\)&lt;\/script&gt;/, at);
    assert.doesNotMatch(text, /\son\w+=|javascript:/i, at);
  }
});

Deno.test("every page lets the browser load and run what the server itself sends, and nothing else", async () => {
  for (const at of ["/", "/sources/fine", "/sources/nobody", "/strangers", "/ring", "/status", "/certificates"]) {
    const { headers, text } = await ask(sourcePages({ sources: ALL }), at);
    assert.match(
      headers.get("content-security-policy") ?? "",
      /^default-src 'none'; script-src 'self'; style-src 'self'/,
    );
    assert.equal(headers.get("cache-control"), "no-store");
    assert.doesNotMatch(text, /\sstyle=|<style|https?:\/\//, at);
    assert.match(text, /<html lang="en">/);
    assert.doesNotMatch(text, /No answer/, "it says so only where it is so");
  }
});

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

Deno.test("homePage() says since when a source is silent, and leads to the pages of owners", async () => {
  const elsewhere = {
    ...{ name: "server-1", host: "b", address: "b:1", incarnation: 1, isWitness: false, linked: true, inView: true },
    ...{ status: "ALIVE" as const, phase: "ACTIVE" as const },
    pages: "http://10.0.0.2:9004",
  };
  const ring = { ...RING, members: [elsewhere] };
  const sources = [
    source("a b", { state: "silent", silentSince: "2026-01-02T03:03:30.000Z", owner: "server-1" }),
    source("ours", { owner: "server-0" }),
  ];
  const { text } = await ask(sourcePages({ sources, ring }), "/");
  assert.match(rows(text)[1], /^silent a b .* silent for 35 s .* server-1$/);
  assert.match(text, /<a href="http:\/\/10.0.0.2:9004\/sources\/a%20b">server-1<\/a>/);
  assert.match(text, /<div>server-0<\/div>/);
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

Deno.test("the page of the status shows flags that are set first, no secret, and what nears its limit", async () => {
  const { text } = await ask(sourcePages(), "/status");
  assert.match(
    words(text),
    /Clusters --limit-clusters 9 of 10 shows 2, stands by for 7 Flags of the command line .*--shared-key \(secret\) .*at their defaults .*--ttl 10m +--tls-crt not set/,
  );
  assert.doesNotMatch(text, /config\.file/);
  const flags = [{ flag: "--ttl", value: "20m", from: "file" as const }];
  assert.match(
    words((await ask(sourcePages({ status: { ...STATUS, flags } }), "/status")).text),
    /Flags of the command line None\. Flags of the file of --config\.file .*--ttl 20m/,
  );
  assert.match(
    words((await ask(sourcePages({ status: { ...STATUS, clusters: { shown: 9 } } }), "/status")).text),
    /9 of 10 shows 9 Flags of/,
  );
  assert.match(
    words((await ask(sourcePages({ status: { ...STATUS, store: { ok: false, reason: "full" } } }), "/status")).text),
    /The store takes no pushes now \(full\)/,
  );
});

Deno.test("the page of certificates tells which end soon", async () => {
  assert.match(
    rows((await ask(sourcePages(), "/certificates")).text)[1],
    /^ends soon CN=a in 7 d \/a\.crt \(--tls-crt\)$/,
  );
});

/** A certificate that ends in so many days. */
const ending = (days: number) => ({
  flag: "--cluster-crt",
  file: "/ring.crt",
  subject: `CN=of ${days} days`,
  ends: new Date(NOW_MS + days * 86_400_000).toISOString(),
  days,
});

const MEMBER = {
  address: "a:1",
  host: "a",
  status: "ALIVE",
  phase: "ACTIVE",
  isWitness: false,
  incarnation: 1,
  linked: true,
  inView: true,
};
const RING = {
  name: "server-0",
  carriesOnAlone: false,
  agrees: true,
  epoch: 1,
  voters: [],
  confirmedBy: [],
  seeds: [],
  transitions: [],
};
const WELL = { ...STATUS, certificates: [ending(90)] };

Deno.test("the pages of the ring and of certificates tell when those of other members end, and of whom that is not known", async () => {
  const members = [
    { ...MEMBER, name: "server-0", certificates: [ending(90)] },
    { ...MEMBER, name: "server-1", certificates: [ending(40), ending(3)], pages: "http://b:9004" },
    { ...MEMBER, name: "server-2", certificates: [ending(-2)] },
    { ...MEMBER, name: "server-3", why: "no answer within 500 ms" },
  ];
  const pages = sourcePages({ ring: { ...RING, members }, status: WELL });
  const [, own, soon, ended, unknown] = rows((await ask(pages, "/ring")).text);
  assert.match(own, /in 90 d$/);
  assert.match(soon, /ends soon in 3 d$/);
  assert.match(ended, /ended 2 d ago$/);
  assert.match(unknown, /–$/);
  const { text } = await ask(pages, "/certificates");
  assert.match(words(text), /Not known of server-3: no answer within 500 ms\. See the ring/);
  assert.deepEqual(
    rows(text).slice(1).map((row) => /^(ended|ends soon|good) CN=of (\S+) days .* (server-\d)/.exec(row)?.slice(1)),
    [
      ["ended", "-2", "server-2"],
      ["ends soon", "3", "server-1"],
      ["good", "40", "server-1"],
      ["good", "90", "server-0"],
    ],
  );
  const { data } = JSON.parse((await ask(pages, "/api/v1/certificates")).text);
  assert.deepEqual(data.certificates.map(({ member, days }: { member: string; days: number }) => [member, days]), [
    ["server-0", 90],
    ["server-1", 40],
    ["server-1", 3],
    ["server-2", -2],
  ]);
  assert.deepEqual(data.members, [
    ...["server-0", "server-1", "server-2"].map((name) => ({ name })),
    { name: "server-3", why: "no answer within 500 ms" },
  ]);
  const alone = JSON.parse((await ask(sourcePages({ status: WELL }), "/api/v1/certificates")).text);
  assert.deepEqual(alone.data, { certificates: WELL.certificates });
});

Deno.test("the menu tells on every page how many certificates have ended or end soon, of other members as they said last", async () => {
  const menu = async (pages: ReturnType<typeof sourcePages>, at: string) =>
    /Certificates *(?:(\d+) (.*?))? *<|$/.exec((await ask(pages, at)).text.replace(/<\/?span[^>]*>/g, ""))!.slice(1);
  assert.deepEqual(await menu(sourcePages({ status: WELL }), "/status"), [undefined, undefined]);
  assert.deepEqual(await menu(sourcePages(), "/"), ["1", "ends soon"]);
  assert.deepEqual(await menu(sourcePages({ status: { ...STATUS, certificates: [ending(1), ending(-1)] } }), "/"), [
    "2",
    "have ended or end soon",
  ]);
  const members = [{ ...MEMBER, name: "server-0", certificates: [ending(1)] }, {
    ...MEMBER,
    name: "server-1",
    certificates: [ending(13), ending(14)],
  }];
  const pages = sourcePages({ ring: { ...RING, members }, status: WELL });
  // No page waits for another member.
  assert.deepEqual(await menu(pages, "/strangers"), [undefined, undefined]);
  assert.deepEqual(await menu(pages, "/strangers"), ["1", "ends soon"]);
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

Deno.test("the page of settings is where its JSON is, and the old place leads there", async () => {
  const { status, headers } = await ask(sourcePages(), "/settings");
  assert.deepEqual([status, headers.get("location")], [303, "/status"]);
});

Deno.test("the page of the ring says that there is none, or how its members fare", async () => {
  assert.match(words((await ask(sourcePages(), "/ring")).text), /This server stands alone/);
  const member = {
    address: "a:1",
    host: "a",
    phase: "ACTIVE",
    isWitness: false,
    incarnation: 1,
    linked: true,
    inView: true,
  };
  const ring = {
    name: "server-0",
    carriesOnAlone: false,
    agrees: false,
    epoch: 4,
    voters: ["server-0", "server-1", "server-2"],
    confirmedBy: ["server-0", "server-2"],
    members: [
      { ...member, name: "server-0", status: "ALIVE", digest: "abc", clusters: { owned: 2, standby: 1, foreign: 0 } },
      { ...member, name: "server-1", status: "DEAD", heardSecondsAgo: 50, why: "no answer within 500 ms" },
      { ...member, name: "server-2", status: "ALIVE", isWitness: true, heardSecondsAgo: 1, digest: "abc" },
    ],
    seeds: [],
    transitions: [{ at: "2026-01-02T03:00:00.000Z", what: "A member died", member: "server-1" }],
  };
  const { text } = await ask(sourcePages({ ring }), "/ring");
  assert.match(words(text), /The members do not agree .* 2 of 3 alive/);
  assert.doesNotMatch(words(text), /carries on alone/);
  const alone = await ask(sourcePages({ ring: { ...ring, carriesOnAlone: true } }), "/ring");
  assert.match(words(alone.text), /One of two servers carries on alone. If the other one lives, both show everything/);
  const [, self, dead, witness, , happened] = rows(text);
  assert.match(words(text), /2 of 3 confirmed the last page of this server, which suffices/);
  assert.match(text, /title="server-0, server-2"/);
  assert.match(self, /^active server-0 \(this server\) a:1 – abc 2 1 – – –$/);
  assert.match(dead, /^dead server-1 a:1 50 s ago no answer within 500 ms – – – – –$/);
  assert.match(witness, /^only votes server-2 a:1 1 s ago abc – – – – –$/);
  assert.match(happened, /4 min ago A member died member=server-1|245 s ago/);
});

Deno.test("the page of the ring says for whom a member waits that shows nothing, and to whom clusters are owed", async () => {
  const closed = {
    closed: "The other members have not confirmed the view yet",
    waitsFor: "b, which cannot be reached",
  };
  const transfers = { owed: 1_203, copies: 2, owedTo: { b: 1_200, "<c>": 3 } };
  const members = [{ ...MEMBER, name: "server-0", ...closed, transfers }];
  const { text } = await ask(sourcePages({ ring: { ...RING, ...closed, members } }), "/ring");
  const reason = "The other members have not confirmed the view yet. Waits for b, which cannot be reached";
  assert.ok(words(text).includes(`This server shows nothing now: ${reason}`));
  const [, self] = rows(text);
  assert.ok(self.includes(`shows nothing ${reason} server-0`), self);
  assert.match(self, /1,203 1,200 to b 3 to &lt;c&gt;/);
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

const SINK: SinkReport = {
  ...{ url: "https://sink/write", state: "idle", version: "2.0", waiting: 0, lagSeconds: 0 },
  ...{ sent: 1, dropped: 0, conflated: 0 },
};

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

Deno.test("apiRoutes() has the paths that docs/wire.md lists, and no others", async () => {
  const { options } = sourcePages({ acts: true, revoke: () => Promise.resolve() });
  const document = await Deno.readTextFile(new URL("../../../docs/wire.md", import.meta.url));
  const listed = [...document.matchAll(/^\| `(\/api\/v1\/[a-z/:]+)` /gm)].map(([, path]) => path);
  assert.deepEqual(listed.toSorted(), Object.keys(apiRoutes(options)).toSorted());
});

Deno.test("the menu tells on every page how many sinks take nothing or are behind, of other members as they said last", async () => {
  const badge = async (pages: ReturnType<typeof sourcePages>) => {
    const [item] = /href="\/sinks"[^]*?<\/a>/.exec((await ask(pages, "/status")).text)!;
    return /class="badge (\w+)" title="([^"]*)"/.exec(item)?.slice(1);
  };
  assert.equal(await badge(sourcePages()), undefined);
  assert.equal(await badge(sourcePages({ sinks: [SINK, { ...SINK, lagSeconds: 300 }] })), undefined);
  const failing = { ...SINK, state: "failing" as const }, behind = { ...SINK, lagSeconds: 301 };
  assert.deepEqual(await badge(sourcePages({ sinks: [SINK, failing] })), ["bad", "1 takes nothing"]);
  assert.deepEqual(await badge(sourcePages({ sinks: [behind, behind] })), ["warn", "2 are behind"]);
  assert.deepEqual(await badge(sourcePages({ sinks: [behind, failing] })), ["bad", "2 take nothing or are behind"]);
  const members = [{ ...MEMBER, name: "server-0", sinks: [failing] }, {
    ...MEMBER,
    name: "server-1",
    sinks: [failing],
  }];
  const pages = sourcePages({ ring: { ...RING, members }, sinks: [SINK] });
  assert.equal(await badge(pages), undefined, "no page waits for another member");
  assert.deepEqual(await badge(pages), ["bad", "1 takes nothing"]);
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

Deno.test("the page of flags folds those at their defaults, which somebody opens without a script", async () => {
  const { text } = await ask(sourcePages(), "/status");
  const [, summary, folded] = /<details[^>]*><summary>([^]*?)<\/summary>([^]*?)<\/details>/.exec(text)!;
  assert.equal(words(summary).trim(), "2 flags at their defaults");
  assert.match(words(folded), /--ttl 10m/);
  assert.doesNotMatch(folded, /--shared-key/);
  assert.doesNotMatch(text, /<details open/);
});

Deno.test("the pages say that nothing of what a source sends is shown, and by which rules", async () => {
  const blank = source("blank", {
    series: 0,
    nothingShownBy: ["label_value"],
    dropped: { allowList: 0, rules: { label_value: 1 } },
  });
  const sources = [source("fine"), blank, source("silent", { state: "silent" })];
  const pages = sourcePages({ sources });
  const list = rows((await ask(pages, "/")).text);
  assert.match(list[1], /^silent silent/);
  assert.match(list[2], /^up blank .* 0 nothing shown: label_value/, "before others that are up");
  const { text } = await ask(pages, "/sources/blank");
  assert.match(
    words(text),
    /up What it sends comes as expected, but nothing of it is shown: a label value is longer than 255 bytes or is not UTF-8 \(label_value\): shorten it in the exporter/,
  );
  assert.doesNotMatch(words((await ask(pages, "/sources/fine")).text), /nothing of it is shown/);
  const json = JSON.parse((await ask(pages, "/api/v1/sources?search=blank")).text);
  assert.deepEqual(json.data.sources[0].nothingShownBy, ["label_value"]);
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
