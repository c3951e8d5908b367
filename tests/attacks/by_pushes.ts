/**
 * Attacks by pushes of one who has a good token: refused at length, without number, made to grow, of clusters made up.
 *
 * @module
 */

import { gzipSync } from "node:zlib";
import { PROTOBUF_CONTENT_TYPE } from "../../common/exposition/protobuf.ts";
import { bombs } from "../support/bombs.ts";
import type { Attack, AttackTools } from "./attack.ts";
import { flood, shoot } from "./senders.ts";

const TEXT = { "content-type": "text/plain; version=0.0.4" };

/** All of them, by name. */
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
      await flood(tools, { abreast: 16, atMostPerSecond: 200 }, async (turn) => {
        const headers = { ...TEXT, "content-encoding": "gzip" };
        await push(tools, { id: `long-${turn % 400}`, headers, body: bodies[turn % bodies.length], turn });
      });
    },
  },
  "refused pushes without end": {
    servers: 1,
    unit: "pushes",
    run: async (tools) => {
      await flood(tools, { abreast: 64 }, async (turn) => {
        const body = `x{_id="refused-${turn % 200}"} ${"9".repeat(500)}nonsense\n`;
        await push(tools, { id: `refused-${turn % 200}`, headers: TEXT, body, turn });
      });
    },
  },
  "clusters that are made up": {
    servers: 1,
    flags: ["--limit-clusters=2000"],
    unit: "clusters",
    run: async (tools) => {
      await flood(tools, { abreast: 32, atMostPerSecond: 500 }, async (turn) => {
        const id = `made-up-${turn}`,
          series = Array.from({ length: 50 }, (_, i) => `x{_id="${id}",i="${i}"} 1 ${Date.now()}\n`);
        await push(tools, { id, headers: TEXT, body: series.join(""), turn });
      });
    },
  },
  "bombs": {
    servers: 1,
    unit: "pushes",
    run: async (tools) => {
      const all = bombs(Date.now());
      await flood(tools, { abreast: 8 }, async (turn) => {
        const { headers, body } = all[turn % all.length], id = `b${turn % 40}`;
        await push(tools, { id, headers: { "content-type": PROTOBUF_CONTENT_TYPE, ...headers }, body: body(id), turn });
      });
    },
  },
  "large pushes of one cluster": {
    servers: 1,
    unit: "pushes",
    run: async (tools) => {
      const lines = Array.from({ length: 40_000 }, (_, i) => `large{_id="large",i="${i}"} ${i} ${Date.now()}\n`);
      const body = gzipSync(lines.join("").slice(0, 2_000_000).replace(/\n[^\n]*$/, "\n"));
      const headers = { ...TEXT, "content-encoding": "gzip" };
      await flood(tools, { abreast: 32 }, (turn) => push(tools, { id: "large", headers, body, turn }));
    },
  },
};

async function push(
  tools: AttackTools,
  { id, headers, body, turn }: {
    id: string;
    headers: Readonly<Record<string, string>>;
    body: Uint8Array | string;
    turn: number;
  },
): Promise<void> {
  const url = new URL("upload", tools.externals[turn % tools.externals.length]);
  await shoot({ url, token: await tools.token(id), headers, body }, tools);
}
