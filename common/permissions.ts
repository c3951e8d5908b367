/**
 * Giving up Deno permissions at run time: what a program was started with is the most that it ever has.
 *
 * @module
 */

/** A kind of permission. */
export type Permission = Deno.PermissionName | "import";

const PERMISSIONS: readonly Permission[] = ["run", "ffi", "env", "sys", "import", "net", "read", "write"];

/**
 * Gives up every permission that is not kept, for good as long as the program may not ask its user (`--no-prompt`). What
 * is open stays usable: listeners accept, connections carry, Deno KV reads and writes its file.
 *
 * What is kept stays as it was granted: Deno does not narrow a permission for everything to one for some paths or hosts.
 */
export function keepPermissions(kept: readonly Permission[]): void {
  for (const name of PERMISSIONS) {
    // Deno knows "import" here, and its types do not.
    if (!kept.includes(name)) Deno.permissions.revokeSync({ name } as Deno.PermissionDescriptor);
  }
}
