/**
 * What clients of ill will do to a server, each for a few seconds at most.
 *
 * @module
 */

import { connect } from "node:net";
import { PROTOBUF_CONTENT_TYPE } from "../../common/exposition/protobuf.ts";
import { type Bomb, bombs } from "../support/bombs.ts";
import type { Random } from "../support/random.ts";

/** What an attack works with. */
export interface AttackOptions {
  /** The server's external listener. */
  readonly target: URL;
  /** Makes a good token: the attacker is a client like others. */
  readonly token: (id: string) => Promise<string>;
  /** What it follows from. */
  readonly random: Random;
}

/** Does its worst, and ends when the server has answered or cut it off. Rejects never: who is refused or cut gets what it wants. */
export type Attack = (options: AttackOptions) => Promise<void>;

/** How long an attacker holds on to a socket, in milliseconds. */
const HOLD_MS = 2_000;
/** How long it waits for an answer, in milliseconds. */
const PATIENCE_MS = 20_000;

const COMING_AND_GOING = "clusters that come and go";
/** How many come at once. */
const PASSERS_BY = 20;

/** All of them, by name. */
export const ATTACKS: Readonly<Record<string, Attack>> = {
  "a bomb": async ({ target, token, random }) => {
    await throwBomb(random.pick(bombs(Date.now())), { target, token, turn: random.below(BOMBERS) });
  },
  "forged tokens": async ({ target, token, random }) => {
    const good = await token("victim");
    await Promise.all(Array.from({ length: 20 }, () => {
      const at = random.below(good.length);
      const forged = good.slice(0, at) + random.pick(["A", "e", "-", "."]) + good.slice(at + 1);
      return post(new URL("upload", target), { token: forged, body: random.bytes(100) });
    }));
  },
  "garbage with a good token": async ({ target, token, random }) => {
    const id = `garbler-${random.below(20)}`;
    const headers = random.pick<Readonly<Record<string, string>>>([{}, { "content-encoding": "snappy" }, {
      "content-encoding": "gzip",
    }]);
    await post(new URL("upload", target), {
      token: await token(id),
      headers,
      body: random.bytes(random.size(100_000)),
    });
  },
  [COMING_AND_GOING]: async ({ target, token, random }) => {
    await Promise.all(Array.from({ length: PASSERS_BY }, async () => {
      const id = `passer-by-${random.uint32()}`;
      const body = new TextEncoder().encode(`passing{_id="${id}"} 1 ${Date.now()}\n`);
      await post(new URL("upload", target), {
        token: await token(id),
        headers: { "content-type": "text/plain" },
        body,
      });
    }));
  },
  "a flood of /authorize": async ({ target, random }) => {
    await Promise.all(
      Array.from(
        { length: 30 },
        () => post(new URL(`authorize?id=${random.uint32()}`, target), { token: "initial", body: new Uint8Array() }),
      ),
    );
  },
  "slow headers": ({ target, random }) => hold({ target, text: "POST /upload HTTP/1.1\r\nhost: a\r\nx: ", random }),
  "a body that never comes": async ({ target, token, random }) => {
    const head = `POST /upload HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${await token("sleeper")}\r\n`;
    await hold({ target, text: `${head}content-length: 1000\r\n\r\n`, random });
  },
  "silent sockets": ({ target, random }) => hold({ target, text: "", random }),
  "no HTTP": ({ target, random }) => hold({ target, text: String.fromCharCode(...random.bytes(200)), random }),
};

/**
 * Has every bomber throw each bomb that is taken in, so that what servers keep for large pushes they have from then on, whoever of
 * them owns the cluster; and throws the others once.
 */
export async function throwEachBomb(options: Pick<AttackOptions, "target" | "token">): Promise<void> {
  const all = bombs(Date.now());
  for (const bomb of all.filter(({ status }) => status === 200)) {
    for (let turn = 0; turn < BOMBERS; turn++) await throwBomb(bomb, { ...options, turn });
  }
  const refused = all.filter(({ status }) => status !== 200);
  for (const [turn, bomb] of refused.entries()) await throwBomb(bomb, { ...options, turn });
}

/** Has those who threw bombs show next to nothing, unless they were refused too often. */
export async function clearAway({ target, token }: Pick<AttackOptions, "target" | "token">): Promise<void> {
  const headers = { "content-type": "text/plain" };
  for (let turn = 0; turn < BOMBERS; turn++) {
    const id = bomber(turn), body = new TextEncoder().encode(`cleared{_id="${id}"} 1 ${Date.now()}\n`);
    await post(new URL("upload", target), { token: await token(id), headers, body });
  }
}

/** How many clusters came that nobody had known, by how often each attack was made. */
export function newcomersOf(attacks: ReadonlyMap<string, number>): number {
  return PASSERS_BY * (attacks.get(COMING_AND_GOING) ?? 0);
}

/** Clusters take turns: after ten refused pushes one is refused unread. They are few, as of each the latest push is held. */
const BOMBERS = 4;

function bomber(turn: number): string {
  // One of the bombs has the id in the names of its labels, and some are as long as may be with a short one.
  return `b${turn % BOMBERS}`;
}

async function throwBomb(
  { headers, body }: Bomb,
  { target, token, turn }: Pick<AttackOptions, "target" | "token"> & { turn: number },
) {
  const id = bomber(turn);
  await post(new URL("upload", target), { token: await token(id), headers, body: body(id) });
}

async function post(
  url: URL,
  { token, headers = {}, body }: { token: string; headers?: Readonly<Record<string, string>>; body: Uint8Array },
): Promise<void> {
  try {
    const response = await fetch(url, {
      method: "POST",
      // What has no type is read as text, which most bombs are not.
      headers: { authorization: `Bearer ${token}`, "content-type": PROTOBUF_CONTENT_TYPE, ...headers },
      body: body as Uint8Array<ArrayBuffer>,
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    await response.body?.cancel();
  } catch {
    // Cut off, or the server is down: that is the servers' affair.
  }
}

/** Opens some sockets, says a little, and holds them for a while; some end in good order, some do not. */
async function hold({ target, text, random }: { target: URL; text: string; random: Random }): Promise<void> {
  await Promise.all(Array.from({ length: 1 + random.size(40) }, async () => {
    const abrupt = random.chance(0.5);
    const socket = connect(Number(target.port), target.hostname);
    socket.on("error", () => {});
    socket.on("connect", () => void (text && socket.write(text)));
    const timer = setTimeout(() => void (abrupt ? socket.resetAndDestroy() : socket.end()), HOLD_MS);
    socket.resume();
    const end = setTimeout(() => socket.destroy(), 2 * HOLD_MS);
    // Not once(), which throws the reset that the server may answer with.
    await new Promise<void>((resolve) => void socket.once("close", () => resolve()));
    clearTimeout(timer);
    clearTimeout(end);
  }));
}
