/**
 * What the programs load that others wrote: which packages, through which others, under which licence, and what they could do.
 *
 * @module
 */

import { cell, code, markdownTable } from "../documents/markdown_table.ts";

/** The programs that run in production, and the permissions that each keeps at most once it runs, whatever its flags. */
export const PROGRAMS = {
  server: { main: "server/main.ts", keeps: ["net", "read", "write"] },
  client: { main: "client/main.ts", keeps: ["net", "read"] },
} as const;

/** A program of {@linkcode PROGRAMS}. */
export type ProgramName = keyof typeof PROGRAMS;

/** What `deno info --json` says of a program, as far as it matters here. */
export interface ModuleGraph {
  /** What it imports. */
  readonly modules: readonly { readonly npmPackage?: string }[];
  /** All packages of the lock by their key there. */
  readonly npmPackages: Readonly<
    Record<string, {
      readonly name: string;
      readonly version: string;
      readonly dependencies: readonly string[];
      readonly localPath: string;
    }>
  >;
}

/** The lock, as far as it matters here. */
export interface Lock {
  /** Its packages. */
  readonly npm: Readonly<Record<string, { readonly integrity?: string }>>;
}

/** A package of the lock. */
export interface Dependency {
  /** What the lock calls it. */
  readonly key: string;
  /** Its name. */
  readonly name: string;
  /** Its version. */
  readonly version: string;
  /** The programs that load it; without any, only tests and tools do. */
  readonly programs: readonly ProgramName[];
  /** The packages through which they do; none if they import it themselves. */
  readonly through: readonly string[];
  /** The packages that it needs itself, by their keys in the lock. */
  readonly needs: readonly string[];
  /** The hash that its archive must have. */
  readonly integrity: string | undefined;
  /** Where it lies unpacked. */
  readonly localPath: string;
}

/** All packages of the lock, those that programs load before the others. */
export function dependencies(graphs: Readonly<Record<ProgramName, ModuleGraph>>, lock: Lock): Dependency[] {
  const names = Object.keys(graphs) as ProgramName[];
  const loaded = new Map(names.map((name) => [name, loadedBy(graphs[name])]));
  const packages = graphs[names[0]].npmPackages;
  const all = Object.entries(packages).map(([key, { name, version, dependencies: needs, localPath }]): Dependency => ({
    key,
    needs,
    name,
    version,
    localPath,
    programs: names.filter((program) => loaded.get(program)!.has(key)),
    through: [...new Set(names.flatMap((program) => [...loaded.get(program)!.get(key) ?? []]))].sort(),
    integrity: lock.npm[key]?.integrity,
  }));
  return all.sort((a, b) => Number(a.programs.length === 0) - Number(b.programs.length === 0));
}

/** The keys of the packages that a program loads, and for each that it does not import itself the names of those that do. */
function loadedBy({ modules, npmPackages }: ModuleGraph): Map<string, ReadonlySet<string>> {
  const direct = new Set(modules.flatMap(({ npmPackage }) => npmPackage ?? []));
  const through = new Map<string, Set<string>>([...direct].map((key) => [key, new Set()]));
  // A map goes on to what is added while it is walked.
  for (const key of through.keys()) {
    for (const below of npmPackages[key].dependencies) {
      const parents = through.get(below) ?? new Set();
      if (!direct.has(below)) parents.add(npmPackages[key].name);
      through.set(below, parents);
    }
  }
  return through;
}

/** A table of packages for people, given the licence of each. */
export function dependencyTable<T extends Dependency>(all: readonly T[], licenceOf: (dependency: T) => string): string {
  const rows = all.map((dependency) => {
    const { name, version, programs, through, integrity } = dependency;
    return [
      cell(name),
      version,
      programs.join(", ") || "tests and tools",
      programs.length === 0 ? "" : through.join(", ") || "imported",
      cell(licenceOf(dependency)),
      integrity === undefined ? "NONE" : `${integrity.slice(0, 19)}…`,
    ];
  });
  return markdownTable([["Package", "Version", "Loaded by", "Through", "Licence", "Integrity"], ...rows]);
}

/** A table of what the packages that a program loads could do, given the tasks that start the programs. */
export function permissionTable(tasks: Readonly<Record<ProgramName, string>>): string {
  const rows = (Object.keys(PROGRAMS) as ProgramName[]).map((name) => {
    const starts = tasks[name].split(" ").filter((word) => word.startsWith("--allow-"));
    return [code(name), starts.map(code).join(" "), PROGRAMS[name].keeps.join(", ")];
  });
  return markdownTable([["Program", "Starts with", "Keeps at most"], ...rows]);
}
