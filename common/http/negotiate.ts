/**
 * Content negotiation by `Accept` (RFC 9110, section 12.5.1).
 *
 * @module
 */

/** One range of an `Accept` header: a media type or a wildcard, its weight, its other parameters. */
interface MediaRange {
  readonly type: string;
  readonly weight: number;
  readonly parameters: ReadonlyMap<string, string>;
}

function readRanges(accept: string): MediaRange[] {
  return accept.split(",").map((range) => {
    const [type, ...rest] = range.trim().toLowerCase().split(";").map((part) => part.trim());
    const parameters = new Map(
      rest.map((part) => [part.slice(0, part.indexOf("=")), part.slice(part.indexOf("=") + 1)]),
    );
    const weight = Number(parameters.get("q") ?? 1);
    return { type, weight: weight >= 0 && weight <= 1 ? weight : 0, parameters };
  });
}

/**
 * The index of the offer that an `Accept` header likes best: by weight, then by the order of `offers`. The first offer
 * stands where the header is absent or likes none, as scrapers are better served by something than by a 406.
 *
 * A protobuf range counts only in the delimited encoding.
 */
export function preferredType(accept: string | null, offers: readonly string[]): number {
  if (accept === null) return 0;
  const ranges = readRanges(accept);
  const weights = offers.map((offer) => {
    const fits = (range: MediaRange, pattern: string) =>
      range.type === pattern && (range.parameters.get("encoding") ?? "delimited") === "delimited";
    for (const pattern of [offer, offer.replace(/\/.*/, "/*"), "*/*"]) {
      const range = ranges.find((candidate) => fits(candidate, pattern));
      if (range !== undefined) return range.weight;
    }
    return 0;
  });
  const best = Math.max(...weights);
  return best > 0 ? weights.indexOf(best) : 0;
}
