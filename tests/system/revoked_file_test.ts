/** What becomes of the file of revoked ids while the real server runs: nobody gets back in by that. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { eventually } from "../../scripts/process/eventually.ts";
import { type Folder, type RunningServer, runProgram, startServer, tempFolder } from "../support/programs.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const FAULT = /msg="Cannot read the list of revoked ids: the last one stays in force" reason=(.*)$/;
const TAKEN = /msg="Read the changed list of revoked ids" ids=(\d+)$/;

/** A server whose file of revoked ids has a text, and a client of it. */
class Trial implements AsyncDisposable {
  readonly #tokens = new Map<string, string>();
  readonly #folder: Folder;
  readonly #server: RunningServer;

  private constructor(folder: Folder, server: RunningServer) {
    this.#folder = folder;
    this.#server = server;
  }

  static async start(text: string, ids: readonly string[]): Promise<Trial> {
    const folder = await tempFolder();
    const path = await folder.write("revoked", "");
    const flags = [`--revoked-file=${path}`, "--ratelimit=0"];
    const trial = new Trial(folder, await startServer(flags, { storageDir: join(folder.path, "data") }));
    for (const id of ids) trial.#tokens.set(id, await trial.#token(id));
    if (text !== "") {
      await trial.replace(text);
      await trial.says(TAKEN);
    }
    return trial;
  }

  async [Symbol.asyncDispose]() {
    await this.#server[Symbol.asyncDispose]();
    await this.#folder[Symbol.asyncDispose]();
  }

  /** Where the file is. */
  get path(): string {
    return join(this.#folder.path, "revoked");
  }

  async #token(id: string): Promise<string> {
    const url = new URL(`authorize?id=${encodeURIComponent(id)}`, this.#server.external);
    const response = await fetch(url, { method: "POST", headers: { authorization: "Bearer any" } });
    assert.equal(response.status, 200);
    return (await response.json()).token;
  }

  /** Puts another file in its place. */
  async replace(text: string | Uint8Array): Promise<void> {
    const next = `${this.path}.next`;
    await Deno.writeFile(next, typeof text === "string" ? new TextEncoder().encode(text) : text, { mode: 0o600 });
    await Deno.rename(next, this.path);
  }

  /** The status of a push of a cluster. */
  async push(id: string): Promise<number> {
    const { status, body } = await fetch(new URL("upload", this.#server.external), {
      method: "POST",
      headers: { authorization: `Bearer ${this.#tokens.get(id)}`, "content-type": "text/plain" },
      body: `up{_id=${JSON.stringify(id)}} 1 ${Date.now()}\n`,
    });
    await body?.cancel();
    return status;
  }

  /** Waits for a new line, while a revoked cluster knocks, as the file is looked at for those who come. */
  async says(pattern: RegExp): Promise<string> {
    const [id] = this.#tokens.keys();
    const { child } = this.#server;
    const from = child.lines.length;
    return await eventually("the list to be looked at", async () => {
      await this.push(id);
      return child.lines.slice(from).map((line) => pattern.exec(line)?.[1]).find((found) => found !== undefined);
    }, { timeoutMs: 20_000 });
  }
}

const TEXTS: readonly [what: string, list: string | Uint8Array][] = [
  ["a byte order mark", "\ufeffme\nyou\n"],
  ["lines that end by CR and LF", "me\r\nyou\r\n"],
  ["comments and empty lines", "# stolen\n\nme\n   # and\n\t\nyou\n# none\n"],
  ["blanks about the ids", "  me \t \n\u00a0you\u3000\n"],
  ["JSON strings", '"me"\n "\\u0079ou" \n'],
];

for (const [what, text] of TEXTS) {
  Deno.test(`A list of revoked ids with ${what} revokes them`, async () => {
    await using trial = await Trial.start("", ["me", "you", "they"]);
    await trial.replace(text);
    assert.equal(await trial.says(TAKEN), "2");
    assert.deepEqual([await trial.push("me"), await trial.push("you"), await trial.push("they")], [401, 401, 200]);
  });
}

Deno.test("A list of revoked ids that is spoilt in any way lets nobody back in, and the log says why at error", async () => {
  await using trial = await Trial.start("me\n", ["me", "they"]);
  const { path } = trial;
  const remove = () => Deno.remove(path, { recursive: true });
  // Each for another reason than the one before, as one is told once.
  const spoils: [what: string, spoil: () => Promise<unknown>, reason: RegExp][] = [
    ["emptied", () => Deno.truncate(path), /write a line '# none'/],
    ["cut in a line", () => trial.replace("they\nm"), /no line feed/],
    ["of comments alone", () => trial.replace("# me\n"), /write a line '# none'/],
    ["full of NUL bytes", () => trial.replace(new Uint8Array(4_096)), /no line feed/],
    ["NUL bytes in place of the first id", () => trial.replace("they\n\0\0\n"), /line 2 holds a NUL byte/],
    ["in UTF-16", () => trial.replace(Uint8Array.of(0xfe, 0xff, 0, 0x6d, 0, 0x65, 0, 0x0a)), /UTF-16/],
    ["not UTF-8", () => trial.replace(Uint8Array.of(0x6d, 0xff, 0x65, 0x0a)), /line 1 is not UTF-8/],
    ["with a comment behind an id", () => trial.replace("me # stolen\n"), /line 1 has a comment behind an id/],
    ["of lines that end by CR alone", () => trial.replace("me\rthey\r"), /no line feed/],
    ["gone", remove, /no such file/],
    ["a folder", () => Deno.mkdir(path), /it is a directory: name a file/],
    ["a link to nothing", async () => (await remove(), await Deno.symlink("none", path)), /no such file/],
    [
      "a link to itself",
      async () => (await remove(), await Deno.symlink("revoked", path)),
      /links lead round in a circle/,
    ],
    ["a pipe", async () => {
      await remove();
      assert.ok((await new Deno.Command("mkfifo", { args: [path] }).output()).success);
    }, /it is a pipe/],
    ["too long", async () => {
      await remove();
      await Deno.writeTextFile(path, "they\n");
      await Deno.truncate(path, 100_000_000);
    }, /longer than 67108864 bytes/],
    [
      "a device that never ends",
      async () => (await remove(), await Deno.symlink("/dev/zero", path)),
      /it is a pipe, a socket or a device/,
    ],
  ];
  for (const [what, spoil, reason] of spoils) {
    await spoil();
    assert.match(await trial.says(FAULT), reason, what);
    assert.deepEqual([await trial.push("me"), await trial.push("they")], [401, 200], what);
  }
  await trial.replace("they\n");
  await trial.says(TAKEN);
  assert.deepEqual([await trial.push("me"), await trial.push("they")], [200, 401]);
});

Deno.test("A list of revoked ids follows a symbolic link that is replaced, as Kubernetes mounts it", async () => {
  await using trial = await Trial.start("none yet\n", ["me"]);
  const put = async (version: string, text: string) => {
    const dir = join(trial.path, "..", version);
    await Deno.mkdir(dir);
    await Deno.writeTextFile(join(dir, "revoked"), text);
    await Deno.symlink(version, `${trial.path}.data.new`);
    await Deno.rename(`${trial.path}.data.new`, `${trial.path}.data`);
  };
  await put("..1", "you\n");
  await Deno.remove(trial.path);
  await Deno.symlink("revoked.data/revoked", trial.path);
  await trial.says(TAKEN);
  assert.equal(await trial.push("me"), 200);
  await put("..2", "you\nme\n");
  assert.equal(await trial.says(TAKEN), "2");
  assert.equal(await trial.push("me"), 401);
});

Deno.test("A list of a million revoked ids is taken, and good clients push beside it", async () => {
  await using trial = await Trial.start("me\n", ["me", "they"]);
  const lines = Array.from({ length: 1_000_000 }, (_, i) => `00000000-0000-4000-8000-${String(i).padStart(12, "0")}\n`);
  await trial.replace(`${lines.join("")}me\n`);
  assert.equal(await trial.says(TAKEN), "1000001");
  assert.deepEqual([await trial.push("me"), await trial.push("they")], [401, 200]);
});

Deno.test("A pipe or a folder in place of the file of revoked ids stops the start, and is not waited for", async () => {
  await using folder = await tempFolder();
  const pipe = join(folder.path, "pipe");
  assert.ok((await new Deno.Command("mkfifo", { args: [pipe] }).output()).success);
  for (
    const [path, reason] of [[pipe, /it is a pipe, a socket or a device/], [
      folder.path,
      /it is a directory: name a file/,
    ]] as const
  ) {
    const { code, output } = await runProgram("server", [`--revoked-file=${path}`]);
    assert.match(output.split("\n").at(-1)!, reason);
    assert.equal(code, 2);
  }
});
