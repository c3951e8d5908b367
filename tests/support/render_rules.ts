/**
 * The rules by which tests render pushes that are not about rules.
 *
 * @module
 */

import type { RenderRules } from "../../server/ingest/renderer.ts";

/** Nothing is set, elided or left out, and the limits are small enough to be met. */
export const RENDER_RULES: RenderRules = {
  set: new Map(),
  elide: new Set(),
  always: new Set(),
  maxLabelBytes: 255,
  maxNameBytes: 255,
  maxTextBytes: 1e6,
  maxAgeMs: 86_400_000,
  maxAheadMs: 600_000,
  limits: { maxFamilies: 100, maxSeries: 100, maxLabels: 16 },
  limitBytes: 20_000,
};
