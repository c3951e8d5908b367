/**
 * A bill of materials in CycloneDX's JSON.
 *
 * @module
 */

/** A package that the product is made of, or tested and built with. */
export interface BilledPackage {
  /** What others call it in their needs; several may be one package that meets different peers. */
  readonly key: string;
  /** Its name. */
  readonly name: string;
  /** Its version. */
  readonly version: string;
  /** Its licence, as SPDX calls it or as it says itself. */
  readonly licence: string;
  /** The hash of its archive, as `sha512-…` in base64. */
  readonly integrity: string | undefined;
  /** The programs that load it; without any, only tests and tools do. */
  readonly programs: readonly string[];
  /** The packages through which they do; none if they import it themselves. */
  readonly through: readonly string[];
  /** The keys of the packages that it needs. */
  readonly needs: readonly string[];
}

/** What the bill is of. */
export interface Product {
  /** Its name. */
  readonly name: string;
  /** Its version. */
  readonly version: string;
  /** Its licence, as SPDX calls it. */
  readonly license: string;
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
  /** Its licence, where it names one. */
  readonly licenses?: readonly { readonly expression: string }[];
  /** Hashes of its archive. */
  readonly hashes?: readonly { readonly alg: "SHA-512"; readonly content: string }[];
  /** Where it comes from, as a package URL. */
  readonly purl: string;
}

/** What looks like a licence as SPDX writes it, and not like words that there is none. */
const EXPRESSION = /^(?!unclear$)\S+( (AND|OR|WITH) \S+)*$/;

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

/** The bill of a product. What its programs load is `required`, what only its tests and tools need is `excluded`. */
export function billOfMaterials(
  packages: readonly BilledPackage[],
  { name, version, license, deno }: Product,
): BillOfMaterials {
  const purls = new Map(packages.map((each) => [each.key, purlOf(each)]));
  const byPurl = Array.from(Map.groupBy(packages, purlOf)).sort(([a], [b]) => a < b ? -1 : 1);
  const platform = `pkg:github/denoland/deno@v${deno}`;
  const product = `pkg:generic/${name}@${version}`;
  const direct = packages.filter(({ programs, through }) => programs.length > 0 && through.length === 0);
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
    components: [
      {
        type: "platform",
        "bom-ref": platform,
        name: "deno",
        version: deno,
        scope: "required",
        licenses: [{ expression: "MIT" }],
        purl: platform,
      },
      ...byPurl.map(([purl, same]) => componentOf(same, { purl })),
    ],
    dependencies: [
      { ref: product, dependsOn: [platform, ...sorted(direct.map(purlOf))] },
      ...byPurl.map(([ref, same]) => ({
        ref,
        dependsOn: sorted(same.flatMap(({ needs }) => needs).map((key) => purls.get(key)!)),
      })),
    ],
  };
}

function componentOf(same: readonly BilledPackage[], { purl }: { purl: string }): Component {
  const [{ name: full, version, licence, integrity }] = same;
  const [, group, name] = /^(?:(@[^/]+)\/)?(.+)$/.exec(full)!;
  const [algorithm, hash] = integrity?.split("-") ?? [];
  return {
    type: "library",
    "bom-ref": purl,
    ...group === undefined ? {} : { group },
    name,
    version,
    scope: same.some(({ programs }) => programs.length > 0) ? "required" : "excluded",
    ...EXPRESSION.test(licence) ? { licenses: [{ expression: licence }] } : {},
    ...algorithm === "sha512" ? { hashes: [{ alg: "SHA-512", content: Uint8Array.fromBase64(hash).toHex() }] } : {},
    purl,
  };
}

function purlOf({ name, version }: BilledPackage): string {
  return `pkg:npm/${name.replace("@", "%40")}@${version}`;
}

function sorted(refs: readonly string[]): string[] {
  return [...new Set(refs)].sort();
}
