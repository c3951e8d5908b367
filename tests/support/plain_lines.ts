/**
 * The lines of a page of the cluster `me`, to be read by people.
 *
 * @module
 */

/** Lines that `/federate` shows, without the labels that all of them have. */
export function plainLines(page: string): string[] {
  return page.split("\n").filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) =>
      line.replace('_id="me",', "").replace(/instance="",job="",?/, "").replace("{}", "").replace(",}", "}")
    )
    .sort();
}
