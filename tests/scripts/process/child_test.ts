import assert from "node:assert/strict";
import process from "node:process";
import { Child, runToEnd } from "../../../scripts/process/child.ts";
import { Crew } from "../../../scripts/process/crew.ts";

/** A child that runs a line of the shell. */
function shell(line: string, name = "sh") {
  return { name, path: "sh", args: ["-c", line] };
}

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    assert.equal((error as { code?: string }).code, "ESRCH");
    return false;
  }
}

Deno.test("Child.line() finds a line that is written, on either stream, and one that was", async () => {
  await using child = new Child(shell("echo one; echo two=2 >&2; printf three; exec cat /dev/null"));
  assert.equal((await child.line(/two=(\d)/))[1], "2");
  await child.line(/^three$/);
  await child.line(/^one$/);
  await child.exited;
  assert.deepEqual(child.lines.toSorted(), ["one", "three", "two=2"]);
});

Deno.test("Child.line() tells the last lines when the child ends, or the time is up, without such a line", async () => {
  await using quick = new Child(shell("echo bad flag; exit 2", "quick"));
  await assert.rejects(
    quick.line(/ready/),
    /quick wrote no line like \/ready\/ before it ended \(exit code 2\).*\nbad flag/,
  );
  await using slow = new Child(shell("echo starting; exec sleep 60", "slow"));
  await slow.line(/starting/);
  await assert.rejects(slow.line(/ready/, { timeoutMs: 10 }), /slow wrote no line like .* within 0.01 s.*\nstarting/);
});

Deno.test("Child.stop() sends SIGTERM, also to a paused child, and SIGKILL to one that ignores it", async () => {
  const polite = new Child(shell("exec sleep 60"));
  polite.signal("SIGSTOP");
  assert.equal((await polite.stop()).signal, "SIGTERM");
  const stubborn = new Child(shell("trap '' TERM; echo set; while true; do sleep 0.01; done"));
  await stubborn.line(/set/);
  assert.equal((await stubborn.stop({ graceMs: 30 })).signal, "SIGKILL");
  assert.equal(stubborn.gone, true);
  assert.equal(alive(polite.pid) || alive(stubborn.pid), false);
  await stubborn.kill();
});

Deno.test({
  name: "Child leaves our process group, so that Ctrl-C does not reach it",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using child = new Child(shell('cut -d " " -f 5 /proc/$$/stat'));
    const [group] = await child.line(/^\d+$/);
    assert.equal(Number(group), child.pid);
  },
});

Deno.test("Crew.lost resolves to a child that ended unasked, and Crew stops the others", async () => {
  let pids: number[];
  {
    await using crew = new Crew();
    const asked = crew.start(shell("exec sleep 60", "asked"));
    await crew.stop(asked);
    const crashed = crew.start(shell("exec sleep 60", "crashed"));
    await crew.kill(crashed);
    crew.start(shell("exec sleep 60", "stays"));
    const lost = crew.start(shell("exit 1", "lost"));
    assert.equal(await crew.lost, lost);
    pids = crew.children.map(({ pid }) => pid);
    assert.deepEqual(pids.map(alive), [false, false, true, false]);
  }
  assert.deepEqual(pids.map(alive), [false, false, false, false]);
});

Deno.test("runToEnd() returns what a command wrote, and undefined if there is no such command", async () => {
  const outcome = await runToEnd("sh", ["-c", "echo out; echo err >&2; exit 3"]);
  assert.deepEqual(outcome, { success: false, stdout: "out\n", output: "out\nerr\n" });
  assert.equal(await runToEnd("telemeter-no-such-program", []), undefined);
});
