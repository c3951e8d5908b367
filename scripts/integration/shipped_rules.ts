/**
 * The alerts that we ship, so fast that a trial can wait for them.
 *
 * @module
 */

const RULES = new URL("../../deploy/prometheus/rules.yml", import.meta.url);

/** How fast they are to be, in durations of Prometheus. */
export interface RulePace {
  /** For how long an expression must hold, in place of minutes. */
  readonly wait: string;
  /** What rates and increases look back over, in place of minutes and hours. */
  readonly range: string;
}

/** The text of the rules, with other times in place of theirs, and nothing else changed. */
export async function shippedRules({ wait, range }: RulePace): Promise<string> {
  const text = await Deno.readTextFile(RULES);
  return text.replaceAll(/^( +for:) \d+[smhd]$/gm, `$1 ${wait}`).replaceAll(/\[\d+[smhd]\]/g, `[${range}]`);
}
