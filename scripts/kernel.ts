/**
 * Compiles the kernel, `common/kernel/assembly`, to `common/kernel/kernel_wasm.ts`.
 *
 * @module
 */

import { FailedError, run } from "../common/lifecycle.ts";
import type { Program } from "../common/options.ts";

/** The program as `--help` shows it. */
export const KERNEL: Program<Record<never, never>> = {
  name: "kernel",
  summary: "Compiles the kernel, common/kernel/assembly, to common/kernel/kernel_wasm.ts.",
  options: {},
};

const folder = new URL("../common/kernel/", import.meta.url);

/**
 * The file that holds the compiled kernel. The bytes are in the text of a module, and not in a file of their own, so that
 * neither the programs nor the executables made of them need a permission to read it.
 *
 * @throws {FailedError} if the sources do not compile, with what the compiler says.
 */
export async function compileKernel(): Promise<string> {
  // Only here, as it takes a third of a second to load.
  const { default: asc } = await import("assemblyscript/asc");
  let wasm: Uint8Array | undefined;
  const { error, stderr } = await asc.main(
    ["kernel.ts", "--outFile=kernel.wasm", "--runtime=stub", "-O3", "--converge", "--enable=simd", "--noAssert"],
    {
      readFile: (name) => {
        try {
          // The compiler adds an extension to those that imports have.
          return Deno.readTextFileSync(new URL(`assembly/${name.replace(/(\.ts)+$/, ".ts")}`, folder));
        } catch (error) {
          // The compiler tries names until one is there.
          if (error instanceof Deno.errors.NotFound) return null;
          throw error;
        }
      },
      writeFile: (_, contents) => void (wasm = contents as Uint8Array),
      listFiles: () => [],
    },
  );
  if (error !== null || wasm === undefined) throw new FailedError(`Cannot compile the kernel:\n${stderr.toString()}`);
  return [
    "/**",
    " * The kernel, compiled from `assembly/` by `deno task kernel`.",
    " *",
    " * @module",
    " */",
    "",
    "/** The bytes of the WebAssembly module, in base64. */",
    "export const KERNEL_WASM: string =",
    `  "${wasm.toBase64()}";`,
    "",
  ].join("\n");
}

if (import.meta.main) {
  await run(KERNEL, async () => await Deno.writeTextFile(new URL("kernel_wasm.ts", folder), await compileKernel()));
}
