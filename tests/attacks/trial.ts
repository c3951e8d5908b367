/**
 * One attack tried: how good clients fare before it and during it, and what it takes of the servers.
 *
 * @module
 */

import { Child } from "../../scripts/process/child.ts";
import type { Attack } from "./attack.ts";
import type { Order } from "./attacker.ts";
import { GoodClients, type Outcome } from "./good_clients.ts";
import { Site, type Taken } from "./site.ts";

/** How an attack is tried. */
export interface TrialPlan {
  /** The attack. */
  readonly attack: Attack;
  /** Its name. */
  readonly name: string;
  /** The sources of the servers. */
  readonly dir: string;
  /** What all chance of the attacker follows from. */
  readonly seed: number;
  /** Good clients. */
  readonly clients: number;
  /** Their pushes a second. */
  readonly rate: number;
  /** How long it lasts, in milliseconds; before it the clients push for half as long without it. */
  readonly durationMs: number;
}

/** What came of it. */
export interface TrialReport {
  /** Of good clients, without the attack. */
  readonly before: Outcome;
  /** And with it. */
  readonly during: Outcome;
  /** What was sent a second. */
  readonly sentPerSecond: number;
  /** What the servers had taken before it. */
  readonly takenBefore: Taken;
  /** And at its end. */
  readonly takenAfter: Taken;
}

/** How long an attacker may take to make what it sends, in milliseconds. */
const PREPARATION_MS = 120_000;

const ATTACKER = new URL("attacker.ts", import.meta.url).pathname;

/** Tries an attack on servers of its own. */
export async function tryAttack(plan: TrialPlan): Promise<TrialReport> {
  const { attack, name, dir, seed, clients, rate, durationMs } = plan;
  await using site = await Site.open(attack, { dir });
  const { servers, ring } = site;
  const externals = servers.map(({ external }) => external), token = (id: string) => ring.token(id);
  const good = new GoodClients({ externals, token, clients, rate, kind: attack.clients ?? "push" });
  await fill(site, attack.held ?? 0);
  // The first push of each cluster takes longer, with or without an attack.
  await good.push(1_000 * 2 * clients / rate);
  const before = await good.push(durationMs / 2);
  await site.forgetPeak();
  const takenBefore = await site.taken();
  const order: Order = {
    attack: name,
    seed,
    externals: externals.map(String),
    internal: String(servers[0].internal),
    ringPort: Number(servers[0].cluster.split(":")[1]),
    member: await site.outsider(),
    signingKey: await ring.signingKey(),
  };
  await using attacker = new Child({
    name: "attacker",
    // It would have machines of its own. Here it gets what time of this one is left.
    path: "nice",
    args: ["-n", "19", Deno.execPath(), "run", "--allow-all", ATTACKER, JSON.stringify(order)],
  });
  await attacker.line(/^begins$/, { timeoutMs: PREPARATION_MS });
  const during = await good.push(durationMs);
  const takenAfter = await site.taken();
  await attacker.stop();
  const sent = Number(/^sent=(\d+)$/m.exec(attacker.tail(5))?.[1] ?? NaN);
  if (Number.isNaN(sent)) throw new Error(`The attacker of '${name}' has failed:\n${attacker.tail(20)}`);
  return { before, during, sentPerSecond: 1_000 * sent / durationMs, takenBefore, takenAfter };
}

/** Pushes clusters of 1,000 series. */
async function fill({ servers: [{ external }], ring }: Site, clusters: number): Promise<void> {
  for (let number = 0; number < clusters; number++) {
    const id = `held-${number}`, now = Date.now();
    const lines = Array.from({ length: 1_000 }, (_, i) => `held_${i % 50}{_id="${id}",i="series ${i}"} ${i} ${now}\n`);
    const response = await fetch(new URL("upload", external), {
      method: "POST",
      headers: { authorization: `Bearer ${await ring.token(id)}`, "content-type": "text/plain; version=0.0.4" },
      body: lines.join(""),
    });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`Cannot fill the server: a good push is answered with ${response.status}`);
  }
}
