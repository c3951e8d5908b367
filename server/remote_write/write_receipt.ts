/**
 * What became of a request of remote write, as the owner of its cluster tells it to the member whose sender it came from: a first line
 * of numbers in what it says for people.
 *
 * @module
 */

import type { PushReceipt, WriteReceipt } from "../pushes/push.ts";

const FIRST_LINE = /^remote write (\d+) (\d+) (\d+) (\d+) (\d+)(?:\n|$)/;

/** Writes a receipt, with the remark behind it. */
export function writeReceipt({ received, lost, exemplars }: WriteReceipt, remark: string | undefined): string {
  const { samples, histograms } = received;
  const numbers = `remote write ${samples} ${histograms} ${exemplars} ${lost.samples} ${lost.histograms}`;
  return remark === undefined ? numbers : `${numbers}\n${remark}`;
}

/** Reads what {@linkcode writeReceipt} writes; what says nothing of remote write is a remark. */
export function readReceipt(text: string | undefined): Pick<PushReceipt, "remark" | "write"> {
  const found = FIRST_LINE.exec(text ?? "");
  if (text === undefined || found === null) return text === undefined ? {} : { remark: text };
  const [samples, histograms, exemplars, lostSamples, lostHistograms] = found.slice(1).map(Number);
  const remark = text.slice(found[0].length);
  return {
    ...remark === "" ? {} : { remark },
    write: { received: { samples, histograms }, lost: { samples: lostSamples, histograms: lostHistograms }, exemplars },
  };
}

/** Writes the receipts of several requests: the first lines of all, and then each line of a remark behind the number of its request. */
export function writeReceipts(
  receipts: readonly { readonly receipt: WriteReceipt; readonly remark: string | undefined }[],
): string {
  const firsts = receipts.map(({ receipt }) => writeReceipt(receipt, undefined));
  const remarks = receipts.flatMap(({ remark }, i) => remark?.split("\n").map((line) => `${i} ${line}`) ?? []);
  return [...firsts, ...remarks].join("\n");
}

/** Reads what {@linkcode writeReceipts} writes of so many requests: nothing of any if it was not written for these. */
export function readReceipts(text: string | undefined, count: number): Pick<PushReceipt, "remark" | "write">[] {
  const lines = text?.split("\n") ?? [], firsts = lines.slice(0, count);
  if (firsts.length < count || !firsts.every((line) => FIRST_LINE.test(line))) {
    return Array.from({ length: count }, () => ({}));
  }
  const remarks = lines.slice(count);
  return firsts.map((first, i) => {
    const ofThis = remarks.filter((line) => line.startsWith(`${i} `)).map((line) => line.slice(`${i} `.length));
    return readReceipt([first, ...ofThis].join("\n"));
  });
}
