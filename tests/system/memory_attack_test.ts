// The real program, and clients that make up clusters until its memory is used up.

import assert from "node:assert/strict";
import type { MetricFamily } from "../../common/exposition/metric_family.ts";
import type { ChildCommand } from "../../scripts/process/child.ts";
import { MemoryGroup } from "../support/memory_group.ts";
import { OpenServer } from "../support/open_server.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const MIB = 1_048_576;
const SERIES = 240;
const FLAGS = ["--ratelimit=0s"] as const;

const LONG = Array.from({ length: 6 }, (_, i) => ({ name: `long_${i}`, value: "x".repeat(240) }));

/** A push of so many series, some 1.5 KB each. */
function push(server: OpenServer, id: string, series = SERIES) {
  const metrics = Array.from({ length: series }, (_, i) => ({
    labels: [{ name: "_id", value: id }, { name: "i", value: String(i) }, ...LONG],
    value: 1,
    timestampMs: Date.now(),
  }));
  return server.push(id, [{ name: "up", type: "gauge", metrics }]);
}

/** Makes up clusters, some of which push again now and then, until `count` were made up; tells what each was answered. */
async function flood(server: OpenServer, count: number) {
  const answers = { taken: [] as string[], refused: 0, retryAfter: new Set<string | null>(), knownRefused: 0 };
  for (let i = 0; i < count; i++) {
    const { status, headers, text } = await push(server, `made-up-${i}`);
    if (status === 200) answers.taken.push(`made-up-${i}`);
    else {
      assert.equal(status, 503, text);
      answers.refused++;
      answers.retryAfter.add(headers.get("retry-after"));
      const again = answers.taken[i % answers.taken.length];
      if (i % 10 === 0 && (await push(server, again)).status !== 200) answers.knownRefused++;
    }
  }
  return answers;
}

Deno.test("Made-up clusters are refused where memory ends, what is shown is replaced, and there is room again after", async () => {
  await using server = await OpenServer.start(...FLAGS, `--limit-memory=${220 * MIB}`);
  assert.equal(await server.metric('telemeter_memory_limit_bytes{kind="resident"}'), 220 * MIB);
  const { taken, refused, retryAfter, knownRefused } = await flood(server, 600);
  assert.ok(taken.length > 100, `${taken.length} are let in`);
  assert.ok(refused > 100, `${refused} are refused`);
  assert.deepEqual([...retryAfter], ["60"]);
  assert.equal(knownRefused, 0);
  assert.equal(await server.metric('telemeter_push_rejections_total{reason="memory"}'), refused);
  assert.equal(await server.metric("telemeter_memory_shortage"), 1);
  assert.equal(await server.metric("telemeter_partitions"), taken.length);
  // One that is shown may vary, and not grow.
  assert.equal((await push(server, taken[0], SERIES + 20)).status, 200);
  assert.equal((await push(server, taken[0], SERIES + 80)).status, 503);
  assert.equal(server.log.filter((line) => line.includes("memory is short")).length, 1);
  assert.ok(server.log.length < 25, `${server.log.length} lines`);

  // What goes makes room, whether or not the process gives it back to the system.
  for (const id of taken) assert.equal((await push(server, id, 1)).status, 200);
  let letIn = 0;
  for (let i = 0; i < 100 && letIn < 50; i++) if ((await push(server, `later-${i}`)).status === 200) letIn++;
  assert.equal(letIn, 50);
});

Deno.test("A server starts with less memory than what it has stored takes, shows what there is room for, and tells", async () => {
  await using server = await OpenServer.start(...FLAGS);
  for (let i = 0; i < 500; i++) assert.equal((await push(server, `stored-${i}`)).status, 200);
  await server.crash(`--limit-memory=${180 * MIB}`);
  const shown = await server.metric("telemeter_partitions") ?? 0;
  assert.ok(shown > 100 && shown < 500, `${shown} are shown`);
  const told = server.log.find((line) => line.includes("Does not show all that it has stored"));
  assert.match(told ?? "", new RegExp(`level=error .* shown=${shown} left=${500 - shown}`));
  assert.ok(await server.healthy());
  // Nothing of it is lost.
  assert.equal(await server.metric("telemeter_store_entries"), 500);
  await server.crash("--limit-memory=0");
  assert.equal(await server.metric("telemeter_partitions"), 500);
});

const group = await MemoryGroup.make(300 * MIB);
await group?.[Symbol.asyncDispose]();

Deno.test({
  name: "The kernel ends no server for want of memory, which by default keeps to a part of what its control group has",
  // It takes root, and groups that one may make.
  ignore: group === undefined,
  async fn() {
    await using group = await MemoryGroup.make(300 * MIB);
    await using server = await OpenServer.startIn(group!, ...FLAGS);
    assert.equal(await server.metric('telemeter_memory_limit_bytes{kind="resident"}'), 225 * MIB);
    const { taken, refused, knownRefused } = await flood(server, 600);
    assert.ok(taken.length > 100 && refused > 100, `${taken.length} are let in, ${refused} refused`);
    assert.equal(knownRefused, 0);
    assert.ok(await server.healthy());
    await server.crash();
    assert.ok(await server.healthy());
    // Without the limit it does.
    await server.crash("--limit-memory=0");
    const ended = server.exited.then(({ signal }) => signal);
    const floods = flood(server, 2_000).then(() => "it took all", () => ended);
    assert.equal(await Promise.race([ended, floods]), "SIGKILL");
  },
});

Deno.test("V8 ends no server for want of room in its heap, which families fill with what they are called", async () => {
  const small = {
    command: ({ args, ...rest }: ChildCommand): ChildCommand => {
      const flags = args.map((arg) => arg.startsWith("--v8-flags=") ? `${arg},--max-old-space-size=100` : arg);
      return { ...rest, args: flags };
    },
  };
  const named = (id: string) =>
    Array.from({ length: 4_000 }, (_, i): MetricFamily => ({
      name: `${"f".repeat(60)}_${i}`,
      type: "gauge",
      metrics: [{ labels: [{ name: "_id", value: id }], value: 1, timestampMs: Date.now() }],
    }));
  await using server = await OpenServer.startIn(small, ...FLAGS);
  const limit = await server.metric('telemeter_memory_limit_bytes{kind="heap"}') ?? 0;
  assert.ok(limit > 70 * MIB && limit < 110 * MIB, `${limit}`);
  const statuses: number[] = [];
  for (let i = 0; i < 400; i++) statuses.push((await server.push(`made-up-${i}`, named(`made-up-${i}`))).status);
  assert.ok(statuses.filter((status) => status === 200).length > 50);
  assert.equal(statuses.at(-1), 503);
  for (let i = 0; i < 20; i++) assert.equal((await server.push(`made-up-${i}`, named(`made-up-${i}`))).status, 200);
  assert.ok(await server.healthy());

  await server.crash("--limit-memory=0");
  const ended = server.exited.then(({ success }) => success);
  const floods = (async () => {
    for (let i = 0; i < 1_000; i++) await server.push(`more-${i}`, named(`more-${i}`));
    return "it took all";
  })().catch(() => ended);
  assert.equal(await Promise.race([ended, floods]), false);
});
