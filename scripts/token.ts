/**
 * Makes an initial token of a cluster, and the line by which a server knows it. Run it with `deno task token ID`.
 *
 * @module
 */

import { run } from "../common/lifecycle.ts";
import { onNamedPath, readNamedFile } from "../common/named_path.ts";
import { file } from "../common/option_kinds.ts";
import { type OptionTable, type Program, UsageError } from "../common/options.ts";
import { newToken, parseTokenHashes, tokenLine } from "../server/authorization/tokens_file.ts";
import { isLabelValue } from "../server/authorization/tokens.ts";

/** The option table. */
export const TOKEN_OPTIONS = {
  tokenFile: {
    kind: file,
    secret: "file",
    help: "A file to make for the token, in place of printing it: the client's --to-token-file",
    since: "0.1.0",
    why: "Set it so that the token shows on no screen",
  },
  tokensFile: {
    kind: file,
    secret: "none",
    help: "A file to add the line to, in place of printing it: the server's --tokens-file",
    since: "0.1.0",
    why: "Set it on the server's machine: a server that runs takes up the line by itself",
  },
} as const satisfies OptionTable;

/** The program as `--help` and `docs/configuration.md` show it. */
export const TOKEN: Program<typeof TOKEN_OPTIONS> = {
  name: "token",
  summary: "Makes the initial token of a cluster, and the line of --tokens-file by which a server knows it.",
  arguments: { ID: "The id of the cluster, as its client's --id has it" },
  options: TOKEN_OPTIONS,
};

/** The user alone may read and write what is made. */
const MODE = 0o600;

if (import.meta.main) {
  await run(TOKEN, async ({ values: { tokenFile, tokensFile }, arguments: [id], print }) => {
    if (id === "" || !isLabelValue(id)) throw new UsageError("Bad ID: write 1 to 255 bytes");
    const token = newToken(), line = tokenLine(id, token);
    if (tokensFile !== undefined) await mayTakeLine(tokensFile);
    if (tokenFile !== undefined) {
      await onNamedPath(
        `Bad --token-file: Cannot make '${tokenFile}'`,
        () => Deno.writeTextFile(tokenFile, `${token}\n`, { createNew: true, mode: MODE }),
      );
    }
    if (tokensFile !== undefined) {
      try {
        await onNamedPath(
          `Bad --tokens-file: Cannot add to '${tokensFile}'`,
          () => Deno.writeTextFile(tokensFile, line, { append: true, mode: MODE }),
        );
      } catch (error) {
        // A token that no server knows is of no use.
        if (tokenFile !== undefined) await Deno.remove(tokenFile);
        throw error;
      }
    }
    print(
      tokenFile === undefined
        ? `The token, for --to-token-file of the client; it is shown this once:\n${token}\n`
        : `Wrote the token into ${tokenFile}, for --to-token-file of the client\n`,
    );
    print(
      tokensFile === undefined
        ? `The line for --tokens-file of the server:\n${line}`
        : `Added a line to ${tokensFile}, for --tokens-file of the server\n`,
    );
  });
}

/** Refuses a file that is none of tokens, or is cut: a line behind it would be of no use. */
async function mayTakeLine(path: string): Promise<void> {
  const exists = await Deno.lstat(path).then(() => true, () => false);
  if (exists) await readNamedFile(path, { flag: "--tokens-file", parse: parseTokenHashes });
}
