import { keyHash, Rendezvous } from "../../ring/placement/rendezvous.ts";

const ring = new Rendezvous(Array.from({ length: 50 }, (_, i) => ({ name: `telemeter-${i}`, host: `host-${i % 10}` })));
const ids = Array.from({ length: 1_000 }, (_, i) => `1b0c4e5f-97a5-4c0a-8f0e-${i}`);
const keys = ids.map(keyHash);

Deno.bench("1,000 keys hashed", () => void ids.map(keyHash));

Deno.bench("1,000 owners looked up among 50 members", () => {
  for (const key of keys) ring.owner(key);
});

Deno.bench("1,000 keys placed among 50 members", () => {
  for (const key of keys) ring.place(key);
});

Deno.bench("1,000 keys hashed and placed among 50 members", () => {
  for (const id of ids) ring.place(keyHash(id));
});
