/**
 * A client that exchanges tokens at a server which believes this machine whose client it is: so it comes from any address.
 *
 * @module
 */

/** What a client asks for. */
export interface Exchange {
  /** The address that it comes from. */
  readonly address: string;
  /** Its initial token. */
  readonly token: string;
  /** The cluster that it wants to speak for. */
  readonly id: string;
  /** Ends the wait. */
  readonly signal?: AbortSignal;
}

/** What it got. */
export interface Exchanged {
  readonly status: number;
  readonly text: string;
  /** What `Retry-After` says, in seconds; not a number without one. */
  readonly retryAfter: number;
  /** How long it took, in milliseconds. */
  readonly ms: number;
}

/** Exchanges an initial token at the server on a port of this machine. */
export async function exchange(port: number, { address, token, id, signal }: Exchange): Promise<Exchanged> {
  const since = performance.now();
  const response = await fetch(`http://127.0.0.1:${port}/authorize?id=${encodeURIComponent(id)}`, {
    method: "POST",
    headers: { "authorization": `Bearer ${token}`, "x-forwarded-for": address },
    signal,
  });
  const text = await response.text();
  const retryAfter = Number(response.headers.get("retry-after") ?? NaN);
  return { status: response.status, text, retryAfter, ms: performance.now() - since };
}
