/**
 * How much a request of remote write may hold.
 *
 * @module
 */

import { LimitError } from "../exposition/metric_family.ts";
import { ByteBuilder } from "./byte_builder.ts";

/** How much a request may hold. */
export interface WriteLimits {
  /** Series. */
  readonly maxSeries: number;
  /** Names of metrics. */
  readonly maxFamilies: number;
  /** Labels of a series, which bounds what is said of it. */
  readonly maxLabels: number;
  /** Bytes of the families that it becomes: in 2.0 a few bytes can stand for many. */
  readonly maxBytes: number;
}

/** Builds something of a request, up to as many bytes as that may become. */
export function limitedBuilder({ maxBytes }: Pick<WriteLimits, "maxBytes">): ByteBuilder {
  return new ByteBuilder(
    maxBytes,
    () =>
      new LimitError(`Cannot take a request that becomes more than ${maxBytes} bytes of families`, {
        limit: "decompressedBytes",
      }),
  );
}
