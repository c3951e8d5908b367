/**
 * The process that attacks, so that what it takes of this machine's time is not the good clients'.
 *
 * Its argument is an {@linkcode Order} in JSON. It writes `begins` once it has prepared what it sends, and how much it has sent when
 * it is told to stop.
 *
 * @module
 */

import { readSigningKey } from "../../server/authorization/token_keys.ts";
import { TokenSigner } from "../../server/authorization/tokens.ts";
import { Random } from "../support/random.ts";
import type { AttackTools } from "./attack.ts";
import { ATTACKS } from "./attacks.ts";

/** What to do, and to whom. */
export interface Order extends Pick<AttackTools, "ringPort" | "member"> {
  /** The name of the attack. */
  readonly attack: string;
  /** What all chance follows from. */
  readonly seed: number;
  /** The external listeners. */
  readonly externals: readonly string[];
  /** An internal listener. */
  readonly internal: string;
  /** The key that signs tokens (PEM). */
  readonly signingKey: string;
}

async function attack({ attack, seed, externals, internal, signingKey, ...rest }: Order): Promise<void> {
  const stop = new AbortController(), signer = new TokenSigner(await readSigningKey(signingKey));
  const tokens = new Map<string, Promise<string>>();
  let count = 0, hasBegun = false;
  Deno.addSignalListener("SIGTERM", () => {
    Deno.stdout.writeSync(new TextEncoder().encode(`sent=${count}\n`));
    stop.abort();
    Deno.exit(0);
  });
  await ATTACKS[attack].run({
    ...rest,
    externals: externals.map((url) => new URL(url)),
    internal: new URL(internal),
    token: (id) => {
      const known = tokens.get(id) ??
        signer.sign({ labels: new Map([["_id", id]]), subject: id, expireSeconds: 3_600, now: Date.now() });
      if (tokens.size < 1_000) tokens.set(id, known);
      return known;
    },
    random: new Random(seed),
    signal: stop.signal,
    begins: () => {
      if (hasBegun) return;
      hasBegun = true;
      Deno.stdout.writeSync(new TextEncoder().encode("begins\n"));
    },
    sent: (more = 1) => void (count += more),
  });
}

if (import.meta.main) await attack(JSON.parse(Deno.args[0]));
