import assert from "node:assert/strict";
import { WatchedFile } from "../../common/watched_file.ts";
import { WatchedValue, type WatchedValueOptions } from "../../common/watched_value.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** Two files that the test fills, and the number that they make together; what is told of it is kept. */
function sum(first: string, second: string, more: Partial<WatchedValueOptions<number>> = {}) {
  const texts = [first, second], faults: string[] = [], taken: number[] = [];
  let parsed = 0;
  const files = texts.map((_, i) => ({
    text: () => texts[i] === "gone" ? Promise.reject(new Error(`Cannot read ${i}`)) : Promise.resolve(texts[i]),
  }));
  const parse = (...texts: string[]) => {
    parsed++;
    const bad = texts.find((text) => !/^\d+$/.test(text));
    if (bad !== undefined) throw new SyntaxError(`'${bad}' is no number`);
    return texts.map(Number).reduce((a, b) => a + b);
  };
  const options = {
    files,
    parse,
    onTakenUp: (value: number) => void taken.push(value),
    onFault: (reason: string) => void faults.push(reason),
    ...more,
  };
  return { open: () => WatchedValue.open(options), texts, faults, taken, times: () => parsed };
}

Deno.test("WatchedValue.open() throws what reading or parsing its files throws, and tells nobody else", async () => {
  const [bad, missing] = [sum("1", "x"), sum("gone", "gone")];
  await assert.rejects(bad.open(), { name: "SyntaxError", message: "'x' is no number" });
  await assert.rejects(missing.open(), { message: "Cannot read 0" });
  assert.deepEqual([bad.faults, missing.faults, bad.taken], [[], [], []]);
});

Deno.test("WatchedValue.check() takes up a change once, and parses nothing that did not change", async () => {
  const made = sum("1", "2");
  using value = await made.open();
  assert.equal(value.current, 3);
  const seen: number[] = [];
  const stop = value.onChange((sum) => seen.push(sum));
  assert.equal(await value.check(), 3);
  made.texts[1] = "5";
  assert.deepEqual(await Promise.all([value.check(), value.check()]), [6, 6]);
  assert.equal(await value.check(), 6);
  assert.deepEqual([value.current, seen, made.taken, made.times()], [6, [6], [6], 2]);
  stop();
  made.texts[0] = "2";
  assert.equal(await value.check(), 7);
  assert.deepEqual([seen, made.taken], [[6], [6, 7]]);
});

Deno.test("WatchedValue.check() keeps the last good value, and tells each reason once until a good one comes", async () => {
  const made = sum("1", "2");
  using value = await made.open();
  for (const text of ["x", "x", "y", "gone", "gone", "2", "y"]) {
    made.texts[1] = text;
    assert.equal(await value.check(), 3);
    assert.equal(value.current, 3);
  }
  const told = ["'x' is no number", "'y' is no number", "Cannot read 1", "'y' is no number"];
  assert.deepEqual([made.faults, made.taken], [told, []]);
  made.texts[1] = "3";
  assert.equal(await value.check(), 4);
});

Deno.test("WatchedValue.check() leaves out a value that a listener cannot take, and tries it again", async () => {
  const made = sum("1", "2");
  using value = await made.open();
  let refuses = true;
  value.onChange(() => {
    if (refuses) throw new Error("not mine");
  });
  made.texts[0] = "4";
  assert.deepEqual([await value.check(), made.faults, made.taken], [3, ["not mine"], []]);
  refuses = false;
  assert.deepEqual([await value.check(), made.taken], [6, [6]]);
});

Deno.test("WatchedValue looks at its files by a timer until it is disposed of, and by none unless asked", async () => {
  let tick = () => {}, everyMs: number | undefined;
  const every = (task: () => void, intervalMs: number) => {
    [tick, everyMs] = [task, intervalMs];
    return () => void (everyMs = undefined);
  };
  using _onDemand = await sum("1", "2", { every }).open();
  assert.equal(everyMs, undefined);
  const made = sum("1", "2", { every, intervalMs: 500 });
  const value = await made.open();
  assert.equal(everyMs, 500);
  const changed = new Promise((resolve) => value.onChange(resolve));
  made.texts[0] = "2";
  tick();
  assert.equal(await changed, 4);
  value[Symbol.dispose]();
  assert.equal(everyMs, undefined);
});

Deno.test("WatchedValue keeps what its file held while that is gone, and says which file and why", async () => {
  const path = await Deno.makeTempFile();
  const faults: string[] = [];
  await Deno.writeTextFile(path, "one");
  using value = await WatchedValue.open({
    files: [new WatchedFile(path)],
    parse: (text) => text,
    onFault: (reason) => void faults.push(reason),
  });
  await Deno.remove(path);
  assert.equal(await value.check(), "one");
  assert.deepEqual(faults, [`Cannot read '${path}': there is no such file: make it, or name another`]);
  await Deno.writeTextFile(path, "two");
  assert.equal(await value.check(), "two");
  await Deno.remove(path);
});
