/**
 * Tables that several pages have in common.
 *
 * @module
 */

import type { Child, FC, PropsWithChildren } from "@hono/hono/jsx";
import { byteSize, number } from "./page.tsx";

/** The head of a column. */
export interface Column {
  /** What is in it. */
  readonly name: string;
  /** Whether that is numbers. @default {false} */
  readonly isNumber?: boolean;
}

/** A table whose rows fold to cards on narrow screens; its rows have a `Cell` for each column but the first ones. */
export const FoldTable: FC<PropsWithChildren<{ readonly columns: readonly Column[] }>> = ({ columns, children }) => (
  <table class="fold">
    <Head columns={columns} />
    <tbody>{children}</tbody>
  </table>
);

/** The series and bytes of a metric. */
export interface MetricSize {
  /** Its name. */
  readonly name: string;
  /** How many series it has. */
  readonly series: number;
  /** How many bytes they take. */
  readonly bytes: number;
}

/** Metrics and what they take. `bytes` says what the bytes are of. */
export const MetricTable: FC<{
  readonly metrics: readonly MetricSize[];
  readonly bytes: string;
  readonly caption?: Child;
}> = ({ metrics, bytes, caption }) => (
  <div class="scroll">
    <table>
      {caption !== undefined && <caption>{caption}</caption>}
      <Head columns={[{ name: "Metric" }, { name: "Series", isNumber: true }, { name: bytes, isNumber: true }]} />
      <tbody>
        {metrics.map(({ name, series, bytes }) => (
          <tr>
            <th scope="row" class="id">{name}</th>
            <td class="num">{number(series)}</td>
            <td class="num nowrap">{byteSize(bytes)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  </div>
);

/** A table of two columns: what, and how many of it. */
export const CountTable: FC<PropsWithChildren<{ readonly of: string; readonly counted: string }>> = (
  { of, counted, children },
) => (
  <table>
    <Head columns={[{ name: of }, { name: counted, isNumber: true }]} />
    <tbody>{children}</tbody>
  </table>
);

const Head: FC<{ readonly columns: readonly Column[] }> = ({ columns }) => (
  <thead>
    <tr>
      {columns.map(({ name, isNumber }) => <th scope="col" class={isNumber ? "num" : undefined}>{name}</th>)}
    </tr>
  </thead>
);
