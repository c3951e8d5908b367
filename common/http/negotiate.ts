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

/** What an `Accept` header likes best. */
export interface Preferred {
  /** The index of the offer. */
  readonly offer: number;
  /** The parameters, in lower case, of the range that asks for it; none where nothing does. */
  readonly parameters: ReadonlyMap<string, string>;
}

/**
 * The offer that an `Accept` header likes best: by weight, then by the order of `offers`. The first offer stands where the
 * header is absent or likes none, as scrapers are better served by something than by a 406.
 *
 * Of ranges that fit an offer, those that name its type outdo wildcards, then the one with the greatest weight stands. A
 * protobuf range counts only in the delimited encoding.
 */
export function preferred(accept: string | null, offers: readonly string[]): Preferred {
  const ranges = accept === null ? [] : readRanges(accept);
  let best: Preferred & { readonly weight: number } = { offer: 0, parameters: new Map(), weight: 0 };
  offers.forEach((type, offer) => {
    for (const pattern of [type, type.replace(/\/.*/, "/*"), "*/*"]) {
      const fitting = ranges.filter((range) =>
        range.type === pattern && (range.parameters.get("encoding") ?? "delimited") === "delimited"
      );
      if (fitting.length === 0) continue;
      const [{ weight, parameters }] = fitting.toSorted((a, b) => b.weight - a.weight);
      if (weight > best.weight) best = { offer, parameters: pattern === type ? parameters : new Map(), weight };
      break;
    }
  });
  return best;
}
