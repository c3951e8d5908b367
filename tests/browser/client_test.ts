/** The page of a real client, in a real browser. */

import assert from "node:assert/strict";
import { assertAccessible, assertFits, browserTest } from "../support/browser.ts";
import { startClient } from "../support/programs.ts";
import { SourcePrometheus } from "../support/source_prometheus.ts";
import { TelemeterServer } from "../support/telemeter_server.ts";

browserTest(
  "a client that may read no file any more shows what it pushes, why it cannot, and no secret",
  async (browser) => {
    await using prometheus = new SourcePrometheus();
    await using server = new TelemeterServer();
    const labels = ["somebody", "<b>"].map((value) => [{ name: "user", value }]);
    const metrics = labels.map((labels) => ({ labels, value: 1, timestampMs: Date.now() }));
    prometheus.up({ name: "up", type: "untyped", metrics });
    const to = [`--from=${prometheus.url}`, `--to=${server.url}`, "--id=me", "--to-token=initial", "--interval=1s"];
    await using client = await startClient(to);
    await client.child.line(/ msg=Pushed /);
    for (const [width, colorScheme] of [[1_400, "light"], [1_400, "dark"], [360, "light"], [360, "dark"]] as const) {
      await using tab = await browser.open(client.url.href, { viewport: { width, height: 900 }, colorScheme });
      const { page, faults } = tab;
      for (const view of ["", "settings"]) {
        await page.goto(client.url.href + view);
        await assertFits(page, view);
        await assertAccessible(page, view);
        assert.doesNotMatch(await page.textContent("body") ?? "", /initial|somebody/);
      }
      assert.deepEqual(faults, []);
    }
    await using tab = await browser.open(client.url.href, { javaScriptEnabled: false });
    await tab.page.goto(client.url.href);
    assert.match(await tab.page.textContent("main") ?? "", /user: its name is that of a person/);
    server.tokens.clear();
    server.revoke();
    await client.child.line(/ msg="Cannot forward/);
    await tab.page.reload();
    assert.match(await tab.page.textContent("main") ?? "", /failing.*forward.*failed\. .*it answered 401/);
    assert.deepEqual(tab.faults, []);
  },
);
