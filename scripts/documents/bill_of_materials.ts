/**
 * A bill of materials in CycloneDX's JSON, from the lock of the packages and what the product's code imports.
 *
 * @module
 */

/** As much of `deno.lock`, version 5, as a bill needs. */
export interface Lock {
  /** The version by what is asked for, such as `npm:ws@^8.23.0`. */
  readonly specifiers: Readonly<Record<string, string>>;
  /** The packages by name and version. */
  readonly npm: Readonly<Record<string, LockedPackage>>;
}

/** A package in a lock. */
export interface LockedPackage {
  /** The hash of its archive, as `sha512-…` in base64. */
  readonly integrity: string;
  /** The packages that it needs: a name where there is one version of it, else name and version. */
  readonly dependencies?: readonly string[];
  /** Those that it can do without. */
  readonly optionalDependencies?: readonly string[];
}

/** What the bill is of. */
export interface Product {
  /** Its name. */
  readonly name: string;
  /** Its version. */
  readonly version: string;
  /** Its licence, as SPDX calls it. */
  readonly license: string;
  /** The names of the packages that its own code imports; all others are there for its tests and tools. */
  readonly imports: ReadonlySet<string>;
  /** The version of Deno that it is built for. */
  readonly deno: string;
}

/** A part of a bill, as CycloneDX names its fields. */
export interface Component {
  /** Deno is the platform. */
  readonly type: "library" | "platform";
  /** What the bill calls it. */
  readonly "bom-ref": string;
  /** Its name without the group. */
  readonly name: string;
  /** What stands before the name, such as `@lezer`. */
  readonly group?: string;
  /** Its version. */
  readonly version: string;
  /** Whether the product runs it. */
  readonly scope: "required" | "excluded";
  /** Hashes of its archive. */
  readonly hashes?: readonly { readonly alg: "SHA-512"; readonly content: string }[];
  /** Where it comes from, as a package URL. */
  readonly purl: string;
}

/** A bill of materials, as it is written. */
export interface BillOfMaterials {
  /** The format. */
  readonly bomFormat: "CycloneDX";
  /** The version of the format. */
  readonly specVersion: "1.6";
  /** The version of the bill. */
  readonly version: number;
  /** What the bill is of. */
  readonly metadata: Readonly<Record<"component", unknown>>;
  /** What the product is made of, and what it is tested and built with. */
  readonly components: readonly Component[];
  /** What needs what. */
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

/**
 * The bill of a product. What the product runs is `required`, what only its tests and tools need is `excluded`.
 *
 * @throws {Error} if the lock does not fit the imports, or itself.
 */
export function billOfMaterials(lock: Lock, { name, version, license, imports, deno }: Product): BillOfMaterials {
  const direct = new Map(
    Object.entries(lock.specifiers).map(([specifier, version]) => {
      const { name } = parsePackage(specifier.replace(/^npm:/, ""));
      return [name, find(lock, `${name}@${version}`)];
    }),
  );
  const roots = Array.from(imports, (name) => {
    const key = direct.get(name);
    if (key === undefined) throw new Error(`Cannot find ${name}, which the product imports, in the lock`);
    return key;
  });
  const required = reachable(lock, roots);
  const platform: Component = {
    type: "platform",
    "bom-ref": `pkg:github/denoland/deno@v${deno}`,
    name: "deno",
    version: deno,
    scope: "required",
    purl: `pkg:github/denoland/deno@v${deno}`,
  };
  const product = `pkg:generic/${name}@${version}`;
  const refs = (keys: Iterable<string>) => Array.from(new Set(Array.from(keys, purlOf))).sort();
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      component: {
        type: "application",
        "bom-ref": product,
        name,
        version,
        licenses: [{ license: { id: license } }],
        purl: product,
      },
    },
    components: [platform, ...componentsOf(lock, required)],
    dependencies: [
      { ref: product, dependsOn: [platform.purl, ...refs(roots)] },
      ...byPurl(lock).map(([ref, keys]) => ({
        ref,
        dependsOn: refs(keys.flatMap((key) => needs(lock, key))),
      })),
    ],
  };
}

function componentsOf(lock: Lock, required: ReadonlySet<string>): Component[] {
  return byPurl(lock).map(([purl, keys]) => {
    const { name: full, version } = parsePackage(keys[0]);
    const [, group, name] = /^(?:(@[^/]+)\/)?(.+)$/.exec(full)!;
    return {
      type: "library",
      "bom-ref": purl,
      ...group === undefined ? {} : { group },
      name,
      version,
      scope: keys.some((key) => required.has(key)) ? "required" : "excluded",
      hashes: [{ alg: "SHA-512", content: hashOf(lock.npm[keys[0]].integrity) }],
      purl,
    };
  });
}

/** The keys of the lock by package: one is there several times if it meets different peers. */
function byPurl({ npm }: Lock): [purl: string, keys: string[]][] {
  return Array.from(Map.groupBy(Object.keys(npm), purlOf)).sort(([a], [b]) => a < b ? -1 : 1);
}

/** Splits `name@version_peers`. */
function parsePackage(key: string): { name: string; version: string } {
  const match = /^(@?[^@]+)@([^_]+)/.exec(key);
  if (match === null) throw new Error(`Cannot read '${key}' as a package of the lock`);
  return { name: match[1], version: match[2] };
}

function purlOf(key: string): string {
  const { name, version } = parsePackage(key);
  return `pkg:npm/${name.replace("@", "%40")}@${version}`;
}

function hashOf(integrity: string): string {
  const [algorithm, hash] = integrity.split("-");
  if (algorithm !== "sha512") throw new Error(`Cannot use a hash of ${algorithm}: the lock should have sha512`);
  return Uint8Array.fromBase64(hash).toHex();
}

/** The key of what a package of the lock calls another. */
function find({ npm }: Lock, called: string): string {
  if (Object.hasOwn(npm, called)) return called;
  const keys = Object.keys(npm).filter((key) => key.startsWith(`${called}@`) || key.startsWith(`${called}_`));
  if (keys.length !== 1) {
    throw new Error(`Cannot tell which package of the lock is ${called}: there are ${keys.length}`);
  }
  return keys[0];
}

function needs(lock: Lock, key: string): string[] {
  const { dependencies = [], optionalDependencies = [] } = lock.npm[key];
  return [...dependencies, ...optionalDependencies].map((called) => find(lock, called));
}

function reachable(lock: Lock, roots: readonly string[]): Set<string> {
  const reached = new Set(roots);
  // A set that grows while it is walked is walked to its end.
  for (const key of reached) needs(lock, key).forEach((next) => reached.add(next));
  return reached;
}
