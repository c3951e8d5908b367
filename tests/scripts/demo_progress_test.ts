import assert from "node:assert/strict";
import { stillWaiting } from "../../scripts/demo_progress.ts";

Deno.test("stillWaiting() says what is waited for and that nothing has failed, with the client's last line if there is one", () => {
  assert.equal(
    stillWaiting({ seconds: "11.1", lastLine: "Forwarded" }),
    "Still waiting after 11.1 s, which is usual on a busy machine: the client is to read and push, and Prometheus to scrape the " +
      "server that shows it. The client's last line: Forwarded",
  );
  assert.doesNotMatch(stillWaiting({ seconds: "5.0", lastLine: undefined }), /None|last line|undefined/);
});
