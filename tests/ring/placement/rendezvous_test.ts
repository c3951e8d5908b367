import assert from "node:assert/strict";
import fc from "fast-check";
import { type Candidate, hash64, keyHash, Rendezvous, toHex } from "../../../ring/placement/rendezvous.ts";

/** fmix64(fnv1a64(text)) by BigInt, written from the definitions. */
function oracleHash(text: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return oracleMix(hash);
}

function oracleMix(hash: bigint): bigint {
  for (const factor of [0xff51afd7ed558ccdn, 0xc4ceb9fe1a85ec53n]) {
    hash = BigInt.asUintN(64, (hash ^ (hash >> 33n)) * factor);
  }
  return hash ^ (hash >> 33n);
}

/** The members by falling score, ties to the lower name. */
function oracleRanking(id: string, members: readonly Candidate[]): Candidate[] {
  const key = oracleHash(`k:${id}`);
  return members
    .map((member) => ({ member, score: oracleMix(key ^ oracleHash(`n:${member.name}`)) }))
    .sort((a, b) => a.score === b.score ? (a.member.name < b.member.name ? -1 : 1) : a.score > b.score ? -1 : 1)
    .map(({ member }) => member);
}

const ids = Array.from({ length: 500 }, (_, i) => `cluster-${i}`);
const onHost = (name: string): Candidate => ({ name, host: name });
const someMembers = (minLength: number) =>
  fc.uniqueArray(
    fc.record({
      name: fc.string({ unit: "grapheme", minLength: 1, maxLength: 12, size: "max" }),
      host: fc.constantFrom("x", "y"),
    }),
    { minLength, maxLength: 12, selector: ({ name }) => name },
  );

for (
  const { text, hex } of [
    { text: "", hex: "efd01f60ba992926" },
    { text: "a", hex: "82a2a958a9bece5b" },
    { text: "foobar", hex: "2c22194922d1672b" },
  ]
) {
  Deno.test(`hash64() of "${text}" is ${hex}`, () => assert.equal(toHex(hash64(text)), hex));
}

Deno.test("hash64() is what BigInt says, for any text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 40, size: "max" }), (text) => {
      assert.equal(toHex(hash64(text)), oracleHash(text).toString(16).padStart(16, "0"));
    }),
    { numRuns: 2_000 },
  );
});

for (
  const { id, owner, standby } of [
    { id: "cluster-1", owner: "c", standby: "b" },
    { id: "cluster-2", owner: "b", standby: "a" },
  ]
) {
  Deno.test(`Rendezvous.place() puts ${id} of {a, b, c} on ${owner}, then ${standby}`, () => {
    const ring = new Rendezvous(["b", "c", "a"].map(onHost));
    assert.deepEqual(ring.place(keyHash(id)), { owner, standby });
    assert.equal(ring.owner(keyHash(id)), owner);
  });
}

Deno.test("Rendezvous.place() agrees with BigInt, its standby being on another host where there is one", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 20, size: "max" }), someMembers(1), (id, members) => {
      const [owner, ...others] = oracleRanking(id, members);
      const standby = others.find(({ host }) => host !== owner.host) ?? others[0];
      const expected = standby === undefined ? { owner: owner.name } : { owner: owner.name, standby: standby.name };
      const ring = new Rendezvous(members);
      assert.deepEqual(ring.place(keyHash(id)), expected);
      assert.equal(ring.owner(keyHash(id)), owner.name);
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("Rendezvous.place() of nobody is nowhere, and a name that comes twice counts once", () => {
  assert.equal(new Rendezvous([]).place(keyHash("x")), undefined);
  assert.equal(new Rendezvous([]).owner(keyHash("x")), undefined);
  assert.deepEqual(new Rendezvous([onHost("a"), onHost("a")]).place(keyHash("x")), { owner: "a" });
});

Deno.test("Rendezvous.place() moves no key on a join but to the member that joins", () => {
  fc.assert(
    fc.property(someMembers(2), ([joins, ...members]) => {
      const before = new Rendezvous(members);
      const after = new Rendezvous([...members, joins]);
      for (const key of ids.map(keyHash)) {
        const owner = after.owner(key);
        assert.ok(owner === joins.name || owner === before.owner(key));
      }
    }),
    { numRuns: 50 },
  );
});

Deno.test("Rendezvous.place() gives the keys of a member that leaves to their second, and moves no other", () => {
  fc.assert(
    fc.property(someMembers(2), (members) => {
      // With a host each, the standby is the second; the oracle above covers shared hosts.
      const apart = members.map(({ name }) => onHost(name));
      const [leaves, ...rest] = apart;
      const before = new Rendezvous(apart);
      const after = new Rendezvous(rest);
      for (const key of ids.map(keyHash)) {
        const { owner, standby } = before.place(key)!;
        assert.equal(after.owner(key), owner === leaves.name ? standby : owner);
      }
    }),
    { numRuns: 50 },
  );
});

Deno.test("Rendezvous.place() is within 5 % of even over 50 members and 200,000 keys", () => {
  const members = Array.from({ length: 50 }, (_, i) => onHost(`telemeter-${i}.example`));
  const ring = new Rendezvous(members);
  const load = new Map<string, number>();
  for (let i = 0; i < 200_000; i++) {
    const owner = ring.owner(keyHash(`7f${i}b-cluster`))!;
    load.set(owner, (load.get(owner) ?? 0) + 1);
  }
  assert.equal(load.size, 50);
  for (const keys of load.values()) assert.ok(Math.abs(keys / 4_000 - 1) < 0.05, `a member has ${keys} keys`);
});
