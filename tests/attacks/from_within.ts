/**
 * Attacks of those who are inside: a scraper that asks too much, and a member of the ring that says what no member would.
 *
 * @module
 */

import { pause } from "../../common/pause.ts";
import { MESSAGE_TYPES } from "../../ring/protocol/mesh.ts";
import { helloHeader, RawPeer } from "../support/raw_peer.ts";
import type { Attack } from "./attack.ts";
import { flood, load } from "./senders.ts";

/** All of them, by name. */
export const FROM_WITHIN: Readonly<Record<string, Attack>> = {
  "selectors on /federate": {
    servers: 1,
    held: 100,
    unit: "scrapes",
    run: async (tools) => {
      const selectors = [
        '{__name__=~"(a|b|c|d|e|f|g|.)*.*x.*y.*z"}',
        `{__name__=~"${"(.+)?".repeat(200)}$"}`,
        '{__name__!="",i=~".*1.*2.*|.*9"}',
        '{__name__=~".+"}',
      ];
      const shots = selectors.map((_, turn) => {
        const url = new URL("federate", tools.internal);
        for (let i = 0; i < 10; i++) url.searchParams.append("match[]", selectors[(turn + i) % selectors.length]);
        return load({ url, token: "none", method: "GET" });
      });
      await flood(tools, { abreast: 4 }, (turn, lane) => lane.send(shots[turn % shots.length]));
    },
  },
  "frames of a member gone wrong": {
    servers: 3,
    unit: "frames",
    run: async (tools) => {
      const { keyId, ...credentials } = tools.member, { random, signal, sent } = tools;
      const types = Object.values(MESSAGE_TYPES);
      const hello = () =>
        helloHeader("outsider", { cluster: "telemeter", keys: { signing: keyId, verifying: [keyId] } });
      while (!signal.aborted) {
        try {
          using peer = await RawPeer.join(tools.ringPort, credentials, hello());
          tools.begins();
          let isOpen = true;
          peer.closed.then(() => isOpen = false);
          for (let turn = 0; isOpen && !signal.aborted; turn++) {
            const { number } = random.pick(types);
            const id = random.pick(["\u0000", "x", "\u202e"]).repeat(random.size(255));
            const rows = Array.from({ length: 20 }, (_, i) => ({
              ...{
                name: `made-up-${i}`,
                boot: "b",
                address: "127.0.0.1:1",
                host: "h",
                status: "ALIVE",
                phase: "ACTIVE",
              },
              ...{ incarnation: 2 ** random.below(54), since: 1 },
            }));
            const header = random.pick<Record<string, unknown>>([
              { id, version: [8.64e15, "x", 2 ** 53 - 1], view: "v", ageMs: 0, hops: 1, role: "owner" },
              { view: "v", table: "t", epoch: 2 ** 52, accuses: ["server-0", "server-1"], at: 1 },
              { rows, full: true, reply: true, agreed: { epoch: 2 ** 52, members: rows } },
              { code: "REFUSED", reason: "\u001b".repeat(5_000), detail: "x".repeat(100_000) },
              { view: "v", holdings: [[id, 1, "x", 1]], buckets: [1], ids: [id] },
              {},
            ]);
            peer.send({
              version: 1,
              type: number,
              request: random.uint32(),
              header,
              body: random.bytes(random.size(100)),
            });
            sent();
            if (turn % 100 === 99) await pause(50, signal);
          }
        } catch {
          await pause(200, signal);
        }
      }
    },
  },
};
