import assert from "node:assert/strict";
import { keyHash, Rendezvous } from "../../../../ring/placement/rendezvous.ts";
import {
  centralConfig,
  centralDialect,
  CENTRALS,
  SOURCE_DIALECT,
  sourceConfig,
  WAYS,
} from "../../../../scripts/integration/same_answers/chain_plan.ts";

const RING = WAYS.find(({ servers }) => servers.length > 1)!;

Deno.test("WAYS has a cluster that belongs to the server of the ring that its client does not push to", () => {
  const ring = new Rendezvous(RING.servers.map((name) => ({ name, host: "127.0.0.1" })));
  assert.equal(ring.owner(keyHash(RING.id)), RING.servers[1]);
});

Deno.test("CENTRALS has each release in protobuf and in text", () => {
  const forms = CENTRALS.flatMap(({ release, forms }) => forms.map(({ name, names }) => [release, name, names]));
  assert.deepEqual(forms, [
    ["3.5", "protobuf", "utf-8"],
    ["3.5", "text", "utf-8"],
    ["2.42", "protobuf", "underscores"],
    ["2.42", "text", "underscores"],
  ]);
});

for (
  const [name, matchers, atSource, inUtf8, withUnderscores] of [
    ["up", undefined, "up{T}", "up{T,W}", "up{T,W}"],
    ["up", 'a="b"', 'up{T,a="b"}', 'up{T,W,a="b"}', 'up{T,W,a="b"}'],
    ["a.b", undefined, '{"a.b",T}', '{"a.b",T,W}', "a_b{T,W}"],
    ["größe/€", 'c="d"', '{"größe/€",T,c="d"}', '{"größe/€",T,W,c="d"}', 'gr__e__{T,W,c="d"}'],
    ["9lives", undefined, '{"9lives",T}', '{"9lives",T,W}', "_lives{T,W}"],
  ] as const
) {
  Deno.test(`a dialect selects ${name}${matchers === undefined ? "" : ` with ${matchers}`}`, () => {
    const [utf8, underscores] = (["utf-8", "underscores"] as const).map((names) =>
      centralDialect({ way: RING, form: { name: "text", names } })
    );
    const whole = (text: string) =>
      text.replace("T", 'trial="same-answers"').replace("W", `_id="${RING.id}",via="text"`);
    assert.equal(SOURCE_DIALECT.series(name, matchers), whole(atSource));
    assert.equal(utf8.series(name, matchers), whole(inUtf8));
    assert.equal(underscores.series(name, matchers), whole(withUnderscores));
  });
}

Deno.test("a dialect quotes the names of labels only where it must", () => {
  const { label } = centralDialect({ way: RING, form: { name: "text", names: "underscores" } });
  assert.deepEqual(["a", "a.b"].map(SOURCE_DIALECT.label), ["a", '"a.b"']);
  assert.deepEqual(["a", "a.b"].map(label), ["a", "a_b"]);
});

Deno.test("sourceConfig() scrapes each page of the exposer with its own setting", () => {
  const { scrape_configs } = JSON.parse(sourceConfig({ exposer: "127.0.0.1:1" })["prometheus.yml"]);
  const settings = scrape_configs.map(({ metrics_path: path, ...job }: Record<string, unknown>) => [
    path,
    job.always_scrape_classic_histograms ?? false,
    job.convert_classic_histograms_to_nhcb ?? false,
  ]);
  assert.deepEqual(settings, [["/plain", false, false], ["/both", true, false], ["/custom", false, true]]);
});

Deno.test("centralConfig() reads every server in each form, and gives a release only the settings that it knows", () => {
  for (const { release, forms } of CENTRALS) {
    const config = JSON.parse(centralConfig({ forms, servers: ["127.0.0.1:1", "127.0.0.1:2"] })["prometheus.yml"]);
    assert.equal(config.scrape_configs.length, forms.length);
    for (const { static_configs, honor_labels, scrape_protocols } of config.scrape_configs) {
      assert.deepEqual(static_configs, [{ targets: ["127.0.0.1:1", "127.0.0.1:2"] }]);
      assert.equal(honor_labels, true);
      assert.equal(scrape_protocols === undefined, release === "2.42");
    }
  }
});
