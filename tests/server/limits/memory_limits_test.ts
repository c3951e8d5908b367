import assert from "node:assert/strict";
import { memoryLimits, type MemorySource, SYSTEM_MEMORY } from "../../../server/limits/memory_limits.ts";
import { recordingLog } from "../../support/recording_log.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const MIB = 1_048_576;

/** What a system says that has so many MiB. */
function system({ machine = 16_384, group, heap = 4_096 }: { machine?: number; group?: number; heap?: number }) {
  return { machine: () => machine * MIB, group: () => group && group * MIB, heap: () => heap * MIB };
}

function denied(): never {
  throw new Deno.errors.NotCapable('Requires sys access to "systemMemoryInfo"');
}

/** The limits in MiB. */
function limits(limitMemory: number | undefined, source: MemorySource) {
  const { log, records } = recordingLog();
  const { resident, heap } = memoryLimits(limitMemory, { source, log })!;
  const inMiB = [resident.short, resident.full, heap.short, heap.full].map((bytes) => Math.round(bytes / MIB));
  return { limits: inMiB, told: records.map(({ level }) => level) };
}

for (
  const [what, limitMemory, source, expected] of [
    ["three quarters of the machine", undefined, system({}), [12_288, 14_336, 3_072, 3_584]],
    ["the control group where it has less", undefined, system({ group: 2_048 }), [1_536, 1_792, 3_072, 3_584]],
    ["the machine where the group may have more", undefined, system({ group: 2 ** 43 }), [
      12_288,
      14_336,
      3_072,
      3_584,
    ]],
    ["the machine where there is no group", undefined, system({ group: 0 }), [12_288, 14_336, 3_072, 3_584]],
    ["room for the garbage of requests in little memory", undefined, system({ group: 512 }), [384, 480, 3_072, 3_584]],
    ["the least room in very little", undefined, system({ group: 256 }), [192, 240, 3_072, 3_584]],
    ["what the flag says", 1_024 * MIB, system({}), [1_024, 1_195, 3_072, 3_584]],
    ["a flag of three quarters of what a container hides", 192 * MIB, system({}), [192, 240, 3_072, 3_584]],
    ["a flag of nearly all that there is", 900 * MIB, system({ machine: 1_024 }), [900, 960, 3_072, 3_584]],
    ["a flag of more than there is", 2_048 * MIB, system({ machine: 1_024 }), [2_048, 2_048, 3_072, 3_584]],
    ["the heap of a small machine", undefined, system({ machine: 2_048, heap: 512 }), [1_536, 1_792, 384, 448]],
  ] as const
) {
  Deno.test(`memoryLimits() follows ${what}`, () => {
    assert.deepEqual(limits(limitMemory, source), { limits: expected, told: [] });
  });
}

Deno.test("memoryLimits() knows no limit at 0", () => {
  assert.equal(
    memoryLimits(0, { source: { machine: denied, group: denied, heap: denied }, log: recordingLog().log }),
    undefined,
  );
});

Deno.test("memoryLimits() watches the heap alone, and says so, where it may not ask for more", () => {
  const source = { ...system({}), machine: denied };
  const { log, records } = recordingLog();
  const found = memoryLimits(undefined, { source, log });
  assert.equal(found?.resident.short, Infinity);
  assert.equal(found.heap.short, 3_072 * MIB);
  assert.match(records[0].sentence, /--limit-memory/);
  assert.deepEqual(limits(500 * MIB, source), { limits: [500, 596, 3_072, 3_584], told: [] });
});

Deno.test("SYSTEM_MEMORY asks this system", () => {
  const { machine, group, heap } = SYSTEM_MEMORY;
  assert.ok(machine() > 100 * MIB);
  assert.ok((group() ?? 0) >= 0);
  assert.ok(heap() > 100 * MIB);
});
