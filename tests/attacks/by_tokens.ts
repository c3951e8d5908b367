/**
 * Attacks on who is who: tokens without number, and questions to the authorizer.
 *
 * @module
 */

import { type Attack, SLOW_TOKEN } from "./attack.ts";
import { flood, hold, load } from "./senders.ts";

/** All of them, by name. */
export const BY_TOKENS: Readonly<Record<string, Attack>> = {
  "variants of one token": {
    servers: 1,
    unit: "tokens",
    run: async (tools) => {
      const url = new URL("upload", tools.externals[0]), good = await tools.token("varied");
      const signature = good.lastIndexOf(".") + 1;
      await flood(tools, { abreast: 64 }, async (turn, lane) => {
        // White space in the signature, which some decoders pass over: as many tokens as there are places for it.
        const blanks = " \t".repeat(3_500), at = signature + turn % 80, more = "\t".repeat(turn % 97 + 1);
        const token = good.slice(0, at) + blanks + good.slice(at, at + 3) + more + good.slice(at + 3);
        await lane.send(load({ url, token }));
      });
    },
  },
  "forged tokens from the clients' address": {
    servers: 1,
    clients: "new token",
    unit: "tokens",
    run: async (tools) => {
      const url = new URL("upload", tools.externals[0]), good = await tools.token("forged");
      await flood(tools, { abreast: 64 }, async (turn, lane) => {
        const at = 60 + turn % 200;
        const token = good.slice(0, at) + (good[at] === "A" ? "B" : "A") + good.slice(at + 1);
        await lane.send(load({ url, token, body: "x 1\n" }));
      });
    },
  },
  "a slow authorizer asked by one address": {
    servers: 1,
    authorizes: true,
    clients: "authorize",
    unit: "questions",
    run: async (tools) => {
      await flood(tools, { abreast: 400 }, async (turn) => {
        await hold(tools, { from: "127.0.2.1", forMs: 10_000, text: question(`slow-${turn}`, SLOW_TOKEN) });
      });
    },
  },
  "a flood of /oauth2/token": {
    servers: 1,
    authorizes: true,
    clients: "authorize",
    unit: "questions",
    run: async (tools) => {
      const url = new URL("oauth2/token", tools.externals[0]);
      const headers = { "content-type": "application/x-www-form-urlencoded" };
      const shots = Array.from({ length: 2_000 }, (_, i) => {
        const authorization = `Basic ${btoa(`flood-${i}:made-up-${i}`)}`;
        return load({ url, token: "", headers: { ...headers, authorization }, body: "grant_type=client_credentials" });
      });
      await flood(tools, { abreast: 64 }, (turn, lane) => lane.send(shots[turn % shots.length]));
    },
  },
  "a flood of /authorize": {
    servers: 1,
    authorizes: true,
    clients: "authorize",
    unit: "questions",
    run: async (tools) => {
      await flood(tools, { abreast: 64 }, async (turn) => {
        await hold(tools, { from: "127.0.2.1", forMs: 2_000, text: question(`flood-${turn}`, `made-up-${turn}`) });
      });
    },
  },
};

function question(id: string, token: string): string {
  return `POST /authorize?id=${id} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer ${token}\r\n` +
    "Content-Length: 0\r\n\r\n";
}
