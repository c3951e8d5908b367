/** What a member knows of the others beyond their rows. */

import assert from "node:assert/strict";
import { HEARING_MS } from "../../../ring/membership/fence.ts";
import { Peers } from "../../../ring/membership/peers.ts";
import { SUSPECT_AFTER_MS } from "../../../ring/membership/silence.ts";
import { beliefs, linkTo, row } from "../../support/ring_rows.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** Peers that follow `b`, over a link with its process. */
function following(boot = "boot-b") {
  const peers = new Peers();
  peers.linkUp(linkTo("b", { boot }));
  peers.follow(row("b"), 0);
  return peers;
}

Deno.test("Peers.linkUp() tells a new process from another link to the same one", () => {
  const peers = new Peers();
  assert.equal(peers.linkUp(linkTo("b")), true);
  assert.equal(peers.linkUp(linkTo("b", { dialled: "x" })), false);
  assert.equal(peers.linkUp(linkTo("b", { boot: "another" })), true);
  assert.deepEqual([...peers.linked()], ["b"]);
  assert.equal(peers.linkDown(linkTo("b")), false, "that link has been replaced");
  assert.equal(peers.linkDown(linkTo("b", { boot: "another" })), true);
  assert.equal(peers.linkOf("b"), undefined);
});

Deno.test("Peers.isAddressLinked() knows whom an address led to, as long as there is a link", () => {
  const peers = new Peers();
  peers.linkUp(linkTo("b", { dialled: "shared" }));
  assert.deepEqual(["shared", "b", "c"].map((address) => peers.isAddressLinked(address)), [true, true, false]);
  assert.deepEqual(["shared", "b"].map((address) => peers.isAddressOwn(address)), [false, true]);
  peers.linkDown(linkTo("b"));
  assert.deepEqual(["shared", "b"].map((address) => peers.isAddressLinked(address)), [false, false]);
});

Deno.test("Peers.silentMs() counts from what came last, of the member or of who reached it", () => {
  const peers = following();
  assert.equal(peers.silentMs("b", 1_000), 1_000);
  peers.heard("b", 3_000);
  peers.vouched("b", { boot: "boot-b", by: "c", now: 2_000 });
  assert.equal(peers.silentMs("b", 4_000), 1_000);
  peers.vouched("b", { boot: "boot-b", by: "c", now: 4_500 });
  assert.equal(peers.silentMs("b", 5_000), 500);
  assert.equal(peers.isReachable("b", 3_000 + SUSPECT_AFTER_MS), false, "only its own link counts for that");
  assert.equal(peers.silentMs("nobody", 5_000), 0);
});

Deno.test("Peers takes nothing that another process of the name says, or is found to be alive, for news of the member", () => {
  const peers = following("namesake");
  peers.heard("b", 5_000);
  peers.vouched("b", { boot: "namesake", by: "c", now: 5_000 });
  peers.vouched("b", { boot: undefined, by: "c", now: 5_000 });
  peers.believes("b", { boot: "namesake", beliefs: beliefs(), askedAt: 5_000 });
  assert.equal(peers.silentMs("b", 6_000), 6_000);
  assert.equal(peers.isReachable("b", 5_000), false);
  assert.equal(peers.hears("b", 5_000), false);
  assert.equal(peers.confirmation("b"), undefined);
});

Deno.test("Peers.follow() starts afresh with another process of the name", () => {
  const peers = following();
  peers.believes("b", { boot: "boot-b", beliefs: beliefs(), askedAt: 10 });
  peers.follow(row("b"), 1_000);
  assert.deepEqual([peers.silentMs("b", 1_000), peers.confirmation("b")?.askedAt], [1_000, 10]);
  peers.follow(row("b", { boot: "another" }), 2_000);
  assert.deepEqual([peers.silentMs("b", 2_000), peers.confirmation("b"), peers.beliefs("b")], [
    0,
    undefined,
    undefined,
  ]);
  peers.forget("b");
  assert.equal(peers.silentMs("b", 9_000), 0);
});

Deno.test("Peers.heardMsAgo() tells the truth of who is gone, and of who was never heard", () => {
  const peers = following();
  assert.equal(peers.heardMsAgo("b", 1_000), undefined, "it is only known to be there");
  peers.heard("b", 1_000);
  peers.vouched("b", { boot: "boot-b", by: "c", now: 1_500 });
  peers.forget("b");
  assert.equal(peers.heardMsAgo("b", 90_000), 88_500);
  peers.follow(row("b", { boot: "another" }), 95_000);
  assert.equal(peers.heardMsAgo("b", 96_000), 94_500);
  peers.resetSilence(97_000);
  assert.equal(peers.heardMsAgo("b", 98_000), 96_500, "that we did not listen makes nobody heard");
});

Deno.test("Peers.hears() whom a ping reached that was sent lately, whenever the answer came", () => {
  const peers = following();
  peers.believes("b", { boot: "boot-b", beliefs: beliefs() });
  assert.equal(peers.hears("b", 1_000), false, "what was not asked for may be old");
  peers.believes("b", { boot: "boot-b", beliefs: beliefs({ view: "new" }), askedAt: 1_000 });
  peers.believes("b", { boot: "boot-b", beliefs: beliefs({ view: "old" }), askedAt: 500 });
  assert.deepEqual(peers.confirmation("b"), { askedAt: 1_000, view: "new", clear: true });
  assert.equal(peers.hears("b", 1_000 + HEARING_MS - 1), true);
  assert.equal(peers.hears("b", 1_000 + HEARING_MS), false);
});

Deno.test("Peers.resetSilence() starts every silence afresh, and whom others were asked to ping", () => {
  const peers = following();
  peers.follow(row("c"), 0);
  assert.equal(peers.asked("b", 5_000), 0);
  assert.equal(peers.asked("b", 6_000), 1_000);
  assert.equal(peers.askedMs("b", 7_000), 2_000);
  peers.resetSilence(8_000);
  assert.deepEqual(["b", "c"].map((name) => peers.silentMs(name, 9_000)), [1_000, 1_000]);
  assert.equal(peers.askedMs("b", 9_000), undefined);
});

Deno.test("Peers.maySync() lets a table go to a member every so often", () => {
  const peers = following();
  const may = (now: number) => peers.maySync("b", { now, everyMs: 1_000 });
  assert.deepEqual([0, 999, 1_000, 1_500, 2_000].map(may), [true, false, true, false, true]);
});
