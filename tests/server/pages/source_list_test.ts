import assert from "node:assert/strict";
import {
  ask,
  EACH_STATE,
  REFUSAL,
  RING,
  rows,
  source,
  sourcePages,
  words,
  WRITES,
} from "../../support/source_pages.ts";

Deno.test("homePage() shows the worst sources first, each with its state, its limits and why it was refused", async () => {
  const { text, status } = await ask(sourcePages({ sources: EACH_STATE }), "/");
  assert.equal(status, 200);
  const [head, ...sources] = rows(text);
  assert.match(head, /^State ▼ Source Last push Behind Series Last refusal$/);
  assert.deepEqual(sources.map((row) => row.split(" ")[1]), ["bad", "gone", "tight", "fine", "shut-out"]);
  assert.deepEqual(sources.map((row) => row.split(" ")[0]), ["refused", "silent", "up", "up", "revoked"]);
  assert.match(sources[0], /1 min ago|62 s ago|65 s ago/);
  assert.match(sources[0], /series: Raise &lt;b&gt; ?--limit-series ?&lt;\/b&gt;/);
  assert.match(sources[2], /90 % of --limit-series/);
});

Deno.test("homePage() names the flag that would let in what was refused, apart from the words before", async () => {
  const lastRefusal = { ...REFUSAL, why: "Cannot take so many: there are 454" };
  for (const remedy of [{ raise: "--limit-series" }, { lower: "--ratelimit" }]) {
    const bad = source("bad", { state: "refused", lastRefusal: { ...lastRefusal, ...remedy } });
    const text = (await ask(sourcePages({ sources: [bad] }), "/")).text.replaceAll(/<[^>]+>/g, "");
    const [[verb, flag]] = Object.entries(remedy);
    assert.ok(text.replaceAll(/\s+/g, " ").includes(`there are 454 (${verb} ${flag})`));
  }
});

Deno.test("homePage() shows what is asked for, says how many of how many that are, and keeps it when it is sorted", async () => {
  const pages = sourcePages({ sources: EACH_STATE });
  const { text } = await ask(pages, "/?state=silent,refused&sort=id");
  assert.deepEqual(rows(text).slice(1).map((row) => row.split(" ")[1]), ["bad", "gone"]);
  assert.match(words(text), /2 of 5 sources/);
  assert.match(text, /href="\/\?state=silent%2Crefused&amp;sort=series"/);
  assert.match(text, /<th scope="col" +aria-sort="ascending"><a [^>]*aria-current="true"[^>]*>Source/);
  assert.match(words((await ask(pages, "/?search=nobody")).text), /No source is like that\./);
  assert.match(words((await ask(sourcePages(), "/")).text), /No source has pushed yet\..*strangers/);
});

Deno.test("homePage() marks the sources that remote-write, counts them, and shows them alone when asked to", async () => {
  const both = [...source("").ways, WRITES];
  const pages = sourcePages({
    sources: [...EACH_STATE, source("writes", { ways: [WRITES] }), source("both", { ways: both })],
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
  assert.doesNotMatch(words((await ask(sourcePages({ sources: EACH_STATE }), "/")).text), /remote write/);
});

Deno.test("homePage() leafs through many sources", async () => {
  const pages = sourcePages({ sources: Array.from({ length: 250 }, (_, i) => source(`s${1_000 + i}`)) });
  const { text } = await ask(pages, "/?sort=id&offset=100");
  assert.equal(rows(text).length, 101);
  assert.match(words(text), /← Previous 101 to 200 of 250 Next →/);
  assert.match(text, /href="\/\?sort=id&amp;offset=200"/);
});

Deno.test("homePage() names members of the ring that do not answer", async () => {
  const members = [{ name: "server-0" }, { name: "server-1", why: "no answer within 500 ms" }];
  const { text } = await ask(sourcePages({ sources: EACH_STATE, members }), "/");
  assert.match(words(text), /Sources are missing here of server-1: no answer within 500 ms/);
});

Deno.test("homePage() answers what makes no sense with a page that says so", async () => {
  const { status, text, headers } = await ask(sourcePages(), "/?sort=<script>");
  assert.equal(status, 400);
  assert.equal(headers.get("content-type"), "text/html; charset=utf-8");
  assert.match(words(text), /Bad sort: write one of worst, id, age, series, refusals\./);
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
