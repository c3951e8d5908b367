/**
 * What the documents' test reads in Markdown: links, anchors, code and commands. It knows what these documents use, not all of it.
 *
 * @module
 */

/** A fenced block. */
export interface Fence {
  /** What stands behind the opening fence, such as `sh`; empty if nothing does. */
  readonly language: string;
  /** Its lines. */
  readonly text: string;
}

/** A document, taken apart. */
export interface Markdown {
  /** The anchors of its headings, as GitHub makes them. */
  readonly anchors: ReadonlySet<string>;
  /** Where its links lead, without titles. */
  readonly links: readonly string[];
  /** Its fenced blocks. */
  readonly fences: readonly Fence[];
  /** Its code spans. */
  readonly spans: readonly string[];
}

/** Takes a document apart. */
export function parseMarkdown(text: string): Markdown {
  const fences: Fence[] = [];
  const prose = text.replaceAll(
    /^( *)```(\S*)[^\n]*\n([^]*?)^ *```$/gm,
    (_, _indent, language: string, body: string) => {
      fences.push({ language, text: body });
      return "";
    },
  ).replaceAll(/<!--[^]*?-->/g, "");
  const spans = [...prose.matchAll(/(`+)([^]*?[^`])\1(?!`)/g)].map(([, , span]) => span.replaceAll(/\s+/g, " ").trim());
  const bare = prose.replaceAll(/(`+)[^]*?[^`]\1(?!`)/g, "``");
  const links = [
    ...bare.matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)/g),
    ...bare.matchAll(/^ *\[[^\]]+\]: +(\S+)/gm),
  ].map(([, target]) => target);
  const anchors = new Set<string>();
  for (const [, heading] of prose.matchAll(/^#{1,6} +(.+?)(?: +#+)?$/gm)) {
    const slug = slugOf(heading);
    let anchor = slug;
    for (let more = 1; anchors.has(anchor); more++) anchor = `${slug}-${more}`;
    anchors.add(anchor);
  }
  return { anchors, links, fences, spans };
}

/** The anchor that GitHub gives a heading. */
export function slugOf(heading: string): string {
  const plain = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").replaceAll(/[`*]/g, "");
  return plain.toLowerCase().replaceAll(/[^\p{L}\p{N}\p{M} _-]/gu, "").replaceAll(" ", "-");
}

/**
 * The simple commands of a shell script, as words: quotes are taken off, comments and redirections left out. Assignments,
 * loops and the like stay words.
 */
export function shellCommands(script: string): string[][] {
  const commands: string[][] = [[]];
  // The last is a quote that nothing closes, as in a table of output.
  const quoted = String.raw`(?:'[^']*'|"(?:\\[^]|[^"\\])*"|\\[^\n]|[^\s;&|()<>'"\\])+|['"\\]`;
  const token = new RegExp(String.raw`\\\n|\s*#[^\n]*(?=\n|$)|\d?>&\d|\$\(|[\n;&|()<>]+|[^\S\n]+|${quoted}`, "gy");
  let afterSpace = true;
  for (let [text] of script.matchAll(token)) {
    if (/^\s*#/.test(text) && (afterSpace || /^\s/.test(text))) continue;
    const isBreak = /^(\$\(|[\n;&|()]+)$/.test(text);
    if (isBreak) commands.push([]);
    else if (text !== "\\\n" && !/^[\s<>]/.test(text) && !/^\d?>&\d$/.test(text)) {
      text = text.replaceAll(/'([^']*)'|"((?:\\[^]|[^"\\])*)"|\\(.)/g, "$1$2$3");
      commands.at(-1)!.push(text);
    }
    afterSpace = isBreak || /\s$/.test(text);
  }
  return commands.filter((words) => words.length > 0);
}
