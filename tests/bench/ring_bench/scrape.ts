/**
 * What it costs a page that other members have to confirm it: a scrape of a ring beside one of a server alone.
 *
 * @module
 */

import { RingServers } from "../../faults/ring_servers.ts";

/** Scrapes of each, one after the other, by turns. */
const SCRAPES = 500;
/** So many come before, to find code that is not compiled yet. */
const WARM_UP = 100;

/** Scrapes empty pages, and says how long they took. */
export async function compareScrapes(
  { servers: count }: { readonly servers: number },
  { say, signal }: { say: (line: string) => void; signal: AbortSignal },
): Promise<void> {
  await using ring = await RingServers.create({
    names: Array.from({ length: count }, (_, index) => `server-${index}`),
  });
  await using alone = await RingServers.create({ names: ["alone"], alone: true });
  await Promise.all([ring.start(), alone.start()]);
  const sides = [
    { what: `a ring of ${count}`, server: ring.servers[0], tookMs: [] as number[] },
    { what: "a server alone", server: alone.servers[0], tookMs: [] as number[] },
  ];
  for (let turn = -WARM_UP; turn < SCRAPES; turn++) {
    signal.throwIfAborted();
    for (const { server, tookMs } of sides) {
      const startedMs = performance.now();
      const response = await fetch(new URL("federate", server.internal));
      await response.text();
      if (turn >= 0) tookMs.push(performance.now() - startedMs);
    }
  }
  const [ofRing, ofAlone] = sides.map(({ what, tookMs }) => {
    tookMs.sort((a, b) => a - b);
    const at = (share: number) => tookMs[Math.floor(share * SCRAPES)];
    say(`${what}: p50 ${at(0.5).toFixed(2)} ms, p90 ${at(0.9).toFixed(2)} ms, p99 ${at(0.99).toFixed(2)} ms`);
    return at(0.5);
  });
  say(`A confirmation costs a page ${(ofRing - ofAlone).toFixed(2)} ms in the median`);
}
