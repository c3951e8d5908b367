/** What the real programs say of secrets that others can see, and of what goes between machines unencrypted. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { CLIENT_PROGRAM } from "../../client/options.ts";
import { flagOf, type OptionTable, type Program } from "../../common/options.ts";
import { PROGRAMS } from "../../scripts/readme.ts";
import { SERVER_PROGRAM } from "../../server/options.ts";
import { Child } from "../../scripts/process/child.ts";
import { taskCommand } from "../../scripts/process/tasks.ts";
import { makeCertificate } from "../support/certificates.ts";
import { ecKeys } from "../support/jwt.ts";
import { runProgram, startClient, startServer, tempFolder } from "../support/programs.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const EXPOSED = /msg="Other users of this machine can read a file that holds a secret"/;
const VISIBLE = /msg="A secret on the command line shows in the list of processes: give it in a file"/;
const PLAIN = /msg="Goes between machines unencrypted, so that others on the way can read and change it"/;

/** The values of a field in the lines that a pattern is in. */
function fieldsOf(lines: readonly string[], pattern: RegExp, field: string): string[] {
  return lines.filter((line) => pattern.test(line))
    .map((line) => new RegExp(` ${field}=(?:"((?:[^"\\\\]|\\\\.)*)"|(\\S+))`).exec(line))
    .map((match) => match?.[1] ?? match?.[2] ?? "").sort();
}

/** The flags that a list of processes must not show, by the flag that takes a file instead. */
const SECRET_FILES = {
  server: [
    ...["--authorize-password-file", "--cluster-key", "--internal-tls-key", "--shared-key", "--tls-key"],
    ...["--client-ca", "--cluster-ca", "--cluster-crt", "--internal-tls-crt", "--tls-crt", "--verify-key"],
    ...["--forward-key-file", "--forward-oauth-secret-file", "--forward-password-file", "--forward-token-file"],
    ...["--forward-ca-file", "--forward-cert-file"],
  ],
  client: [
    ...["--anonymize-salt-file", "--from-token-file", "--tls-private-key-file", "--to-token-file"],
    ...["--from-password-file", "--from-proxy-password-file", "--to-proxy-password-file"],
    ...["--from-ca-file", "--tls-cert-file", "--to-ca-file"],
  ],
} as const;
const NEEDED = { server: [], client: ["--from=http://127.0.0.1:1"] } as const;

for (const task of ["server", "client"] as const) {
  Deno.test(`Each file with a secret that others can read is told by the ${task}, with what to run`, async () => {
    await using folder = await tempFolder();
    // A private key makes a secret of a file that else is none, such as one of certificates.
    const path = await folder.write("the file", ecKeys().pem);
    const flags = SECRET_FILES[task].map((flag) => `${flag}=${path}`);
    const warned = async (mode: number) => {
      await Deno.chmod(path, mode);
      return (await runProgram(task, [...NEEDED[task], ...flags])).output.split("\n");
    };
    const lines = await warned(0o644);
    assert.deepEqual(fieldsOf(lines, EXPOSED, "option"), [...SECRET_FILES[task]].sort());
    assert.deepEqual([...new Set(fieldsOf(lines, EXPOSED, "file"))], [path]);
    assert.deepEqual([...new Set(fieldsOf(lines, EXPOSED, "mode"))], ["0644"]);
    assert.deepEqual([...new Set(fieldsOf(lines, EXPOSED, "run"))], [`chmod go= '${path}'`]);
    assert.deepEqual(fieldsOf(await warned(0o640), EXPOSED, "run"), flags.map(() => `chmod g= '${path}'`));
    assert.deepEqual(fieldsOf(await warned(0o600), EXPOSED, "option"), []);
  });
}

Deno.test("the server does not warn of public files, nor of those that others must not change but may read", async () => {
  await using folder = await tempFolder();
  const { cert, key } = await makeCertificate("localhost");
  const [crt, list] = [await folder.write("crt", cert), await folder.write("list", "up\n")];
  for (const path of [crt, list]) await Deno.chmod(path, 0o664);
  const flags = [
    ...[`--tls-crt=${crt}`, `--tls-key=${await folder.write("key", key)}`, `--verify-key=${crt}`],
    ...[`--revoked-file=${list}`, `--whitelist-file=${list}`],
  ];
  await using server = await startServer(flags, { storageDir: join(folder.path, "data") });
  assert.deepEqual(server.child.lines.filter((line) => line.includes("Other users")), []);
});

Deno.test("the server warns of files that all users can change, and of an open folder above, but not of a sticky one", async () => {
  await using folder = await tempFolder();
  const list = await folder.write("list", "up\n");
  const open = join(folder.path, "open"), inner = join(open, "inner");
  await Deno.mkdir(inner, { recursive: true, mode: 0o700 });
  const key = join(inner, "key"), link = join(folder.path, "link");
  await Deno.writeTextFile(key, ecKeys().pem, { mode: 0o600 });
  // What counts is where the secret is, not only where its name is.
  await Deno.symlink(key, link);
  await Deno.chmod(list, 0o646);
  const start = async (mode: number) => {
    await Deno.chmod(open, mode);
    const storageDir = join(folder.path, `data${mode}`);
    await using server = await startServer([`--whitelist-file=${list}`, `--shared-key=${link}`], { storageDir });
    return server.child.lines;
  };
  const lines = await start(0o777);
  assert.deepEqual(fieldsOf(lines, /can change a file that an option names"/, "run"), [`chmod o-w ${list}`]);
  const replace = /can replace a file that an option names, as they may write to a folder above it"/;
  assert.deepEqual(fieldsOf(lines, replace, "folder"), [open]);
  assert.deepEqual(fieldsOf(lines, replace, "options"), ["--shared-key"]);
  assert.deepEqual(fieldsOf(lines, replace, "run"), [`chmod o-w ${open}`]);
  assert.deepEqual(fieldsOf(await start(0o1777), replace, "folder"), []);
});

Deno.test("a running client warns when a file is replaced by one that others can read, at once when it is reloaded", async () => {
  await using folder = await tempFolder();
  const path = await folder.write("token", "any");
  await using client = await startClient([
    ...["--from=http://127.0.0.1:1", "--to=http://127.0.0.1:1", "--id=me", `--to-token-file=${path}`],
  ]);
  const before = client.child.lines.length;
  assert.deepEqual(fieldsOf(client.child.lines, EXPOSED, "option"), []);
  await folder.write("token.new", "other");
  await Deno.chmod(`${path}.new`, 0o604);
  await Deno.rename(`${path}.new`, path);
  client.child.signal("SIGHUP");
  await client.child.line(/msg="Reloaded the configuration"/);
  assert.deepEqual(fieldsOf(client.child.lines.slice(before), EXPOSED, "run"), [`chmod o= ${path}`]);
});

Deno.test("a running server warns when a key is replaced by one that others can read", async () => {
  await using folder = await tempFolder();
  const { cert, key } = await makeCertificate("localhost");
  const path = await folder.write("key", key);
  const flags = [`--tls-crt=${await folder.write("crt", cert)}`, `--tls-key=${path}`];
  await using server = await startServer(flags, { storageDir: join(folder.path, "data") });
  assert.deepEqual(fieldsOf(server.child.lines, EXPOSED, "option"), []);
  await Deno.chmod(path, 0o644);
  await server.child.line(/can read a file that holds a secret" option=--tls-key/);
});

const ARGUMENTS: readonly [task: "server" | "client", flag: string, instead: string][] = [
  ["server", "--authorize-password=s3cret", "--authorize-password-file"],
  ["server", "--authorize=https://me:s3cret@a.test", "--authorize-password-file"],
  ["server", "--authorize=https://s3cret@a.test", "--authorize-password-file"],
  ["server", "--authorize=https://a.test/?api_key=s3cret", "--authorize-password-file"],
  ["server", "--authorize-issuer-url=https://me:s3cret@a.test", "--authorize-password-file"],
  ["client", "--from=http://me:s3cret@127.0.0.1:1", "--from-password-file"],
  ["client", "--from=http://127.0.0.1:1/federate?token=s3cret", "--from-password-file"],
  ["client", "--from-token=s3cret", "--from-token-file"],
  ["client", "--to-token=s3cret", "--to-token-file"],
  ["client", "--to=https://me:s3cret@a.test", "--to-token-file"],
  ["client", "--to-upload=https://me:s3cret@a.test", "--to-token-file"],
  ["client", "--to-auth=https://me:s3cret@a.test", "--to-token-file"],
  ["client", "--anonymize-salt=s3cret", "--anonymize-salt-file"],
  ["client", "--to-proxy=http://me:s3cret@a.test:1", "--to-proxy-password-file"],
  ["client", "--from-proxy=socks5://me:s3cret@a.test:1", "--from-proxy-password-file"],
];

Deno.test("server and client warn of each secret on the command line, by the flag to use instead, without quoting it", async () => {
  await Promise.all(ARGUMENTS.map(async ([task, flag, instead]) => {
    // It is told before anything else is found wrong.
    const wrong = task === "server" ? "--tls-key=/nowhere" : "--match-file=/nowhere";
    const { output } = await runProgram(task, [...NEEDED[task], flag, wrong]);
    const lines = output.split("\n");
    const [option] = flag.split("=");
    assert.deepEqual(fieldsOf(lines, VISIBLE, "option"), [option], `${flag}: ${output}`);
    assert.deepEqual(fieldsOf(lines, VISIBLE, "instead"), [instead], flag);
    assert.doesNotMatch(output, /s3cret/);
  }));
});

Deno.test("every option says what of it is secret, and has a file for what should not be on a command line", () => {
  for (const [program, { options }] of Object.entries<Program<OptionTable>>(PROGRAMS)) {
    for (const [name, row] of Object.entries(options)) {
      const flag = `${program} ${flagOf(name)}`;
      const { kind: { placeholder, hasSecret }, secret, help } = row;
      if (placeholder === "FILE") {
        assert.ok(
          ["file", "key file", "config file", "none"].includes(secret ?? ""),
          `${flag} does not say whether its file is secret`,
        );
      }
      const sounds = /token|key|secret|salt|pass|credential|private/i.test(`${name} ${help}`);
      if (placeholder === "TEXT" && sounds) assert.ok(secret, `${flag} does not say whether it is secret`);
      if (secret !== "value" && (hasSecret === undefined || secret === "none")) continue;
      const file = row.secretFile ?? `${name}File`;
      assert.equal(options[file]?.secret, "file", `${flag} has no file for its secret`);
      assert.equal(options[file].kind.placeholder, "FILE", flag);
    }
  }
  const secrets = (program: Program<OptionTable>) =>
    Object.entries(program.options).filter(([, { secret }]) => secret === "file" || secret === "key file")
      .map(([name]) => flagOf(name)).sort();
  assert.deepEqual(secrets(SERVER_PROGRAM), [...SECRET_FILES.server].sort());
  assert.deepEqual(secrets(CLIENT_PROGRAM), [...SECRET_FILES.client].sort());
});

const CLIENT = ["--from=http://127.0.0.1:1", "--to=https://a.test", "--id=me"];
const SERVER = ["--listen-internal=127.0.0.1:0", "--storage-dir=/proc/none"];
const OPEN: readonly [task: "server" | "client", flags: string[], option: string, env?: Record<string, string>][] = [
  ["server", ["--listen=0.0.0.0:0", ...SERVER], "--listen"],
  ["server", ["--listen=[::]:0", ...SERVER], "--listen"],
  ["server", ["--listen=:0", ...SERVER], "--listen"],
  ["server", ["--listen=127.0.0.1:0", ...SERVER, "--authorize=http://a.test"], "--authorize"],
  ["server", ["--listen=127.0.0.1:0", ...SERVER, "--forward-url=http://a.test"], "--forward-url"],
  [
    "server",
    ["--listen=127.0.0.1:0", ...SERVER, "--authorize=https://a.test", "--authorize-issuer-url=http://a.test"],
    "--authorize-issuer-url",
  ],
  ["client", [...CLIENT, "--to-token-file={token}", "--to=http://a.test"], "--to"],
  ["client", [...CLIENT, "--to-token-file={token}", "--to-auth=http://10.0.0.1"], "--to-auth"],
  ["client", [...CLIENT, "--to-token-file={token}", "--to-upload=http://[2001:db8::1]"], "--to-upload"],
  ["client", [...CLIENT, "--to-token-file={token}", "--from=http://a.test", "--from-token-file={token}"], "--from"],
  ["client", [...CLIENT, "--to-token-file={token}", "--from=http://me:pw@a.test"], "--from"],
  [
    "client",
    [...CLIENT, "--to-token-file={token}", "--to-proxy=http://me@a.test:1", "--to-proxy-password-file={token}"],
    "--to-proxy",
  ],
  ["client", [...CLIENT, "--to-token-file={token}"], "HTTPS_PROXY", { HTTPS_PROXY: "http://me:pw@a.test:1" }],
  ["server", ["--listen=127.0.0.1:0", ...SERVER, "--authorize=https://a.test"], "ALL_PROXY", {
    ALL_PROXY: "socks5://me:pw@a.test:1",
  }],
];

Deno.test("server and client warn of what goes unencrypted, and do not start with it under --require-tls", async () => {
  await using folder = await tempFolder();
  const token = await folder.write("token", "any");
  // What the client finds wrong after that ends it.
  const end = { server: [], client: ["--anonymize-labels=a"] };
  await Promise.all(OPEN.map(async ([task, flags, option, env]) => {
    const args = [...flags, ...end[task]].map((arg) => arg.replace("{token}", token));
    const told = (await runProgram(task, args, { env })).output;
    assert.deepEqual(fieldsOf(told.split("\n"), PLAIN, "option"), [option], told);
    const { code, output } = await runProgram(task, [...args, "--require-tls"], { env });
    const place = output.split("\n").at(-1)!;
    assert.match(
      place,
      new RegExp(`^telemeter-${task}: Cannot use ${option} \\S+ with --require-tls, as .* unencrypted: `),
    );
    assert.doesNotMatch(output, /:pw@/);
    assert.equal(code, 2);
  }));
});

Deno.test("server and client start with --require-tls where everything is encrypted or stays on the machine", async () => {
  await using folder = await tempFolder();
  const { cert, key } = await makeCertificate("localhost");
  const [crt, path] = [await folder.write("crt", cert), await folder.write("key", key)];
  const tls = [`--tls-crt=${crt}`, `--tls-key=${path}`, `--internal-tls-crt=${crt}`, `--internal-tls-key=${path}`];
  const rows = [[], [...tls, "--listen=0.0.0.0:0", "--listen-internal=0.0.0.0:0", "--authorize=https://a.test"]];
  for (const [i, flags] of rows.entries()) {
    const storageDir = join(folder.path, `data${i}`);
    await using server = await startServer(["--require-tls", ...flags], { storageDir });
    assert.deepEqual(server.child.lines.filter((line) => PLAIN.test(line)), []);
  }
  const salt = await folder.write("salt", "0123456789abcdef");
  await using client = await startClient([
    ...["--require-tls", "--from=http://127.0.0.1:1", "--to=http://localhost:1", "--id=me", `--to-token-file=${salt}`],
    ...["--anonymize-labels=a", `--anonymize-salt-file=${salt}`],
  ]);
  assert.deepEqual(client.child.lines.filter((line) => PLAIN.test(line) || line.includes("secret")), []);
});

Deno.test("the server says of a plain internal listener that other machines reach it, and starts under --require-tls", async () => {
  await using folder = await tempFolder();
  const flags = ["--listen-internal=0.0.0.0:0", "--require-tls"];
  await using server = await startServer(flags, { storageDir: join(folder.path, "data") });
  const lines = server.child.lines.filter((line) => PLAIN.test(line));
  assert.deepEqual(fieldsOf(lines, / level=info /, "option"), ["--listen-internal"]);
});

Deno.test("the client warns of a short salt, however it comes, and refuses it under --require-tls", async () => {
  await using folder = await tempFolder();
  const path = await folder.write("salt", "0123456789abcde\n");
  const args = ["--from=http://127.0.0.1:1", "--to=http://127.0.0.1:1", "--id=me", `--to-token-file=${path}`];
  for (const salt of [`--anonymize-salt-file=${path}`, "--anonymize-salt=short"]) {
    const flags = [...args, "--anonymize-labels=a", salt];
    await using client = await startClient(flags);
    const [line] = client.child.lines.filter((line) => /msg="A secret is not as good as it should be"/.test(line));
    assert.match(line, /it="has (15|5) bytes, and should have 16 or more/);
    const { code, output } = await runProgram("client", [...flags, "--require-tls"]);
    assert.match(
      output,
      /^telemeter-client: Bad --anonymize-salt(-file)?: Cannot use the secret: .* has (15|5) bytes/m,
    );
    assert.equal(code, 2);
  }
});

Deno.test("the client takes passwords of user names from files", async () => {
  await using folder = await tempFolder();
  const password = "p:w@/%41 ü";
  const asked = Promise.withResolvers<string | null>();
  await using source = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    asked.resolve(request.headers.get("authorization"));
    return new Response("up 1\n");
  });
  await using _client = await startClient([
    `--from=http://us%40er@127.0.0.1:${source.addr.port}`,
    `--from-password-file=${await folder.write("password", `${password}\n`)}`,
    ...["--to=http://127.0.0.1:1", "--id=me", `--to-token-file=${await folder.write("token", "any")}`],
  ]);
  const wanted = new TextEncoder().encode(`us@er:${password}`).toBase64();
  assert.equal(await asked.promise, `Basic ${wanted}`);
});

Deno.test("certs writes keys that nobody else reads, whatever the umask is, also in place of open ones", async () => {
  await using folder = await tempFolder();
  const dir = join(folder.path, "certs");
  const certs = async (...flags: string[]) => {
    const { path, args, ...command } = taskCommand("certs", ["--name=a", `--dir=${dir}`, ...flags]);
    await using child = new Child({
      ...command,
      path: "/bin/sh",
      args: ["-c", 'umask 0; exec "$@"', "sh", path, ...args],
    });
    assert.equal((await child.exited).code, 0, child.tail());
    const modes = (name: string) => Deno.stat(join(dir, name)).then(({ mode }) => mode! & 0o777);
    assert.deepEqual(await Promise.all(["", "ca.key", "a.key"].map(modes)), [0o700, 0o600, 0o600]);
  };
  await certs();
  await Deno.chmod(join(dir, "a.key"), 0o666);
  await certs("--force");
});
