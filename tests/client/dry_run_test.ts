import assert from "node:assert/strict";
import { dryRun } from "../../client/dry_run.ts";
import { CLIENT_PROGRAM } from "../../client/options.ts";
import { loadSettings } from "../../client/settings.ts";
import { parseOptions } from "../support/parse_options.ts";
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
  const parsed = await parseOptions(CLIENT_PROGRAM, [
    ...["--from", `${prometheus.url}?secret=query`, "--to", server.url, "--id", "me", "--to-token", "initial"],
    ...["--label", "zone=a", "--anonymize-labels", "pod", "--anonymize-salt", "salt", "--dry-run"],
  ]);
  assert.ok("values" in parsed);
  using settings = await loadSettings(parsed.values, { log: recordingLog().log, now: () => NOW });
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
# dropped 1 sample by rule timestamp (the sample has no timestamp, or one that is none)
# dropped 1 sample by dedupe (series comes again later)
# labels from the token exchange would be set on every sample
# what would not be sent, by metric and rule:
#   alerts: 1 sample by rule timestamp (the sample has no timestamp, or one that is none): read a Prometheus's /federate, whose samples have one
#   alerts: 1 sample by dedupe (series comes again later): rules have made several series one: label them apart, or drop what is not wanted
# series and bytes by metric, the largest first:
#   alerts: 2 series, 115 bytes
#   in all: 2 series, 115 bytes, 102 when they are compressed
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
      const parsed = await parseOptions(CLIENT_PROGRAM, ["--from", prometheus.url, "--dry-run", ...args]);
      assert.ok("values" in parsed);
      using settings = await loadSettings(parsed.values, { log: recordingLog().log, now: () => NOW });
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

/** What a dry run says of a page of text behind the samples. */
async function reportOf(page: string, ...args: string[]): Promise<string[]> {
  await using prometheus = new SourcePrometheus();
  prometheus.fault = () => new Response(page, { headers: { "content-type": "text/plain; version=0.0.4" } });
  const parsed = await parseOptions(CLIENT_PROGRAM, ["--from", prometheus.url, "--dry-run", ...args]);
  assert.ok("values" in parsed);
  using settings = await loadSettings(parsed.values, { log: recordingLog().log, now: () => NOW });
  const text = await dryRun(settings, { signal: new AbortController().signal, now: () => NOW });
  return text.split("\n").filter((line) => line.startsWith("#") && !line.startsWith("# TYPE"));
}

Deno.test("dryRun() tells of each metric what would not be sent, by which rule, why, and what mends it", async () => {
  const lines = await reportOf(`up 1 ${NOW}
ahead{a="1"} 1 ${NOW + 660_000}
ahead{a="2"} 1 ${NOW + 660_000}
old 1 ${NOW - 90_000_000}
api.rq 1 ${NOW}
# TYPE h histogram
h_bucket{le="+Inf"} 10 ${NOW}
h_count 9 ${NOW}
`);
  assert.match(lines[0], /^# dry run: nothing was sent; of 6 samples from \S+, 1 would be pushed$/);
  assert.deepEqual(lines.slice(lines.findIndex((line) => line.startsWith("# what")), -3), [
    "# what would not be sent, by metric and rule:",
    "#   ahead: 2 samples by rule too_new (the sample is ahead of the clock): the sample is more than 10m ahead of the clock; set the clock of the source, or raise --limit-future on the server",
    "#   api.rq: 1 sample by rule family_name (a metric has no name, or one that is longer than 255 bytes, is not UTF-8 or lacks its quotes): the name api.rq of a metric must stand in quotes, within braces, in line 5 of the page; rename it in the exporter or with metric_relabel_configs",
    "#   h: 1 sample by rule histogram (the histogram lacks its count or a bound, or its buckets do not ascend, are not cumulative, or contradict the count): its last bucket has 10 observations where it counts 9, in line 7 of the page; mend the exporter",
    "#   old: 1 sample by rule too_old (the sample is too old): the sample is more than 24h old; set the clock of the source, or look why it scrapes no more",
  ]);
});

Deno.test("dryRun() tells how many series and bytes the largest metrics have, and all of them together", async () => {
  const page = Array.from({ length: 22 }, (_, i) => `m${i}{a="${"v".repeat(i)}"} 1 ${NOW}\n`).join("") +
    `# TYPE h histogram\nh_bucket{le="1"} 1 ${NOW}\nh_count 1 ${NOW}\nh_sum 1 ${NOW}\n`;
  const lines = await reportOf(page);
  const at = lines.indexOf("# series and bytes by metric, the 20 largest of 23:");
  const sizes = lines.slice(at + 1, -1);
  assert.equal(sizes.length, 20);
  // A histogram has a line for its bucket +Inf, which the page leaves out.
  assert.ok(sizes.some((line) => /^# {3}h: 4 series, \d+ bytes$/.test(line)), sizes.join("\n"));
  const bytes = sizes.map((line) => Number(/ (\d+) bytes$/.exec(line)![1]));
  assert.deepEqual(bytes, bytes.toSorted((a, b) => b - a));
  assert.match(lines.at(-1)!, /^# {3}in all: 26 series, \d+ bytes, \d+ when they are compressed$/);
});

Deno.test("dryRun() warns of labels that may hold what should not leave, without saying what they hold, unless they are hashed", async () => {
  const page =
    `a{mail="jane@example.org",peer="10.1.2.3:9090",zone="a"} 1 ${NOW}\nb{mail="joe@example.org"} 1 ${NOW}\n`;
  const about = (lines: readonly string[]) =>
    lines.slice(lines.findIndex((line) => line.startsWith("# labels that may")));
  const lines = await reportOf(page);
  assert.deepEqual(about(lines), [
    "# labels that may hold what should not leave, unless --anonymize-labels hashes them:",
    "#   mail: 2 samples of 2 metrics (a, b): its name is that of an e-mail address, values look like e-mail addresses",
    "#   peer: 1 sample of 1 metric (a): values look like IPv4 addresses",
  ]);
  const hashed = await reportOf(page, "--anonymize-labels", "mail,peer", "--anonymize-salt", "salt");
  assert.ok(!hashed.some((line) => line.startsWith("# labels that may")), hashed.join("\n"));
});
