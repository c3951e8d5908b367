/**
 * Attacks by pushes of one who has a good token: refused at length, without number, made to grow, of clusters made up.
 *
 * @module
 */

import { gzipSync } from "node:zlib";
import { PROTOBUF_CONTENT_TYPE } from "../../common/exposition/protobuf.ts";
import { bombs } from "../support/bombs.ts";
import type { Attack, AttackTools } from "./attack.ts";
import { flood, load, type LoadedShot } from "./senders.ts";

const TEXT = { "content-type": "text/plain; version=0.0.4" };
const GZIPPED_TEXT = { ...TEXT, "content-encoding": "gzip" };

/** All of them, by name. What they send is made before they begin, a push of each cluster for each server. */
export const BY_PUSHES: Readonly<Record<string, Attack>> = {
  "refusals with long names in a ring": {
    servers: 3,
    unit: "pushes",
    run: async (tools) => {
      // Each says at length that it is of another cluster, or twice what it is.
      const other = '_id="other"', name = "x".repeat(500_000);
      const labels = (value: string) =>
        Array.from({ length: 60 }, (_, i) => `l${i}${"x".repeat(240)}="${value}"`).join();
      const bodies = [
        `m{${other},${labels("y".repeat(250))}} 1\n`,
        `m{${labels("\u202e".repeat(80))},${other}} 1\n`,
        `# TYPE ${name} gauge\n# TYPE ${name} counter\n${name} 1\n`,
        `# TYPE ${name} histogram\n${name}{${other}} 1\n`,
      ].map((text) => gzipSync(text));
      const pushes = Array.from({ length: 400 }, (_, i) => ({
        id: `long-${i}`,
        headers: GZIPPED_TEXT,
        body: bodies[i % bodies.length],
      }));
      await send(tools, { abreast: 16, pushes });
    },
  },
  "refused pushes without end": {
    servers: 1,
    unit: "pushes",
    run: async (tools) => {
      const pushes = Array.from({ length: 200 }, (_, i) => ({
        id: `refused-${i}`,
        headers: TEXT,
        body: `x{_id="refused-${i}"} ${"9".repeat(500)}nonsense\n`,
      }));
      await send(tools, { abreast: 64, pushes });
    },
  },
  "clusters that are made up": {
    servers: 1,
    flags: ["--limit-clusters=2000"],
    unit: "pushes",
    run: async (tools) => {
      const now = Date.now();
      const pushes = Array.from({ length: 6_000 }, (_, turn) => {
        const id = `made-up-${turn}`;
        const lines = Array.from({ length: 50 }, (_, i) => `x{_id="${id}",i="${i}"} 1 ${now}\n`);
        return { id, headers: TEXT, body: lines.join("") };
      });
      await send(tools, { abreast: 32, pushes });
    },
  },
  "bombs": {
    servers: 1,
    unit: "pushes",
    run: async (tools) => {
      const all = bombs(Date.now()), ids = Array.from({ length: 10 }, (_, i) => `b${i}`);
      const pushes = ids.flatMap((id) =>
        all.map(({ headers, body }) => ({
          id,
          headers: { "content-type": PROTOBUF_CONTENT_TYPE, ...headers },
          body: body(id),
        }))
      );
      await send(tools, { abreast: 8, pushes });
    },
  },
  "large pushes of one cluster": {
    servers: 1,
    unit: "pushes",
    run: async (tools) => {
      const lines = Array.from({ length: 40_000 }, (_, i) => `large{_id="large",i="${i}"} ${i} ${Date.now()}\n`);
      const body = gzipSync(lines.join("").slice(0, 2_000_000).replace(/\n[^\n]*$/, "\n"));
      await send(tools, { abreast: 32, pushes: [{ id: "large", headers: GZIPPED_TEXT, body }] });
    },
  },
};

interface Push {
  readonly id: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string;
}

async function send(tools: AttackTools, { abreast, pushes }: { abreast: number; pushes: readonly Push[] }) {
  const shots: LoadedShot[] = [];
  for (const { id, headers, body } of pushes) {
    const url = new URL("upload", tools.externals[shots.length % tools.externals.length]);
    shots.push(load({ url, token: await tools.token(id), headers, body }));
  }
  await flood(tools, { abreast }, (turn, lane) => lane.send(shots[turn % shots.length]));
}
