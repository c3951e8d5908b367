/**
 * What a dashboard of ours may hold, word by word: Grafana passes over a key that it does not know, so that one that is
 * misspelt changes nothing and tells nobody. Taken from Grafana's `dashboard_types.gen.ts` and the options of the panels that we
 * use; `@grafana/schema` of npm has the same as types of TypeScript, of which no check of a file comes.
 *
 * @module
 */

/** What a value must be: one of some words, a kind of value, a list, an object, or whatever a function finds no fault with. */
export type Shape =
  | "string"
  | "number"
  | "integer"
  | "boolean"
  | readonly string[]
  | { readonly list: Shape }
  | { readonly each: Shape }
  | { readonly needs?: Shapes; readonly may?: Shapes }
  | { readonly or: readonly Shape[] };

/** Shapes by key. */
export interface Shapes {
  readonly [key: string]: Shape;
}

const DATA_SOURCE: Shape = { needs: { type: ["prometheus"], uid: ["${datasource}"] } };
const LINK: Shape = { needs: { title: "string", url: "string" }, may: { targetBlank: "boolean" } };
const PLACE: Shape = { needs: { x: "integer", y: "integer", w: "integer", h: "integer" } };
const NULL: Shape = ["null"];

const DEFAULTS: Shape = {
  may: {
    unit: "string",
    min: "number",
    max: "number",
    decimals: "integer",
    links: { list: LINK },
    thresholds: {
      needs: {
        mode: ["absolute", "percentage"],
        steps: { list: { needs: { color: "string", value: { or: ["number", NULL] } } } },
      },
    },
    mappings: {
      list: {
        needs: {
          type: ["value"],
          options: { each: { needs: { text: "string", color: "string", index: "integer" } } },
        },
      },
    },
    custom: {
      may: {
        drawStyle: ["line", "bars", "points"],
        lineWidth: "integer",
        fillOpacity: "integer",
        showPoints: ["auto", "never", "always"],
        lineInterpolation: ["linear", "smooth", "stepBefore", "stepAfter"],
        stacking: { needs: { mode: ["none", "normal", "percent"], group: "string" } },
        thresholdsStyle: { needs: { mode: ["off", "line", "dashed", "area", "line+area", "dashed+area"] } },
      },
    },
  },
};

const OPTIONS: Shape = {
  may: {
    reduceOptions: { needs: { calcs: { list: "string" }, fields: "string", values: "boolean" } },
    colorMode: ["none", "value", "background"],
    graphMode: ["none", "area"],
    textMode: ["auto", "value", "value_and_name", "name", "none"],
    justifyMode: ["auto", "center"],
    orientation: ["auto", "horizontal", "vertical"],
    legend: {
      needs: {
        displayMode: ["list", "table", "hidden"],
        placement: ["bottom", "right"],
        showLegend: "boolean",
      },
      may: { calcs: { list: "string" } },
    },
    tooltip: { needs: { mode: ["single", "multi", "none"] }, may: { sort: ["none", "asc", "desc"] } },
    mergeValues: "boolean",
    showValue: ["auto", "never", "always"],
    rowHeight: "number",
    alignValue: ["left", "center", "right"],
    displayMode: ["basic", "gradient", "lcd"],
    showUnfilled: "boolean",
    valueMode: ["color", "text", "hidden"],
    showHeader: "boolean",
    cellHeight: ["sm", "md", "lg"],
    sortBy: { list: { needs: { displayName: "string", desc: "boolean" } } },
  },
};

const TARGET: Shape = {
  needs: { refId: "string", datasource: DATA_SOURCE, expr: "string" },
  may: {
    editorMode: ["code", "builder"],
    legendFormat: "string",
    instant: "boolean",
    range: "boolean",
    format: ["time_series", "table", "heatmap"],
  },
};

const PANEL: Shape = {
  needs: {
    id: "integer",
    type: ["bargauge", "row", "stat", "state-timeline", "table", "timeseries"],
    title: "string",
    gridPos: PLACE,
  },
  may: {
    description: "string",
    datasource: DATA_SOURCE,
    fieldConfig: {
      needs: {
        defaults: DEFAULTS,
        overrides: {
          list: {
            needs: {
              matcher: { needs: { id: ["byName", "byRegexp", "byType", "byFrameRefID"], options: "string" } },
              properties: {
                list: { needs: { id: "string", value: { or: ["string", "number", { list: LINK }] } } },
              },
            },
          },
        },
      },
    },
    options: OPTIONS,
    targets: { list: TARGET },
    collapsed: "boolean",
    panels: { list: { needs: {} } },
    transformations: {
      list: {
        needs: {
          id: ["organize", "joinByField", "merge"],
          options: {
            may: {
              excludeByName: { each: "boolean" },
              renameByName: { each: "string" },
              indexByName: { each: "integer" },
              byField: "string",
              mode: ["inner", "outer", "outerTabular"],
            },
          },
        },
      },
    },
  },
};

/** A dashboard. */
export const DASHBOARD: Shape = {
  needs: {
    uid: "string",
    title: "string",
    description: "string",
    tags: { list: "string" },
    schemaVersion: "integer",
    version: "integer",
    editable: "boolean",
    graphTooltip: "integer",
    refresh: "string",
    timezone: ["", "browser", "utc"],
    time: { needs: { from: "string", to: "string" } },
    links: {
      list: {
        needs: {
          title: "string",
          type: ["dashboards", "link"],
          tags: { list: "string" },
          asDropdown: "boolean",
          includeVars: "boolean",
          keepTime: "boolean",
          targetBlank: "boolean",
          icon: "string",
          tooltip: "string",
          url: "string",
        },
      },
    },
    annotations: { needs: { list: { list: { needs: {} } } } },
    templating: {
      needs: {
        list: {
          list: {
            needs: {
              name: "string",
              label: "string",
              type: ["datasource", "query"],
              query: { or: ["string", { needs: { query: "string", refId: "string" } }] },
            },
            may: {
              refresh: "integer",
              hide: "integer",
              datasource: DATA_SOURCE,
              sort: "integer",
              multi: "boolean",
              includeAll: "boolean",
              current: {
                needs: { selected: "boolean", text: { list: "string" }, value: { list: "string" } },
              },
            },
          },
        },
      },
    },
    panels: { list: PANEL },
  },
};

/** Where a value is not as it must be, by path. */
export function faultsOfShape(value: unknown, shape: Shape, at = "$"): string[] {
  if (typeof shape === "string") return isKind(value, shape) ? [] : [`${at} is no ${shape}`];
  if (Array.isArray(shape)) {
    return shape.includes(String(value)) ? [] : [`${at} is ${JSON.stringify(value)}, none of ${shape.join(", ")}`];
  }
  if ("or" in shape) {
    const fits = shape.or.some((one) => faultsOfShape(value, one, at).length === 0);
    return fits ? [] : [`${at} is none of what it may be`];
  }
  if ("list" in shape) {
    if (!Array.isArray(value)) return [`${at} is no list`];
    return value.flatMap((item, i) => faultsOfShape(item, shape.list, `${at}[${i}]`));
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [`${at} is no object`];
  if ("each" in shape) {
    return Object.entries(value).flatMap(([key, item]) => faultsOfShape(item, shape.each, `${at}.${key}`));
  }
  const { needs = {}, may = {} } = shape as { needs?: Shapes; may?: Shapes };
  return [
    ...Object.keys(needs).filter((key) => !Object.hasOwn(value, key)).map((key) => `${at} has no ${key}`),
    ...Object.entries(value).flatMap(([key, item]) => {
      const wanted = Object.hasOwn(needs, key) ? needs[key] : Object.hasOwn(may, key) ? may[key] : undefined;
      return wanted === undefined ? [`${at} has a key ${key}`] : faultsOfShape(item, wanted, `${at}.${key}`);
    }),
  ];
}

function isKind(value: unknown, kind: string): boolean {
  const found: string = typeof value;
  return kind === "integer" ? Number.isInteger(value) : found === kind;
}
