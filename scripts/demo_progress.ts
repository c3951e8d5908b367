/**
 * What the demo says while nothing has arrived yet.
 *
 * @module
 */

/** Says what is waited for, and what the client said last. */
export function stillWaiting({ seconds, lastLine }: { seconds: string; lastLine: string | undefined }): string {
  const what = "the client is to read and push, and Prometheus to scrape the server that shows it";
  const words = lastLine === undefined ? "" : `. The client's last line: ${lastLine}`;
  return `Still waiting after ${seconds} s, which is usual on a busy machine: ${what}${words}`;
}
