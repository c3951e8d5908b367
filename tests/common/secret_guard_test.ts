import assert from "node:assert/strict";
import { file, list, text, url } from "../../common/option_kinds.ts";
import type { OptionTable } from "../../common/options.ts";
import { SecretGuard } from "../../common/secret_guard.ts";
import { recordingLog } from "../support/recording_log.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const OPTIONS = {
  token: { kind: text, secret: "value", default: "trial", help: "A token" },
  tokenFile: { kind: file, secret: "file", help: "Its file" },
  keys: { kind: list(file), secret: "key file", help: "Keys of either kind" },
  list: { kind: file, secret: "none", help: "What is no secret" },
  to: { kind: url, secretFile: "tokenFile", help: "Where to" },
  store: { kind: url, secret: "none", help: "Takes no password" },
} as const satisfies OptionTable;

const KEY = "-----BEGIN EC PRIVATE KEY-----\nthe s3cret\n-----END EC PRIVATE KEY-----\n";

/** A guard over files in a folder, and what it says. */
async function guarded(values: Record<string, unknown> = {}, { uid = 1 }: { uid?: number } = {}) {
  const dir = await Deno.realPath(await Deno.makeTempDir());
  const { log, records } = recordingLog();
  const at = (name: string) => `${dir}/${name}`;
  const paths = { tokenFile: at("token"), keys: [at("public"), at("private")], list: at("list") };
  const texts = { token: "the s3cret", public: "-----BEGIN PUBLIC KEY-----\n", private: KEY, list: "up\n" };
  for (const [name, text] of Object.entries(texts)) await Deno.writeTextFile(at(name), text, { mode: 0o600 });
  const guard = new SecretGuard({ options: OPTIONS, values: { ...paths, ...values }, log, uid });
  return {
    guard,
    at,
    dir,
    /** What it says now, besides what it has said before. */
    async says(): Promise<string[]> {
      await guard.check();
      for (const { level } of records) assert.equal(level, "warn");
      assert.doesNotMatch(JSON.stringify(records), /s3cret/);
      return records.splice(0).map(({ sentence, fields }) => {
        const [, verb] = / can (read|change|replace) /.exec(sentence)!;
        return `${fields.option ?? fields.options} ${verb} ${fields.mode}: ${fields.run}`;
      });
    },
    [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }),
  };
}

Deno.test("SecretGuard.check() says of each file what others may do, as far as it holds something secret", async () => {
  await using it = await guarded({}, { uid: 0 });
  assert.deepEqual(await it.says(), []);
  for (const name of ["token", "public", "private", "list"]) await Deno.chmod(it.at(name), 0o664);
  assert.deepEqual(await it.says(), [
    `--token-file read 0664: chmod go= ${it.at("token")}`,
    `--keys read 0664: chmod go= ${it.at("private")}`,
  ]);
  for (const name of ["token", "public", "private", "list"]) await Deno.chmod(it.at(name), 0o602);
  assert.deepEqual(await it.says(), [
    `--token-file change 0602: chmod o-w ${it.at("token")}`,
    ...["public", "private"].map((name) => `--keys change 0602: chmod o-w ${it.at(name)}`),
    `--list change 0602: chmod o-w ${it.at("list")}`,
  ]);
});

Deno.test("SecretGuard.check() says each state of a file once, and again when it is replaced or was closed between", async () => {
  await using it = await guarded();
  const line = `--token-file read 0604: chmod o= ${it.at("token")}`;
  await Deno.chmod(it.at("token"), 0o604);
  assert.deepEqual(await it.says(), [line]);
  assert.deepEqual(await it.says(), []);
  await Deno.writeTextFile(it.at("new"), "the other s3cret");
  await Deno.chmod(it.at("new"), 0o604);
  await Deno.rename(it.at("new"), it.at("token"));
  assert.deepEqual(await it.says(), [line]);
  await Deno.chmod(it.at("token"), 0o600);
  assert.deepEqual(await it.says(), []);
  await Deno.chmod(it.at("token"), 0o604);
  assert.deepEqual(await it.says(), [line]);
});

Deno.test("SecretGuard.check() judges what a symbolic link leads to, as Kubernetes mounts secrets", async () => {
  await using it = await guarded();
  const put = async (version: string, mode: number) => {
    await Deno.mkdir(it.at(version));
    await Deno.writeTextFile(`${it.at(version)}/token`, "the s3cret");
    await Deno.chmod(`${it.at(version)}/token`, mode);
    await Deno.symlink(version, it.at("..new"));
    await Deno.rename(it.at("..new"), it.at("..data"));
  };
  await Deno.remove(it.at("token"));
  await Deno.symlink("..data/token", it.at("token"));
  assert.deepEqual(await it.says(), []);
  // Its files belong to root, and the group is fsGroup.
  await put("..2026_1", 0o440);
  assert.deepEqual(await it.says(), []);
  await put("..2026_2", 0o644);
  assert.deepEqual(await it.says(), [`--token-file read 0644: chmod o= ${it.at("token")}`]);
  await put("..2026_3", 0o644);
  assert.deepEqual(await it.says(), [`--token-file read 0644: chmod o= ${it.at("token")}`]);
  await put("..2026_4", 0o400);
  assert.deepEqual(await it.says(), []);
});

Deno.test("SecretGuard.check() says once which files all users can replace by a folder above", async () => {
  await using it = await guarded();
  await Deno.chmod(it.dir, 0o777);
  assert.deepEqual(await it.says(), [`--token-file,--keys,--list replace 0777: chmod o-w ${it.dir}`]);
  assert.deepEqual(await it.says(), []);
  await Deno.chmod(it.dir, 0o1777);
  assert.deepEqual(await it.says(), []);
});

Deno.test("SecretGuard.check() has nobody change the mode of a device, of which it is meant", async () => {
  await using it = await guarded({ tokenFile: "/dev/null", list: "/dev/null" });
  assert.deepEqual(await it.says(), []);
});

Deno.test("SecretGuard.check() says nothing of files that are not there, and does not wait for a pipe", async () => {
  await using it = await guarded();
  for (const name of ["token", "public", "private", "list"]) await Deno.remove(it.at(name));
  assert.deepEqual(await it.says(), []);
  assert.ok((await new Deno.Command("mkfifo", { args: ["-m", "666", it.at("private")] }).output()).success);
  assert.deepEqual(await it.says(), [`--keys change 0666: chmod o-w ${it.at("private")}`]);
});

const argumentsOf: readonly [values: Record<string, unknown>, warned: string[]][] = [
  [{}, []],
  [{ token: "trial" }, []],
  [{ token: "s3cret" }, ["--token"]],
  [{ to: new URL("https://a.test/?match[]=up&id=token") }, []],
  [{ to: new URL("https://s3cret@a.test") }, ["--to"]],
  [{ to: new URL("https://user@a.test"), tokenFile: "token" }, []],
  [{ to: new URL("https://user:s3cret@a.test"), tokenFile: "token" }, ["--to"]],
  [{ to: new URL("https://a.test/?access_token=s3cret") }, ["--to"]],
  [{ to: new URL("https://a.test/?X-Api-Key=s3cret"), token: "s3cret" }, ["--token", "--to"]],
  [{ store: new URL("https://user:s3cret@a.test") }, []],
];

for (const [values, warned] of argumentsOf) {
  const words = Object.entries(values).map(([name, value]) => `${name}=${value}`).join(" ") || "nothing";
  Deno.test(`SecretGuard.warnOfArguments() warns of ${warned.join(" and ") || "nothing"} for ${words}`, () => {
    const { log, records } = recordingLog();
    new SecretGuard({ options: OPTIONS, values, log }).warnOfArguments();
    assert.deepEqual(
      records.map(({ level, fields }) => [level, fields]),
      warned.map((option) => ["warn", { option, instead: "--token-file" }]),
    );
  });
}

Deno.test("SecretGuard.check() tells nobody to close a folder that is named in place of a file", async () => {
  await using it = await guarded({ tokenFile: undefined, keys: [] });
  const folder = it.at("folder");
  await Deno.mkdir(folder, { mode: 0o755 });
  await using other = await guarded({ tokenFile: folder, keys: [folder], list: folder });
  assert.deepEqual(await other.says(), []);
});
