/**
 * Programs out of Debian's packages without installing them: no root, no services, nothing outside one cache folder.
 *
 * @module
 */

import { join } from "node:path";
import { runToEnd } from "../process/child.ts";

/** A package to unpack. */
export interface DebianPackage {
  /** Debian's name for it. */
  readonly name: string;
  /** Which of the packages that it depends on are unpacked beside it, where they can be had. @default none */
  readonly beside?: RegExp;
  /** The suite of Debian's archive that it comes from, such as `bookworm`. @default what this machine's own lists name */
  readonly suite?: string;
}

/** Where Debian's archive is, and whose signature its lists must bear. */
const ARCHIVE = { url: "http://deb.debian.org/debian", keyring: "/usr/share/keyrings/debian-archive-keyring.gpg" };

/**
 * Fetches a package with `apt-get download` and unpacks it, and those beside it, into a folder, whole or not at all.
 *
 * @throws {Error} saying which step failed and how.
 */
export async function unpackDebianPackage({ name, beside, suite }: DebianPackage, folder: string): Promise<void> {
  await Deno.mkdir(join(folder, ".."), { recursive: true });
  // Beside its final place, so that the rename at the end stays within one file system.
  const work = await Deno.makeTempDir({ dir: join(folder, ".."), prefix: "unpacking-" });
  try {
    const apt = suite === undefined && await download([name], work, []) ? [] : await ownLists(work, { suite });
    if (apt.length > 0) await must("apt-get", [...apt, "download", name], { cwd: work });
    if (beside !== undefined) {
      await download((await dependencies(name, apt)).filter((name) => beside.test(name)), work, apt);
    }
    const root = join(work, "root");
    for await (const { name: file } of Deno.readDir(work)) {
      if (file.endsWith(".deb")) await must("dpkg", ["-x", join(work, file), root]);
    }
    await replace(root, folder);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

async function download(names: readonly string[], cwd: string, apt: readonly string[]): Promise<boolean> {
  const outcome = await runToEnd("apt-get", [...apt, "download", ...names], { cwd });
  if (outcome === undefined) throw new Error("there is no apt-get on this machine");
  return outcome.success;
}

/**
 * Fetches lists of packages of our own, as those of the system may be absent or of another suite, and only root may fetch
 * them.
 */
async function ownLists(work: string, { suite }: { suite?: string }): Promise<string[]> {
  const sources = join(work, "sources.list");
  if (suite !== undefined) {
    await Deno.writeTextFile(sources, `deb [signed-by=${ARCHIVE.keyring}] ${ARCHIVE.url} ${suite} main\n`);
  }
  const apt = Object.entries({
    ...(suite === undefined ? {} : { "Dir::Etc::SourceList": sources, "Dir::Etc::SourceParts": "/dev/null" }),
    "Dir::State": join(work, "state"),
    "Dir::State::status": "/var/lib/dpkg/status",
    "Dir::Cache": join(work, "cache"),
    // apt otherwise steps down to a user who may not write here.
    "APT::Sandbox::User": "",
  }).flatMap(([key, value]) => ["-o", `${key}=${value}`]);
  await Deno.mkdir(join(work, "state/lists/partial"), { recursive: true });
  await Deno.mkdir(join(work, "cache/archives/partial"), { recursive: true });
  await must("apt-get", [...apt, "update"]);
  return apt;
}

async function dependencies(name: string, apt: readonly string[]): Promise<string[]> {
  const without = ["recommends", "suggests", "conflicts", "breaks", "replaces", "enhances"].map((kind) =>
    `--no-${kind}`
  );
  const outcome = await runToEnd("apt-cache", [...apt, "depends", "--recurse", ...without, name]);
  return (outcome?.stdout ?? "").split("\n").filter((line) => /^[a-z0-9]/.test(line) && line !== name);
}

async function must(path: string, args: readonly string[], { cwd }: { cwd?: string } = {}): Promise<void> {
  const outcome = await runToEnd(path, args, { cwd });
  if (outcome?.success) return;
  throw new Error(`${path} ${args.at(-1)} failed: ${outcome?.output.trim() ?? "there is no such program"}`);
}

async function replace(from: string, to: string): Promise<void> {
  await Deno.remove(to, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  await Deno.rename(from, to);
}
