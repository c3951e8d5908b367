/**
 * What other users of this machine may do with a file, by its mode and by the folders above it. All of it is looked at at once:
 * programs do it again and again, and to have another thread do it takes a hundred times as long.
 *
 * @module
 */

/** What is known of a file or a folder that others may be let into. */
export type Looked = Pick<Deno.FileInfo, "mode" | "uid">;

/** A folder that others may write to. */
export interface OpenFolder {
  /** Where it is. */
  readonly path: string;
  /** What the system says of it. */
  readonly info: Deno.FileInfo;
}

const READ = 0o044;
const WRITE = 0o022;
const STICKY = 0o1000;

/** The user that this process runs as; undefined where it may not know. */
export function ownUid(): number | undefined {
  // Asked for without leave, it would have the user asked.
  const { state } = Deno.permissions.querySync({ name: "sys", kind: "uid" });
  return state === "granted" ? Deno.uid() ?? undefined : undefined;
}

/**
 * The bits of a mode by which others get in. The group's do not count where this process itself may need them: if the file is
 * another user's, as secrets are that Kubernetes mounts with `fsGroup`, or that root gives to a program by its group.
 */
export function openTo({ mode, uid: owner }: Looked, { uid }: { uid: number | undefined }): number {
  const needsGroup = uid !== undefined && uid !== 0 && owner !== uid;
  return (mode ?? 0) & (needsGroup ? 0o007 : 0o077);
}

/** Whether others may read what has these bits of {@linkcode openTo}. */
export function isReadable(bits: number): boolean {
  return (bits & READ) !== 0;
}

/** Whether others may write what has these bits of {@linkcode openTo}. */
export function isWritable(bits: number): boolean {
  return (bits & WRITE) !== 0;
}

/** Whether every user may replace what is in a folder; in a sticky one, such as /tmp, only what is their own. */
export function isOpenFolder({ mode }: Looked): boolean {
  return ((mode ?? 0) & STICKY) === 0 && ((mode ?? 0) & 0o002) !== 0;
}

/** The open folders above a file, as it is named and as it is found through symbolic links, from below. */
export function openFoldersAbove(path: string): OpenFolder[] {
  const named = absolute(path);
  const found = attempt(() => Deno.realPathSync(path)) ?? named;
  const open: OpenFolder[] = [];
  for (const folder of new Set([named, found].flatMap(parents))) {
    const info = lookAt(folder);
    if (info !== undefined && isOpenFolder(info)) open.push({ path: folder, info });
  }
  return open;
}

/** What a path leads to, through symbolic links; undefined where there is nothing, or it may not be looked at. */
export function lookAt(path: string): Deno.FileInfo | undefined {
  const { state } = Deno.permissions.querySync({ name: "read", path });
  return state === "granted" ? attempt(() => Deno.statSync(path)) : undefined;
}

function attempt<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}

// Of node:path nothing is used here, since the first module of node takes 8 MB with all that it brings along.

/** A path from the root on, without `.` and `..`. */
function absolute(path: string): string {
  const names: string[] = [];
  for (const name of (path.startsWith("/") ? path : `${Deno.cwd()}/${path}`).split("/")) {
    if (name === "..") names.pop();
    else if (name !== "" && name !== ".") names.push(name);
  }
  return `/${names.join("/")}`;
}

/** The folders above an absolute path, from below. */
function parents(path: string): string[] {
  const above = path.slice(0, path.lastIndexOf("/")) || "/";
  return above === path ? [] : [above, ...parents(above)];
}

/** A mode as people write it. */
export function modeText({ mode }: Looked): string {
  return ((mode ?? 0) & 0o7777).toString(8).padStart(4, "0");
}

/** A `chmod` that takes bits of {@linkcode openTo} away, to be pasted into a shell. */
export function chmodCommand(path: string, bits: number): string {
  const who = (bits & 0o070 ? "g" : "") + (bits & 0o007 ? "o" : "");
  const what = isReadable(bits) || !isWritable(bits) ? "=" : "-w";
  const named = path.startsWith("-") ? `./${path}` : path;
  const word = /^[\w@%+=:,.\/-]+$/.test(named) ? named : `'${named.replaceAll("'", `'\\''`)}'`;
  return `chmod ${who}${what} ${word}`;
}
