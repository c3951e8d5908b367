// The real program, and pushes that are small outside and large inside.

import assert from "node:assert/strict";
import { OpenServer } from "../../support/open_server.ts";
import { bombs } from "../../support/bombs.ts";
import { realisticFamilies } from "../../support/realistic_push.ts";
import { encodeFamilies } from "../../../common/exposition/protobuf.ts";
import { parseExposition } from "../../support/exposition_parser.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** What all of them together may add to the memory, with what is held and not collected yet; without limits one took 700 MB. */
const MOST_MORE_BYTES = 400_000_000;
/** What one may add while it is at work: the largest measured is 61 MB, for 28,000 series of values that double. */
const MOST_PEAK_BYTES = 128_000_000;
/** For how many of the slowest bombs a health check may wait: one is at work, and those who came first go first. */
const MOST_WAITS = 5;

Deno.test("Bombs of every encoding are refused or taken within the limits, in little memory", async (t) => {
  await using server = await OpenServer.start("--ratelimit=0s");
  const all = bombs(Date.now());
  // Warm, so that what is measured is what the bombs add.
  assert.equal((await server.push("first", new Uint8Array())).status, 400);
  await server.forgetPeak();
  const before = await server.peakBytes();
  let peak = before;
  for (const [i, { what, status, headers, body }] of all.entries()) {
    await t.step(what, async () => {
      const sent = body(`c${i}`);
      assert(sent.length <= 512_000, `${sent.length} bytes are over the limit on bodies`);
      await server.forgetPeak();
      const without = await server.peakBytes();
      const answer = await server.push(`c${i}`, sent, headers);
      assert.equal(answer.status, status, answer.text);
      const own = await server.peakBytes();
      assert(own - without < MOST_PEAK_BYTES, `it took ${own - without} bytes`);
      peak = Math.max(peak, own);
    });
  }
  const more = peak - before;
  assert(more < MOST_MORE_BYTES, `the bombs took ${more} bytes`);
  const taken = all.filter(({ status }) => status === 200).length;
  assert.equal(await server.metric('telemeter_pushes_total{result="stored"}'), taken);
  // One of which no sample is shown is let go of at once.
  assert((await server.metric("telemeter_partitions"))! <= taken);
  parseExposition(await server.page());
});

Deno.test("Good pushes do not wait for forty long ones that came before them", async () => {
  await using server = await OpenServer.start("--ratelimit=0s");
  const [{ body, headers }] = bombs(Date.now()).filter(({ what }) => what === "text: lines of 60 labels");
  // Made beforehand, as that is slow too; and tokens, as the first push of each has its own checked.
  const sent = Array.from({ length: 40 }, (_, i) => body(`long-${i}`));
  const good = () => server.push("good", encodeFamilies(realisticFamilies({ id: "good", nowMs: Date.now() })));
  assert.equal((await good()).status, 200);
  for (let i = 0; i < sent.length; i++) assert.equal((await server.push(`long-${i}`, new Uint8Array())).status, 400);
  let answered = 0;
  const attack = Promise.all(sent.map(async (bytes, i) => {
    assert.equal((await server.push(`long-${i}`, bytes, headers)).status, 200);
    answered++;
  }));
  for (let i = 0; i < 10; i++) assert.equal((await good()).status, 200);
  const before = answered;
  await attack;
  assert(before < 30, `${before} of 40 long pushes were answered before ten good ones`);
});

Deno.test("Fifty slow bombs at once keep nobody else waiting for long", async () => {
  await using server = await OpenServer.start("--ratelimit=0s");
  const slow = bombs(Date.now()).filter(({ what }) =>
    ["protobuf: new sets of labels", "text: lines of 60 labels"].includes(what)
  );
  assert.equal(slow.length, 2);
  const health = async () => {
    const startedMs = performance.now();
    assert.equal(await server.healthy(), true);
    return performance.now() - startedMs;
  };
  // The measure of this machine, with whatever runs beside the test.
  let oneMs = await health();
  for (const [i, { body, headers }] of slow.entries()) {
    const bytes = body(`first${i}`), startedMs = performance.now();
    await server.push(`first${i}`, bytes, headers);
    oneMs = Math.max(oneMs, performance.now() - startedMs);
  }
  // Made beforehand, as that is slow too.
  const sent = Array.from({ length: 50 }, (_, i) => slow[i % 2].body(`c${i}`));
  let busy = true;
  const attack = Promise.all(sent.map(async (body, i) => {
    const { headers, status } = slow[i % 2];
    assert.equal((await server.push(`c${i}`, body, headers)).status, status);
  })).finally(() => busy = false);
  let longest = 0;
  while (busy) longest = Math.max(longest, await health());
  await attack;
  assert(longest < MOST_WAITS * oneMs, `a health check took ${longest} ms, where one push takes ${oneMs}`);
});
