/**
 * A process that puts and deletes pushes until it is killed, with sixteen calls in flight, and says what it begins (`<`) and
 * what was acknowledged (`>`), a line each: `> put 17 cluster-3`.
 *
 * Arguments: the store's directory and a number to start counting at.
 *
 * @module
 */

import { madeUpBytes, openTestStore, pushOf } from "./test_store.ts";

/** How many clusters it writes for. */
export const CLUSTERS = 24;

/** The push of a cluster with a number: most are of the usual size, some lie in chunks, a few need several commits. */
export function numberedPush(id: string, number: number) {
  const bytes = number % 9 === 0 ? 2_500_000 : number % 7 === 0 ? 200_000 : 500 + (number * 997) % 40_000;
  const body = madeUpBytes({ bytes, seed: number });
  new DataView(body.buffer).setUint32(0, number);
  return pushOf(id, body);
}

if (import.meta.main) {
  const [dir, first] = Deno.args;
  const test = await openTestStore({ dir });
  const encoder = new TextEncoder();
  const say = (line: string) => void Deno.stdout.writeSync(encoder.encode(line + "\n"));
  let number = Number(first);
  const write = async (): Promise<never> => {
    while (true) {
      const mine = number++;
      const id = `cluster-${mine * 7 % CLUSTERS}`;
      const call = mine % 19 === 0 ? "delete" : "put";
      say(`< ${call} ${mine} ${id}`);
      await (call === "delete" ? test.store.delete(id) : test.store.put(numberedPush(id, mine)));
      say(`> ${call} ${mine} ${id}`);
    }
  };
  await Promise.all(Array.from({ length: 16 }, write));
}
