import assert from "node:assert/strict";
import { apiRoutes } from "../../../server/api/api_routes.ts";
import {
  ask,
  EACH_STATE,
  ending,
  MEMBER,
  REFUSAL,
  RING,
  SINK,
  source,
  sourcePages,
  STATUS,
  WELL,
  words,
} from "../../support/source_pages.ts";

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
    const { headers, text } = await ask(sourcePages({ sources: EACH_STATE }), at);
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

Deno.test("the page of settings is where its JSON is, and the old place leads there", async () => {
  const { status, headers } = await ask(sourcePages(), "/settings");
  assert.deepEqual([status, headers.get("location")], [303, "/status"]);
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

Deno.test("the page of flags folds those at their defaults, which somebody opens without a script", async () => {
  const { text } = await ask(sourcePages(), "/status");
  const [, summary, folded] = /<details[^>]*><summary>([^]*?)<\/summary>([^]*?)<\/details>/.exec(text)!;
  assert.equal(words(summary).trim(), "2 flags at their defaults");
  assert.match(words(folded), /--ttl 10m/);
  assert.doesNotMatch(folded, /--shared-key/);
  assert.doesNotMatch(text, /<details open/);
});
