import assert from "node:assert/strict";
import configuration from "../../../deno.json" with { type: "json" };
import { taskCommand } from "../../../scripts/process/tasks.ts";

Deno.test("taskCommand() runs the task's program with its permissions and the given arguments", () => {
  const { path, args, name, env } = taskCommand("authorization-server", ["127.0.0.1:0", "tokens.json"]);
  assert.equal(path, Deno.execPath());
  assert.equal(name, "authorization-server");
  assert.deepEqual(env, { DENO_NO_UPDATE_CHECK: "1" });
  const words = ["DENO_NO_UPDATE_CHECK=1", "deno", ...args];
  assert.equal(words.join(" "), `${configuration.tasks["authorization-server"]} 127.0.0.1:0 tokens.json`);
});

Deno.test("the tasks keep Deno from asking the network whether there is a newer one", () => {
  for (const [name, command] of Object.entries(configuration.tasks)) {
    for (const part of command.split(" && ").filter((part) => / deno (run|test|bench) /.test(` ${part}`))) {
      assert.match(part, /^DENO_NO_UPDATE_CHECK=1 (?:\w+=\S+ )*deno /, name);
    }
  }
});

Deno.test("taskCommand() sets the variables that the task sets", () => {
  const { args, env = {} } = taskCommand("client", ["--dry-run"]);
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  assert.notEqual(variables.length, 0);
  assert.equal([...variables, "deno", ...args].join(" "), `${configuration.tasks.client} --dry-run`);
});

Deno.test("the tasks grant no program everything; only tests get that, which start programs and fill disks", () => {
  for (const [name, command] of Object.entries(configuration.tasks)) {
    if (name === "test" || name === "bench") continue;
    assert.doesNotMatch(command, / (-A|--allow-all)\b/, name);
  }
});
