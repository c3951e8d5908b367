/** Remote write to a ring of real servers, of which one after the other is killed in the middle of it. */

import assert from "node:assert/strict";
import { eventually } from "../../scripts/process/eventually.ts";
import { STALE } from "../support/write_request_oracle.ts";
import { oneSample, writeRequest } from "../support/write_sender.ts";
import { type RingServer, RingServers } from "./ring_servers.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const TIMEOUT = { timeoutMs: 90_000, intervalMs: 100 };
const IDS = ["a", "b", "c", "d", "e", "f"], SHARDS = [0, 1], SERIES = 30;

/** Lines of the pages of all servers, less the labels that they show empty where a series lacks them. */
async function shownBy(servers: readonly RingServer[]): Promise<Map<string, string>> {
  const pages = await Promise.all(
    servers.map(async ({ internal }) => await (await fetch(new URL("federate", internal))).text()),
  );
  const lines = pages.flatMap((page) => page.split("\n")).filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(lines.map((line) => {
    const at = line.lastIndexOf(" ");
    return [line.slice(0, at).replaceAll(/,(instance|job)=""/g, ""), line.slice(at + 1)];
  }));
}

/** Senders that send as Prometheus does: one request after the other of a shard, again and again until it is taken. */
class Senders {
  requests = 0;
  #round = 0;
  #running = true;
  readonly #start = Date.now() - 120_000;
  readonly #all: Promise<unknown>;

  /** `taken` is told what was taken last, by series: undefined where its end was. */
  constructor(
    readonly taken: Map<string, number | undefined>,
    readonly token: (id: string) => Promise<string>,
    readonly servers: () => readonly RingServer[],
  ) {
    this.#all = Promise.all(IDS.flatMap((id) => SHARDS.map((shard) => this.#send(id, shard))));
  }

  /** Ends once all that was begun is taken. */
  async stop(): Promise<void> {
    this.#running = false;
    await this.#all;
  }

  async #send(id: string, shard: number) {
    while (this.#running) {
      const time = ++this.#round;
      const batch = Array.from({ length: 1 + time % 9 }, (_, k) => shard + SHARDS.length * ((time * 7 + k) % SERIES));
      const values = new Map(batch.map((i) => [i, (time + i) % 4 === 0 ? undefined : time]));
      const series = Array.from(
        values,
        ([i, value]) =>
          oneSample({ __name__: `m${i % 5}`, i: String(i) }, { value: value ?? STALE, timestamp: this.#start + time }),
      );
      const { headers, body } = writeRequest(series, { version: time % 2 === 0 ? "1.0" : "2.0" });
      const authorization = `Bearer ${await this.token(id)}`;
      let attempt = time;
      await eventually(`a request of ${id} is taken`, async (signal) => {
        const servers = this.servers();
        const url = new URL("api/v1/write", servers[attempt++ % servers.length].external);
        const response = await fetch(url, { method: "POST", headers: { ...headers, authorization }, body, signal });
        await response.body?.cancel();
        if (response.status !== 204) return false;
        assert.equal(
          response.headers.get("x-prometheus-remote-write-samples-written") ?? String(values.size),
          String(values.size),
        );
        return true;
      }, TIMEOUT);
      for (const [i, value] of values) this.taken.set(`m${i % 5}{_id="${id}",i="${i}"}`, value);
      this.requests++;
    }
  }
}

Deno.test("a ring whose servers are killed in a storm of remote write shows all that was taken, and nothing that had ended", async () => {
  await using ring = await RingServers.create({ names: ["a", "b", "c"] });
  await ring.start();
  let alive: readonly RingServer[] = ring.servers;
  const taken = new Map<string, number | undefined>();
  for (const killed of [0, 1]) {
    const senders = new Senders(taken, (id) => ring.token(id), () => alive);
    await eventually("a storm", () => senders.requests >= 60, TIMEOUT);
    await ring.servers[killed].kill();
    alive = ring.servers.filter((_, i) => i !== killed);
    const before = senders.requests;
    await eventually("a storm without one of three", () => senders.requests >= before + 60, TIMEOUT);
    await senders.stop();
    const expected = new Map(
      taken.entries().filter(([, value]) => value !== undefined).map(([name, value]) => [name, String(value)]),
    );
    await eventually("all that was taken on the pages", async () => {
      const shown = await shownBy(alive);
      for (const [name, value] of taken) {
        assert.equal(
          shown.get(name),
          value === undefined ? undefined : String(value),
          `${name} after ${killed} was killed`,
        );
      }
      return shown.size === expected.size;
    }, TIMEOUT);
    ring.servers[killed].launch();
    await ring.servers[killed].ready();
    alive = ring.servers;
    await eventually("the same once it is back", async () => {
      assert.deepEqual([...await shownBy(alive)].sort(), [...expected].sort());
      return true;
    }, TIMEOUT);
  }
});

Deno.test("a ring tells each of many requests that come at a time what became of it, and takes what there is room for", async () => {
  await using ring = await RingServers.create({ names: ["a", "b", "c"], flags: ["--limit-series", "12"] });
  await ring.start();
  const timestamp = Date.now();
  const authorization = `Bearer ${await ring.token("x")}`;
  const send = async (server: RingServer, { headers, body }: ReturnType<typeof writeRequest>) => {
    const url = new URL("api/v1/write", server.external);
    const response = await fetch(url, { method: "POST", headers: { ...headers, authorization }, body });
    const written = response.headers.get("x-prometheus-remote-write-samples-written");
    return { status: response.status, written, text: await response.text() };
  };
  const series = (i: number, more: Readonly<Record<string, string>> = {}) =>
    oneSample({ __name__: "m", i: String(i), ...more }, { value: i, timestamp });
  for (const [round, server] of ring.servers.entries()) {
    const good = Array.from({ length: 10 }, (_, i) => send(server, writeRequest([series(i)])));
    const partly = send(server, writeRequest([series(0), series(1, { _id: "other" })]));
    const bad = send(server, { ...writeRequest([]), body: Uint8Array.of(1, 2, 3) });
    assert.deepEqual(
      (await Promise.all(good)).map(({ status, written }) => [status, written]),
      good.map(() => [204, "1"]),
    );
    assert.deepEqual([(await partly).status, (await partly).written], [400, "1"]);
    assert.match((await partly).text, /^Took all but 1 of 2 samples\nLeft out m\{.*_id="other".*a label of the token/);
    assert.deepEqual([(await bad).status, (await bad).written], [400, null]);
    // There is room for two more.
    const more = await Promise.all(
      Array.from({ length: 6 }, (_, i) => send(server, writeRequest([series(10 + i), series(i)]))),
    );
    const taken = more.map(({ written }) => Number(written)).reduce((sum, written) => sum + written, 0);
    assert.equal(taken, 6 + 2, `in round ${round}`);
    const refused = more.find(({ status }) => status === 400);
    assert.match(refused!.text, /Left out m\{.*--limit-series/);
  }
  await eventually("what was taken on the pages", async () => (await shownBy(ring.servers)).size === 12, TIMEOUT);
});
