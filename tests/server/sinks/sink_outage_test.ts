/** A sink that is down for ten minutes, by a clock that the test moves: what that costs, and what comes then. */

import assert from "node:assert/strict";
import { install } from "@sinonjs/fake-timers";
import { createRegistry } from "../../../common/metrics.ts";
import { RepeatLog } from "../../../common/repeat_log.ts";
import { SinkMetrics } from "../../../server/sinks/sink_metrics.ts";
import type { SendRequest, SinkAnswer } from "../../../server/sinks/sink.ts";
import { Sinks } from "../../../server/sinks/sinks.ts";
import { recordingLog } from "../../support/recording_log.ts";
import { MetaStore, SinksSite, TTL_MS } from "../../support/sinks_site.ts";
import { decodeWriteRequest } from "../../support/write_request_oracle.ts";

Deno.test.sanitizer({ ops: true, resources: true });

const CLUSTERS = 50, ROUND_MS = 30_000, DOWN_MS = 600_000;

for (
  const [how, withinSeconds, fails] of [
    ["refuses connections", 30, () => Promise.reject(new TypeError("connection refused"))],
    ["answers 503", 30, () => Promise.resolve({ response: new Response(null, { status: 503 }), said: "not now" })],
    [
      "does not answer",
      // The request that it leaves without an answer, and a backoff.
      47,
      ({ signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
    ],
  ] as const satisfies readonly (readonly [
    string,
    number,
    (options: Parameters<SendRequest>[1]) => Promise<SinkAnswer>,
  ])[]
) {
  Deno.test(`Sinks keep of each cluster the newest while a sink ${how} for ten minutes, and bring it within ${withinSeconds} s`, async () => {
    const clock = install({
      now: Date.now(),
      toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance", "Date"],
    });
    try {
      let isDown = false, requests = 0;
      const newest = new Map<string, number>();
      const site = new SinksSite();
      const { log } = recordingLog();
      await using sinks = await Sinks.open({
        places: [{
          name: "sink",
          send: (body, options) => {
            requests++;
            if (isDown) return fails(options);
            const series = decodeWriteRequest(body, options.version);
            for (const { labels, samples: [{ value }] } of series) {
              if (value !== "stale") newest.set(labels.find(([name]) => name === "_id")![1], value);
            }
            const headers = { "x-prometheus-remote-write-samples-written": String(series.length) };
            return Promise.resolve({ response: new Response(null, { status: 204, headers }), said: "" });
          },
        }],
        index: site.index,
        store: new MetaStore(),
        ttlMs: TTL_MS,
        metrics: new SinkMetrics(createRegistry()),
        losses: new RepeatLog(log, { level: "warn" }),
      });
      sinks.start();
      let round = 0;
      const pushAll = () => {
        round++;
        for (let i = 0; i < CLUSTERS; i++) site.push(`cluster-${i}`, [`x{} ${round}`], { receivedAtMs: Date.now() });
      };
      const haveAll = () => newest.size === CLUSTERS && newest.values().every((value) => value === round);
      pushAll();
      await clock.tickAsync(ROUND_MS);
      assert.ok(haveAll());

      isDown = true;
      requests = 0;
      for (let passed = 0; passed < DOWN_MS; passed += ROUND_MS) {
        pushAll();
        await clock.tickAsync(ROUND_MS);
        assert.equal(sinks.report()[0].waiting, CLUSTERS);
      }
      assert.equal(sinks.report()[0].state, "failing");
      assert.ok(requests <= 2 * DOWN_MS / 1_000, `${requests} requests to a sink that is down`);
      const [{ conflated, lagSeconds }] = sinks.report();
      assert.equal(conflated, CLUSTERS * (DOWN_MS / ROUND_MS - 1));
      assert.ok(lagSeconds >= (DOWN_MS - ROUND_MS) / 1_000);

      isDown = false;
      await clock.tickAsync(1_000 * withinSeconds);
      assert.ok(haveAll(), `${newest.size} of ${CLUSTERS}, in round ${round}`);
      assert.equal(sinks.report()[0].waiting, 0);
    } finally {
      clock.uninstall();
    }
  });
}
