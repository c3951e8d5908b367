/**
 * What the status says with which a sink refuses a request for good: whether it is about samples, or about whoever sends them, and what
 * to do then.
 *
 * @module
 */

/** The answers that are about what is in a request: another cluster's samples may well be taken. */
const ABOUT_SAMPLES: ReadonlySet<number> = new Set([400, 409, 413, 422]);

const CREDENTIALS =
  "see --forward-token-file, --forward-password-file, --forward-cert-file or --forward-oauth-url, and --forward-tenant";
const PATH = "see the path of --forward-url, and whether the sink takes remote write there";

const ADVICE: ReadonlyMap<number, string> = new Map([
  [401, `${CREDENTIALS}: the sink does not know who sends`],
  [403, `${CREDENTIALS}: whoever sends may not write there`],
  [404, PATH],
  [405, PATH],
  [407, "see the user name and password of the proxy"],
  [413, "raise the sink's limit on bodies: a request has up to 5,000 samples"],
]);

/** Whether a refusal is about the samples of a request, and not about all that is sent to that sink. */
export function isAboutSamples(status: number): boolean {
  return ABOUT_SAMPLES.has(status);
}

/** What to do about a refusal, where its status says that. */
export function adviceFor(status: number): string | undefined {
  if (status >= 300 && status < 400) {
    return "give --forward-url the place to which it redirects: redirects are not followed";
  }
  return ADVICE.get(status);
}
