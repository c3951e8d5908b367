import assert from "node:assert/strict";
import { Sentence } from "../../../common/pages/sentence.tsx";

for (
  const [text, html] of [
    ["add a server, or one with --witness", "add a server, or one with <code>--witness</code>"],
    [
      "raise --limit-series, or set --web.enable-admin-api.",
      "raise <code>--limit-series</code>, or set <code>--web.enable-admin-api</code>.",
    ],
    ["a -- b --<b> ---c", "a -- b --&lt;b&gt; -<code>--c</code>"],
    ["", ""],
  ]
) {
  Deno.test(`Sentence keeps the flags of '${text}' whole`, () => {
    assert.equal(String(<Sentence text={text} />), html);
  });
}
