import assert from "node:assert/strict";
import { ask, ending, MEMBER, RING, rows, sourcePages, WELL, words } from "../../support/source_pages.ts";

Deno.test("the page of certificates tells which end soon", async () => {
  assert.match(
    rows((await ask(sourcePages(), "/certificates")).text)[1],
    /^ends soon CN=a in 7 d \/a\.crt \(--tls-crt\)$/,
  );
});

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
