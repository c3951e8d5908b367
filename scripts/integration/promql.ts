/**
 * Questions to a Prometheus, in PromQL, and its answers.
 *
 * @module
 */

/** A native histogram as the HTTP API of Prometheus shows it. */
export interface ShownHistogram {
  /** How many observations there were. */
  readonly count: string;
  /** What they add up to. */
  readonly sum: string;
  /** Which bounds belong to the bucket, as a number; its bounds; and its observations. */
  readonly buckets?: readonly (readonly [sides: number, lower: string, upper: string, count: string])[];
}

/** One element of an instant vector. */
export interface VectorElement {
  /** Its labels, `__name__` among them. */
  readonly labels: Readonly<Record<string, string>>;
  /** Its value: a number as Prometheus writes it, or a native histogram. */
  readonly value: string | ShownHistogram;
}

/** An element as the HTTP API has it. */
interface ApiElement {
  readonly metric: Record<string, string>;
  readonly value?: readonly [time: number, value: string];
  readonly histogram?: readonly [time: number, value: ShownHistogram];
}

/**
 * Evaluates an expression that yields a vector, as of now.
 *
 * @throws {Error} if Prometheus cannot evaluate it, or it yields anything else.
 */
export async function evaluate(
  url: URL,
  expression: string,
  { signal }: { signal?: AbortSignal } = {},
): Promise<VectorElement[]> {
  const at = new URL("api/v1/query", url);
  at.searchParams.set("query", expression);
  const response = await fetch(at, { signal });
  const answer = await response.json();
  if (answer.status !== "success" || answer.data.resultType !== "vector") {
    throw new Error(`Cannot evaluate ${expression}: ${answer.error ?? `it yields a ${answer.data?.resultType}`}`);
  }
  return answer.data.result.map(({ metric, value, histogram }: ApiElement): VectorElement => ({
    labels: metric,
    value: (value ?? histogram!)[1],
  }));
}
