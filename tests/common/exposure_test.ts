import assert from "node:assert/strict";
import { relative } from "node:path";
import { chmodCommand, isOpenFolder, isReadable, isWritable, openFoldersAbove, openTo } from "../../common/exposure.ts";

const US = 1_000, ROOT = 0;

const rows: readonly [what: string, mode: number, owner: number, uid: number | undefined, bits: number][] = [
  ["our own file for us alone", 0o600, US, US, 0],
  ["our own file for our group", 0o640, US, US, 0o040],
  ["our own file for all", 0o644, US, US, 0o044],
  ["root's file for our group, as Kubernetes mounts it with fsGroup", 0o440, ROOT, US, 0],
  ["root's file for our group to write", 0o660, ROOT, US, 0],
  ["root's file for all, as Kubernetes mounts it by default", 0o644, ROOT, US, 0o004],
  ["another user's file for our group", 0o640, 1_001, US, 0],
  ["a file for a group that root does not need", 0o640, US, ROOT, 0o040],
  ["a file for a group where we may not know who we are", 0o640, ROOT, undefined, 0o040],
];

for (const [what, mode, owner, uid, bits] of rows) {
  Deno.test(`openTo() has ${what} open to ${bits.toString(8)}`, () => {
    assert.equal(openTo({ mode: 0o100_000 | mode, uid: owner }, { uid }), bits);
  });
}

Deno.test("openTo() has nothing open where the system has no modes", () => {
  assert.equal(openTo({ mode: null, uid: null }, { uid: undefined }), 0);
  assert.equal(isOpenFolder({ mode: null, uid: null }), false);
});

Deno.test("isReadable() and isWritable() do not count that others may execute", () => {
  assert.deepEqual([0o004, 0o040, 0o002, 0o020, 0o011].map(isReadable), [true, true, false, false, false]);
  assert.deepEqual([0o004, 0o040, 0o002, 0o020, 0o011].map(isWritable), [false, false, true, true, false]);
});

Deno.test("isOpenFolder() has folders open that all may write to, unless they are sticky", () => {
  const modes = [0o700, 0o755, 0o775, 0o777, 0o702, 0o1777];
  assert.deepEqual(modes.map((mode) => isOpenFolder({ mode, uid: US })), [false, false, false, true, true, false]);
});

for (
  const [path, bits, command] of [
    ["/etc/key", 0o044, "chmod go= /etc/key"],
    ["/etc/key", 0o004, "chmod o= /etc/key"],
    ["/etc/key", 0o060, "chmod g= /etc/key"],
    ["/etc", 0o002, "chmod o-w /etc"],
    ["/a b/it's", 0o004, `chmod o= '/a b/it'\\''s'`],
    ["-R", 0o004, "chmod o= ./-R"],
    ["-R x", 0o004, "chmod o= './-R x'"],
    ["$(id)", 0o004, "chmod o= '$(id)'"],
  ] as const
) {
  Deno.test(`chmodCommand() writes ${command}`, () => assert.equal(chmodCommand(path, bits), command));
}

Deno.test("openFoldersAbove() finds open folders above the name and above what it leads to", async () => {
  const dir = await Deno.realPath(await Deno.makeTempDir());
  try {
    await Deno.mkdir(`${dir}/a/..data`, { recursive: true });
    await Deno.mkdir(`${dir}/b`);
    await Deno.writeTextFile(`${dir}/a/..data/key`, "");
    await Deno.symlink("../a/..data/key", `${dir}/b/key`);
    const found = () => openFoldersAbove(`${dir}/b/key`).map(({ path }) => path);
    assert.deepEqual(found(), []);
    for (const folder of ["a/..data", "a", "b", "."]) await Deno.chmod(`${dir}/${folder}`, 0o777);
    assert.deepEqual(found(), [`${dir}/b`, dir, `${dir}/a/..data`, `${dir}/a`]);
    await Deno.chmod(dir, 0o1777);
    assert.deepEqual(found(), [`${dir}/b`, `${dir}/a/..data`, `${dir}/a`]);
    assert.deepEqual(openFoldersAbove("/none"), []);
    await Deno.chmod(dir, 0o777);
    const open = openFoldersAbove(`${dir}/b/key`).map(({ path }) => path);
    for (
      const path of [relative(Deno.cwd(), `${dir}/b/key`), `//${dir}/./a/..//b/key`, `${dir}/../../..${dir}/b/key`]
    ) {
      assert.deepEqual(openFoldersAbove(path).map(({ path }) => path), open, path);
    }
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
