/**
 * Attacks by connections: idle, half-said, and none of HTTP.
 *
 * @module
 */

import type { Attack } from "./attack.ts";
import { flood, hold } from "./senders.ts";

/** The addresses that attackers come from, each of another network than the good clients'. */
const ADDRESSES = Array.from({ length: 10 }, (_, index) => `127.0.${index + 2}.1`);
/** So many that ten addresses together hold all that there are. */
const FEW_CONNECTIONS = ["--limit-connections=2000", "--limit-connections-per-address=200"];

/** All of them, by name. */
export const BY_CONNECTIONS: Readonly<Record<string, Attack>> = {
  "idle connections of ten addresses": {
    servers: 1,
    flags: FEW_CONNECTIONS,
    clients: "connect",
    unit: "connections",
    run: async (tools) => {
      await flood(tools, { abreast: 2_500 }, async (turn) => {
        await hold(tools, { from: ADDRESSES[turn % ADDRESSES.length], text: "" });
      });
    },
  },
  "heads by the byte": {
    servers: 1,
    flags: FEW_CONNECTIONS,
    clients: "connect",
    unit: "connections",
    run: async (tools) => {
      await flood(tools, { abreast: 2_500 }, async (turn) => {
        await hold(tools, {
          from: ADDRESSES[turn % ADDRESSES.length],
          text: "POST /upload HTTP/1.1\r\nhost: a\r\nx: ",
        });
      });
    },
  },
  "pushes that are half sent": {
    servers: 1,
    unit: "connections",
    run: async (tools) => {
      const token = await tools.token("half-sent");
      const head =
        `POST /upload HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${token}\r\ncontent-length: 100000\r\n\r\nx`;
      await flood(tools, { abreast: 900 }, async (turn) => {
        await hold(tools, { from: ADDRESSES[turn % ADDRESSES.length], text: head, forMs: 5_000 });
      });
    },
  },
  "bytes that are no HTTP": {
    servers: 1,
    clients: "connect",
    unit: "connections",
    run: async (tools) => {
      await flood(tools, { abreast: 64 }, async (turn) => {
        const from = ADDRESSES[turn % ADDRESSES.length];
        await hold(tools, { from, text: tools.random.bytes(200), forMs: 2_000 });
      });
    },
  },
};
