/**
 * Asks a program in its container whether it lives: exits with 0 if its status page says so, else with 1 and a sentence.
 *
 * @module
 */

const [url] = Deno.args;
try {
  const response = await fetch(url, { signal: AbortSignal.timeout(4_000) });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`It answers with ${response.status}`);
} catch (error) {
  Deno.stderr.writeSync(new TextEncoder().encode(`${url}: ${error instanceof Error ? error.message : error}\n`));
  Deno.exit(1);
}
