/**
 * Why a push is refused.
 *
 * @module
 */

/** Reasons, which are the values of a metric's label. */
export type InvalidReason = "malformed" | "empty" | "identity";

/** A push that is not what it must be. The message says what is wrong and where. */
export class InvalidPushError extends Error {
  /** Stable, for the place that maps errors to HTTP statuses. */
  readonly code = "invalid_push";
  /** The name that stack traces show. */
  override readonly name = "InvalidPushError";
  /** Why, in a word for a metric. */
  readonly reason: InvalidReason;

  /** Takes a message that the client may see. */
  constructor(reason: InvalidReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** A push refused for what stands at an offset into its uncompressed protobuf. */
export function invalid(reason: InvalidReason, what: string, at: number): InvalidPushError {
  return new InvalidPushError(reason, `Cannot accept the push: ${what}, at offset ${at}`);
}
