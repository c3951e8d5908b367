/**
 * Holds objects against the schemas of other makers, in a process that has them.
 *
 * @module
 */

import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("../deploy/schemas/", import.meta.url));

/**
 * The faults of objects of Kubernetes, or of a bill of materials in CycloneDX.
 *
 * @throws {Error} if the schemas cannot be had.
 */
export async function faultsBySchema(
  input: { readonly kubernetes: readonly unknown[] } | { readonly cyclonedx: unknown },
): Promise<string[]> {
  const process = new Deno.Command(Deno.execPath(), {
    // The schemas come with code, which gets no leave to do anything.
    args: ["run", "--check", "--no-prompt", "--frozen", "--allow-read", "--allow-env", "validate.ts"],
    cwd: FOLDER,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify(input)));
  await writer.close();
  const { success, stdout, stderr } = await process.output();
  if (!success) throw new Error(`Cannot read the schemas: ${new TextDecoder().decode(stderr)}`);
  return JSON.parse(new TextDecoder().decode(stdout));
}
