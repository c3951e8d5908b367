import assert from "node:assert/strict";
import { WatchedFile } from "../../common/watched_file.ts";

/** A file in a folder of its own, and ways to change it. */
async function tempFile(content: string) {
  const dir = await Deno.makeTempDir(), path = `${dir}/file`;
  await Deno.writeTextFile(path, content);
  return {
    path,
    /** Writes in place. */
    write: (content: string) => Deno.writeTextFile(path, content),
    /** Writes beside, and moves over, as one who wants no reader to see half of it. */
    async replace(content: string) {
      await Deno.writeTextFile(path + ".new", content);
      await Deno.rename(path + ".new", path);
    },
    /** Makes the last change look so old. */
    age: (ms: number) => Deno.utime(path, new Date(), new Date(Date.now() - ms)),
    remove: () => Deno.remove(path),
    [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }),
  };
}

Deno.test("WatchedFile shows each change of its file", async () => {
  await using temp = await tempFile("one");
  const file = new WatchedFile(temp.path);
  assert.equal(await file.text(), "one");
  assert.equal(await file.text(), "one");
  await temp.write("other");
  assert.equal(await file.text(), "other");
  // Of the same length, at once, in place: the time stamp may be the same.
  await temp.write("OTHER");
  assert.equal(await file.text(), "OTHER");
  await temp.age(60_000);
  assert.equal(await file.text(), "OTHER");
  await temp.replace("third");
  await temp.age(60_000);
  assert.equal(await file.text(), "third");
  assert.deepEqual(await file.bytes(), new TextEncoder().encode("third"));
});

Deno.test("WatchedFile does not read again what did not change", async () => {
  await using temp = await tempFile("one");
  await temp.age(60_000);
  const file = new WatchedFile(temp.path);
  const first = await file.bytes();
  assert.equal(await file.bytes(), first);
  // The same size, time and inode stand for the same content: this is what spares the reading.
  const { mtime } = await Deno.stat(temp.path);
  await temp.write("two");
  await Deno.utime(temp.path, new Date(), mtime!);
  assert.equal(await file.text(), "one");
  await temp.age(50_000);
  assert.equal(await file.text(), "two");
});

Deno.test("WatchedFile reads once for all who ask at the same time", async () => {
  await using temp = await tempFile("one");
  const file = new WatchedFile(temp.path);
  const [a, b] = await Promise.all([file.bytes(), file.bytes()]);
  assert.equal(a, b);
});

Deno.test("WatchedFile throws as long as its file was never readable, and says which one and why", async () => {
  await using temp = await tempFile("one");
  const missing = new WatchedFile(temp.path + ".not");
  await assert.rejects(missing.text(), {
    message: `Cannot read '${temp.path}.not': there is no such file: make it, or name another`,
  });
  const folder = new WatchedFile(temp.path.replace(/\/file$/, ""));
  await assert.rejects(folder.text(), /^UnreadableFileError: Cannot read '.*': it is a directory: name a file$/);
  const long = new WatchedFile(temp.path, { limitBytes: 2 });
  await assert.rejects(long.text(), {
    message: `Cannot read '${temp.path}': it is longer than 2 bytes: shorten it, or name another`,
  });
  await Deno.writeTextFile(missing.path, "now");
  assert.equal(await missing.text(), "now");
});

Deno.test("WatchedFile throws while a file that was readable is not, and reads it when it is back", async () => {
  await using temp = await tempFile("one");
  const file = new WatchedFile(temp.path);
  await file.text();
  await temp.remove();
  await assert.rejects(file.text(), {
    message: `Cannot read '${temp.path}': there is no such file: make it, or name another`,
  });
  await temp.write("two");
  assert.equal(await file.text(), "two");
});

Deno.test("WatchedFile refuses a pipe and a device at once, where reading would wait for ever, and reads no more of it", async () => {
  await using temp = await tempFile("one");
  const pipe = temp.path + ".pipe";
  assert.ok((await new Deno.Command("mkfifo", { args: [pipe] }).output()).success);
  const wrong = "it is a pipe, a socket or a device: name a file";
  await assert.rejects(new WatchedFile(pipe).text(), { message: `Cannot read '${pipe}': ${wrong}` });
  await assert.rejects(new WatchedFile("/dev/zero").text(), { message: `Cannot read '/dev/zero': ${wrong}` });
  assert.equal(await new WatchedFile("/dev/null").text(), "");
  const file = new WatchedFile(temp.path);
  assert.equal(await file.text(), "one");
  await temp.remove();
  await Deno.rename(pipe, temp.path);
  await assert.rejects(file.text(), { message: `Cannot read '${temp.path}': ${wrong}` });
});
