/**
 * Command lines of the usual form, where every argument is a long flag that there is, read without the library that knows all
 * forms and writes the help.
 *
 * @module
 */

/** A flag: the name of its option, and whether it needs no value. */
export interface PlainFlag {
  /** The key in the option table. */
  readonly name: string;
  /** Whether it says enough alone. */
  readonly isSwitch: boolean;
}

/**
 * Reads `--flag value`, `--flag=value` and, of a switch, `--flag`, in any order and however often. Returns what was given by
 * name, `"true"` for a switch without a value; undefined if anything else is there, or something is missing.
 */
export function readPlainArguments(
  args: readonly string[],
  flags: ReadonlyMap<string, PlainFlag>,
): Map<string, string[]> | undefined {
  const given = new Map<string, string[]>();
  for (let i = 0; i < args.length; i++) {
    const equals = args[i].indexOf("=");
    const flag = flags.get(equals < 0 ? args[i] : args[i].slice(0, equals));
    if (flag === undefined) return undefined;
    let text: string | undefined;
    if (equals >= 0) text = args[i].slice(equals + 1);
    else text = flag.isSwitch ? "true" : args[++i];
    // Behind `--` there are no flags any more.
    if (text === undefined || text === "--") return undefined;
    given.set(flag.name, [...given.get(flag.name) ?? [], text]);
  }
  return given;
}
