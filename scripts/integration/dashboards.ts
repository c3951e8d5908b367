/**
 * The Grafana dashboards that we ship, and the questions that their panels ask of a Prometheus.
 *
 * @module
 */

/** Where panels lie, in columns of 24 and rows. */
export interface GridPlace {
  /** The first column. */
  readonly x: number;
  /** The first row. */
  readonly y: number;
  /** How many columns. */
  readonly w: number;
  /** How many rows. */
  readonly h: number;
}

/** A panel, as far as we look at it. */
export interface Panel {
  /** `row` for a heading, which asks nothing. */
  readonly type: string;
  /** What is above it. */
  readonly title: string;
  /** What it says to whoever hovers over its corner. */
  readonly description?: string;
  /** Where it lies. */
  readonly gridPos: GridPlace;
  /** What its values are. */
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
  /** What it asks. */
  readonly targets?: readonly { readonly expr: string }[];
}

/** A variable of a dashboard, which its user chooses. */
export interface Variable {
  /** What stands behind `$` in queries. */
  readonly name: string;
  /** `datasource`, or `query` for values of a label. */
  readonly type: string;
  /** How its values are found: of labels by `label_values(SELECTOR, LABEL)`. */
  readonly query: string | { readonly query: string };
}

/** A dashboard, as far as we look at it. */
export interface Dashboard {
  /** What its address has. */
  readonly uid: string;
  /** What people call it. */
  readonly title: string;
  /** By what the others link to it. */
  readonly tags: readonly string[];
  /** Its links to others. */
  readonly links: readonly { readonly type: string; readonly tags: readonly string[] }[];
  /** What its user chooses. */
  readonly templating: { readonly list: readonly Variable[] };
  /** Its panels and headings. */
  readonly panels: readonly Panel[];
}

const FOLDER = new URL("../../deploy/grafana/", import.meta.url);

/** Reads all dashboards that we ship, each as parsed and as text. */
export async function readDashboards(): Promise<{ readonly dashboard: Dashboard; readonly text: string }[]> {
  const files = (await Array.fromAsync(Deno.readDir(FOLDER))).map(({ name }) => name).sort();
  return await Promise.all(
    files.filter((name) => name.endsWith(".json")).map(async (name) => {
      const text = await Deno.readTextFile(new URL(name, FOLDER));
      return { dashboard: JSON.parse(text), text };
    }),
  );
}

/** The panels that ask something. */
export function askingPanels({ panels }: Dashboard): Panel[] {
  return panels.filter(({ type }) => type !== "row");
}

/**
 * A query with values in place of its variables, as Grafana puts them in.
 *
 * @throws {Error} if it has a variable without a value.
 */
export function withVariables(query: string, values: Readonly<Record<string, string>>): string {
  return query.replaceAll(/\$\{?(\w+)\}?/g, (variable, name: string) => {
    if (!Object.hasOwn(values, name)) throw new Error(`Cannot replace ${variable} in ${query}`);
    return values[name];
  });
}
