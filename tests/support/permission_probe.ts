/**
 * Loaded into a program before its own modules (`deno run --preload`): at SIGUSR2 it tries what an intruder into the
 * running program would try, and writes on standard error what was allowed.
 *
 * @module
 */

const own = new URL(import.meta.url);
const attempts: Readonly<Record<string, () => unknown>> = {
  run: () => new Deno.Command("true").spawn(),
  ffi: () => Deno.dlopen("libc.so.6", {}).close(),
  env: () => Deno.env.get("PATH"),
  sys: () => Deno.hostname(),
  read: () => Deno.readTextFileSync(own),
  write: () => Deno.remove(Deno.makeTempFileSync()),
  net: async () => (await Deno.connect({ hostname: "127.0.0.1", port: 1 })).close(),
  listen: () => Deno.listen({ hostname: "127.0.0.1", port: 0 }).close(),
  ask: async () => {
    const { state } = await Deno.permissions.request({ name: "run" });
    if (state !== "granted") throw new Deno.errors.NotCapable("not given");
  },
};

Deno.addSignalListener("SIGUSR2", async () => {
  const allowed: string[] = [];
  for (const [what, attempt] of Object.entries(attempts)) {
    try {
      await attempt();
      allowed.push(what);
    } catch (error) {
      // Nothing listens on port 1: to be told so, one must have been allowed to ask.
      if (!(error instanceof Deno.errors.NotCapable)) allowed.push(what);
    }
  }
  Deno.stderr.writeSync(new TextEncoder().encode(`probe allowed=${allowed.join(",") || "none"}\n`));
});
