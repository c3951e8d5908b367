import assert from "node:assert/strict";
import { dryRun } from "../../client/dry_run.ts";
import { CLIENT_PROGRAM } from "../../client/options.ts";
import { loadSettings } from "../../client/settings.ts";
import { parseOptions } from "../../common/options.ts";
import { CertificateAuthority } from "../support/certificate_authority.ts";
import { recordingLog } from "../support/recording_log.ts";
import { SourcePrometheus } from "../support/source_prometheus.ts";
import { TelemeterServer } from "../support/telemeter_server.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const NOW = 1_700_000_000_000;

Deno.test("dryRun() shows what would leave and what each rule did, and sends nothing", async () => {
  await using prometheus = new SourcePrometheus();
  await using server = new TelemeterServer();
  const labels = (pod: string) => [{ name: "pod", value: pod }, { name: "long", value: "x".repeat(256) }];
  prometheus.up({
    name: "ALERTS",
    type: "untyped",
    metrics: [
      { labels: labels("value"), value: 1, timestampMs: NOW },
      { labels: labels("value"), value: 2, timestampMs: NOW },
      { labels: labels("kube-system"), value: 3, timestampMs: NOW },
      { labels: labels("kube-system"), value: 4 },
    ],
  });
  const parsed = parseOptions(CLIENT_PROGRAM, [
    ...["--from", `${prometheus.url}?secret=query`, "--to", server.url, "--id", "me", "--to-token", "initial"],
    ...["--label", "zone=a", "--anonymize-labels", "pod", "--anonymize-salt", "salt", "--dry-run"],
  ]);
  assert.ok("values" in parsed);
  const settings = await loadSettings(parsed.values, { log: recordingLog().log, now: () => NOW });
  const page = await dryRun(settings, { signal: new AbortController().signal, now: () => NOW });
  assert.equal(
    page,
    `# TYPE alerts untyped
alerts{pod="1DCh2jCv4anQ",zone="a"} 2 ${NOW}
alerts{pod="m0Gh0iMBR5Zq",zone="a"} 3 ${NOW}
# dry run: nothing was sent; of 4 samples from ${prometheus.url}/federate, 2 would be pushed to ${server.url}/upload
# labelled 4 samples by --label zone
# renamed 4 samples by --rename ALERTS=alerts
# truncated 4 labels by remove long labels (without a name or over 255 bytes)
# anonymized 4 values by --anonymize-labels pod
# dropped 1 samples by rule timestamp (the sample has no timestamp)
# dropped 1 samples by dedupe (series comes again later)
# labels from the token exchange would be set on every sample
`,
  );
  assert.deepEqual(server.asked, []);
});

Deno.test("dryRun() reads over TLS with --from-ca-file, token in hand, and refuses what another authority signed", async () => {
  const authority = await CertificateAuthority.create();
  const directory = await Deno.makeTempDir();
  try {
    await using prometheus = new SourcePrometheus(await authority.issue("prometheus"));
    prometheus.token = "t0ken";
    prometheus.up({ name: "up", type: "gauge", metrics: [{ labels: [], value: 1, timestampMs: NOW }] });
    await Deno.writeTextFile(`${directory}/ca`, authority.cert);
    await Deno.writeTextFile(`${directory}/token`, "t0ken\n", { mode: 0o600 });
    const run = async (...args: string[]) => {
      const parsed = parseOptions(CLIENT_PROGRAM, ["--from", prometheus.url, "--dry-run", ...args]);
      assert.ok("values" in parsed);
      const settings = await loadSettings(parsed.values, { log: recordingLog().log, now: () => NOW });
      return await dryRun(settings, { signal: new AbortController().signal, now: () => NOW });
    };
    const token = ["--from-token-file", `${directory}/token`];
    assert.match(
      await run(...token, "--from-ca-file", `${directory}/ca`),
      /^# TYPE up gauge\nup 1 1700000000000\n# dry run: /,
    );
    await assert.rejects(run(...token), {
      message:
        /^Cannot scrape https:\/\/127\.0\.0\.1:\d+\/federate: its certificate comes from an authority that is not known here: give that authority in --from-ca-file$/,
    });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
