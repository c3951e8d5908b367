/**
 * A base for the images on machines that reach no registry of images: Debian, made by debootstrap, with the Deno of this process.
 *
 * @module
 */

import { join } from "node:path";
import { FailedError } from "../../common/lifecycle.ts";
import { runToEnd } from "../process/child.ts";

/** The image that {@linkcode makeDebianBase} makes. */
const DEBIAN_BASE = `telemeter-base:deno-${Deno.version.deno}`;
/** Where a machine keeps the authorities that it trusts, its own network's among them. */
const AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt";

/**
 * Makes the image, unless the engine has it, and returns its name. It takes root, debootstrap and a minute.
 *
 * @throws {FailedError} saying which step failed and how.
 */
export async function makeDebianBase({ say }: { say: (line: string) => void }): Promise<string> {
  if ((await runToEnd("docker", ["image", "inspect", DEBIAN_BASE]))?.success) return DEBIAN_BASE;
  say(`Making ${DEBIAN_BASE} with debootstrap`);
  const root = await Deno.makeTempDir({ prefix: "telemeter-base-" });
  try {
    await must("debootstrap", ["--variant=minbase", "--include=ca-certificates", "bookworm", root]);
    await Deno.copyFile(Deno.execPath(), join(root, "usr/local/bin/deno"));
    await Deno.chmod(join(root, "usr/local/bin/deno"), 0o755);
    await Deno.copyFile(AUTHORITIES, join(root, AUTHORITIES));
    const archive = join(root, "..", `${DEBIAN_BASE.replace(":", "-")}.tar`);
    await must("tar", ["--create", `--file=${archive}`, `--directory=${root}`, "."]);
    try {
      await must("docker", ["import", archive, DEBIAN_BASE]);
    } finally {
      await Deno.remove(archive);
    }
  } finally {
    await Deno.remove(root, { recursive: true });
  }
  return DEBIAN_BASE;
}

async function must(path: string, args: readonly string[]): Promise<void> {
  const outcome = await runToEnd(path, args);
  if (outcome?.success) return;
  throw new FailedError(`Cannot run ${path} ${args[0]}: ${outcome?.output.trim() ?? "there is no such program"}`);
}
