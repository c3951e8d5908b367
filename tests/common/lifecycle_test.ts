import assert from "node:assert/strict";
import { Child } from "../../scripts/process/child.ts";

Deno.test.sanitizer({ ops: true, resources: true });

/** Starts the example, without any permission. */
function start(...args: string[]): Child {
  const script = new URL("../support/lifecycle_program.ts", import.meta.url).pathname;
  return new Child({ name: "example", path: Deno.execPath(), args: ["run", "--no-prompt", script, ...args] });
}

async function outcome(...args: string[]) {
  await using child = start(...args);
  const { code, signal } = await child.exited;
  return { code, signal, lines: child.lines };
}

for (
  const [course, code, lines] of [
    ["succeeds", 0, ["done"]],
    ["finds", 1, []],
    ["misused", 2, ["example: Cannot do that: do this"]],
    ["fails", 1, ["example: Cannot do the work: it is too hard"]],
    ["prints much", 0, ["x".repeat(1_000_000)]],
  ] as const
) {
  Deno.test(`run() exits with ${code} after work that ${course}, and says no more than it does`, async () => {
    const { lines: written, ...ended } = await outcome(course);
    assert.deepEqual(ended, { code, signal: null });
    assert.deepEqual(written, lines);
  });
}

Deno.test("run() shows the stack of what no user can mend, and exits with 1", async () => {
  const { code, lines } = await outcome("breaks");
  assert.equal(code, 1);
  assert.equal(lines[0], "example: TypeError: a bug");
  assert.match(lines[1], /^ +at .*lifecycle_program\.ts/);
});

Deno.test("run() shows help, and ends unknown flags with one sentence and exit code 2", async () => {
  const help = await outcome("--help");
  assert.equal(help.code, 0);
  assert.match(help.lines[0], /^Usage: example /);
  const unknown = await outcome("succeeds", "--unknown=s3cret");
  assert.equal(unknown.code, 2);
  assert.deepEqual(unknown.lines, ["example: Unknown option '--unknown'; example --help lists the options"]);
});

for (const [signal, code] of [["SIGTERM", 143], ["SIGINT", 130]] as const) {
  Deno.test(`run() ends work that ${signal} cuts short with ${code}, and without a stack`, async () => {
    await using child = start("waits");
    await child.line(/^waiting$/);
    child.signal(signal);
    const { code: exitCode } = await child.exited;
    assert.equal(exitCode, code);
    assert.deepEqual(child.lines, ["waiting", `example: Stopped by ${signal}`]);
  });

  Deno.test(`run() leaves the exit code to work that ends well at ${signal}`, async () => {
    await using child = start("waits well");
    await child.line(/^waiting$/);
    child.signal(signal);
    const { code: exitCode } = await child.exited;
    assert.deepEqual([exitCode, child.lines], [0, ["waiting", "waited"]]);
  });

  Deno.test(`run() closes what runs at ${signal}, in order, and exits with 0`, async () => {
    await using child = start("runs", "--log-level=debug");
    await child.line(/Gave up the permissions/);
    child.signal(signal);
    const { code: exitCode } = await child.exited;
    assert.equal(exitCode, 0);
    assert.match(child.tail(), new RegExp(`msg=Stopping because=${signal}\n`));
    assert.match(child.tail(), /msg=Stopped$/m);
    assert.ok(child.lines.includes("closed"), child.tail());
  });
}

Deno.test("run() exits at once at a second signal, unless the program starts others that would be left behind", async () => {
  await using impatient = start("is stuck");
  await impatient.line(/^waiting$/);
  impatient.signal("SIGTERM");
  await impatient.line(/^once more$/);
  impatient.signal("SIGINT");
  assert.equal((await impatient.exited).code, 1);
  await using patient = start("waits for more");
  await patient.line(/^waiting$/);
  // A terminal that closes must not leave the others behind either.
  patient.signal("SIGHUP");
  await patient.line(/^once more$/);
  patient.signal("SIGTERM");
  patient.signal("SIGINT");
  patient.signal("SIGUSR2");
  assert.equal((await patient.exited).code, 0);
});

Deno.test("run() closes what is done, and exits with 0", async () => {
  const { code, lines } = await outcome("is done");
  assert.equal(code, 0);
  assert.match(lines.join("\n"), /msg=Stopping because=done$/m);
  assert.ok(lines.includes("closed"));
});

Deno.test("run() says why a program cannot go on, and exits with 1", async () => {
  const { code, lines } = await outcome("cannot go on");
  assert.deepEqual([code, lines.at(-1)], [1, "example: It is over"]);
});
