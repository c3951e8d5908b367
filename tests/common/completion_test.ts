import assert from "node:assert/strict";
import { completionScript, type Shell } from "../../common/completion.ts";
import { choice, count, directory, file, flag, text } from "../../common/option_kinds.ts";
import { type Program, UsageError } from "../../common/options.ts";
import { tempFolder } from "../support/programs.ts";
import { firstTool, runTool } from "../support/tool.ts";

const PROGRAM: Program<never> = {
  name: "a-program",
  summary: "Does something.",
  completes: true,
  options: {
    keyFile: { kind: file, help: "It's [a] file: \\ a key" },
    dir: { kind: directory, help: "A folder" },
    level: { kind: choice(["low", "high"]), help: "How much" },
    limit: { kind: count, help: "How many" },
    name: { kind: text, help: "What it is called" },
    verbose: { kind: flag, short: "-v", help: "Say more" },
  },
} as const as never;

/** What completes the last of some words: files there are `a.key`, `b.key` and the folder `keys`. */
const CASES: readonly (readonly [words: readonly string[], completions: readonly string[]])[] = [
  [["--l"], ["--level", "--limit"]],
  [["--level", ""], ["high", "low"]],
  [["--level", "h"], ["high"]],
  [["--limit", ""], []],
  [["--verbose", "--key"], ["--key-file"]],
  [["--dir", ""], ["keys"]],
  [["--key-file", "b"], ["b.key"]],
  [["completion", ""], ["bash", "fish", "zsh"]],
  [["compl"], ["completion"]],
  [["--verbose", "compl"], []],
];

async function ignoreWithout(shell: Shell): Promise<{ ignore: boolean }> {
  const found = await firstTool([{ path: shell }], { checks: `how ${shell} completes command lines` });
  return { ignore: found === undefined };
}

async function completionFolder(shell: Shell) {
  const folder = await tempFolder();
  for (const name of ["a.key", "b.key"]) await folder.write(name, "");
  await Deno.mkdir(`${folder.path}/keys`);
  return { folder, script: await folder.write("script", completionScript(PROGRAM, [shell])) };
}

Deno.test(
  "completionScript() completes flags, words, files and folders in bash",
  await ignoreWithout("bash"),
  async () => {
    const { folder, script } = await completionFolder("bash");
    await using _ = folder;
    const split = [["--level=h", ["--level", "=", "h"], ["high"]], ["--level=", ["--level", "="], [
      "high",
      "low",
    ]]] as const;
    const cases = [...CASES.map(([words, expected]) => [words.join(" "), words, expected] as const), ...split];
    for (const [line, words, expected] of cases) {
      // bash calls the function so; only readline lets it set options.
      const calls = [
        `cd '${folder.path}' && source '${script}'`,
        "compopt() { :; }",
        'read -r -a registered <<< "$(complete -p a-program)"',
        `COMP_WORDS=(a-program ${words.map((word) => `'${word}'`).join(" ")})`,
        `COMP_CWORD=${words.length}`,
        '"${registered[2]}" a-program && printf "%s\\n" "${COMPREPLY[@]}"',
      ];
      const { success, stdout, output } = await runTool("bash", ["--norc", "-euc", calls.join("\n")]);
      assert.ok(success, output);
      assert.deepEqual(stdout.split("\n").filter((word) => word !== "").sort(), expected, line);
    }
  },
);

Deno.test(
  "completionScript() completes flags, words, files and folders in fish",
  await ignoreWithout("fish"),
  async () => {
    const { folder, script } = await completionFolder("fish");
    await using _ = folder;
    for (const [words, expected] of CASES) {
      const line = `cd '${folder.path}'; source '${script}'; complete -C 'a-program ${words.join(" ")}'`;
      const { success, stdout, output } = await runTool("fish", ["--no-config", "-c", line]);
      assert.ok(success, output);
      const completions = stdout.split("\n").map((line) => line.split("\t")[0].replace(/\/$/, "")).filter((word) =>
        word !== "" && word !== "script"
      );
      assert.deepEqual(completions.sort(), expected, words.join(" "));
    }
  },
);

Deno.test("completionScript() is a script that zsh reads", await ignoreWithout("zsh"), async () => {
  const { folder, script } = await completionFolder("zsh");
  await using _ = folder;
  const { success, output } = await runTool("zsh", ["-n", script]);
  assert.ok(success && output === "", output);
  const text = await Deno.readTextFile(script);
  assert.match(text, /^#compdef a-program\n/);
  assert.ok(text.includes("'*--key-file=[It'\\''s \\[a\\] file\\: \\\\ a key]:file:_files'"), text);
});

Deno.test("completionScript() refuses a shell that it does not know, and more than one", () => {
  for (const args of [[], ["tcsh"], ["bash", "zsh"]]) {
    assert.throws(() => completionScript(PROGRAM, args), (error) => {
      assert.ok(error instanceof UsageError);
      assert.equal(error.message, "Cannot tell the shell: write a-program completion bash|zsh|fish");
      return true;
    });
  }
});
