/**
 * Tables in Markdown, padded as `deno fmt` pads them.
 *
 * @module
 */

/** A table: the first row is its head, and every cell is Markdown. */
export function markdownTable(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row: readonly string[]) => `| ${row.map((text, at) => text.padEnd(widths[at])).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [line(rows[0]), rule, ...rows.slice(1).map(line)].join("\n");
}

/** A text as code in a cell. */
export function code(text: string): string {
  return "`" + cell(text) + "`";
}

/** A text in a cell: a bar would end it. */
export function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
