/** The overlays in `deploy/kubernetes/`, built by Kustomize, held against the schemas of Kubernetes and the flags of the programs. */

import assert from "node:assert/strict";
import { parseAllDocuments } from "yaml";
import { CLIENT_PROGRAM } from "../../client/options.ts";
import { type OptionTable, type Program } from "../../common/options.ts";
import { parseOptions } from "../support/parse_options.ts";
import { SERVER_PROGRAM } from "../../server/options.ts";
import { faultsBySchema } from "../support/schemas.ts";
import { firstTool, runTool } from "../support/tool.ts";

const OVERLAYS = new URL("../../deploy/kubernetes/overlays/", import.meta.url);

/** As much of an object as the tests look at. */
interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Record<string, string> };
  readonly data?: Readonly<Record<string, string>>;
  // deno-lint-ignore no-explicit-any
  readonly spec?: any;
}

/** What builds them: Kustomize alone or as a part of kubectl. */
const TOOLS = [{ path: "kubectl", args: ["kustomize"] }, { path: "kustomize", args: ["build"] }];
const tool = await firstTool(TOOLS, { checks: "what Kubernetes gets of deploy/kubernetes/" });
const ignore = tool === undefined;

async function build(overlay: string): Promise<KubernetesObject[]> {
  const { path, args } = tool!;
  const outcome = await runTool(path, [...args, new URL(overlay, OVERLAYS).pathname]);
  assert.ok(outcome.success, outcome.output);
  return parseAllDocuments(outcome.stdout).map((document) => document.toJS());
}

function only(objects: readonly KubernetesObject[], kind: string, name?: string): KubernetesObject {
  const found = objects.filter((object) =>
    object.kind === kind && (name === undefined || object.metadata.name === name)
  );
  assert.equal(found.length, 1, `${kind} ${name ?? ""}`);
  return found[0];
}

/** The arguments of a container as the kubelet fills them in. */
function argumentsOf(container: KubernetesObject["spec"], variables: Readonly<Record<string, string>>): string[] {
  return container.args.map((arg: string) =>
    arg.replaceAll(/\$\((\w+)\)/g, (_, name: string) => {
      assert.ok(name in variables, `${arg}: nothing sets ${name}`);
      return variables[name];
    })
  );
}

async function parse<Table extends OptionTable>(program: Program<Table>, args: readonly string[]) {
  const parsed = await parseOptions(program, args);
  assert.ok("values" in parsed);
  return parsed.values;
}

Deno.test("faultsBySchema() finds a field that there is not, one that is missing, and one of the wrong type", async () => {
  const meta = { apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata: { name: "a" } };
  const objects = [
    { ...meta, spec: { maxUnavailable: 1, selectors: {} } },
    { ...meta, spec: { maxUnavailable: 1, selector: [] } },
    { apiVersion: "apps/v1", kind: "StatefulSet", metadata: { name: "a" }, spec: { serviceName: "a" } },
    { apiVersion: "v2", kind: "Pod", metadata: { name: "a" } },
  ];
  const faults = await faultsBySchema({ kubernetes: objects });
  assert.deepEqual(faults.map((fault) => fault.replace(/,.*/, "")), [
    "policy/v1 PodDisruptionBudget a: there is no field /spec/selectors",
    "policy/v1 PodDisruptionBudget a: data/spec/selector must be object",
    "apps/v1 StatefulSet a: data/spec must have required property selector",
    "v2 Pod a: there is no schema of it",
  ]);
});

for (const overlay of ["server", "ring", "client"]) {
  Deno.test(`the overlay ${overlay} is made of objects that Kubernetes takes`, { ignore }, async () => {
    assert.deepEqual(await faultsBySchema({ kubernetes: await build(overlay) }), []);
  });

  Deno.test(`the overlay ${overlay} runs under the restricted pod security standard, with a root that is not written`, {
    ignore,
  }, async () => {
    const workload = (await build(overlay)).find(({ kind }) => ["Deployment", "StatefulSet"].includes(kind))!;
    const pod = workload.spec.template.spec;
    assert.equal(pod.securityContext.runAsNonRoot, true);
    assert.deepEqual(pod.securityContext.seccompProfile, { type: "RuntimeDefault" });
    for (const part of ["hostNetwork", "hostPID", "hostIPC"]) assert.equal(pod[part], undefined);
    assert.equal(pod.automountServiceAccountToken, false);
    const allowed = new Set(["configMap", "projected", "secret"]);
    for (const { name, ...source } of pod.volumes) {
      assert.deepEqual(Object.keys(source).filter((kind) => !allowed.has(kind)), [], name);
    }
    for (const { securityContext, resources } of pod.containers) {
      assert.deepEqual(securityContext, {
        allowPrivilegeEscalation: false,
        capabilities: { drop: ["ALL"] },
        readOnlyRootFilesystem: true,
      });
      assert.ok(resources.limits.memory);
    }
  });

  Deno.test(
    `the overlay ${overlay} has secrets mounted for the container's group alone, and carries none`,
    { ignore },
    async () => {
      const objects = await build(overlay);
      assert.deepEqual(objects.filter(({ kind }) => kind === "Secret"), []);
      const { volumes } = objects.find(({ kind }) => ["Deployment", "StatefulSet"].includes(kind))!.spec.template.spec;
      const secret = volumes.map((volume: KubernetesObject["spec"]) => volume.secret ?? volume.projected).filter(
        Boolean,
      );
      assert.ok(secret.length > 0);
      for (const { defaultMode } of secret) assert.equal(defaultMode, 0o440);
    },
  );

  Deno.test(`the overlay ${overlay} mounts each file that its program is told to read`, { ignore }, async () => {
    const { spec } = (await build(overlay)).find(({ kind }) => ["Deployment", "StatefulSet"].includes(kind))!;
    const [container] = spec.template.spec.containers;
    const mounts: string[] = container.volumeMounts.map(({ mountPath }: { mountPath: string }) => mountPath);
    const files = container.args.map((arg: string) => /=(\/.*)$/.exec(arg)?.[1]).filter(Boolean);
    assert.ok(files.length > 3);
    for (const file of files) assert.ok(mounts.some((path) => file.startsWith(`${path}/`)), file);
    const names = new Set(
      [...spec.template.spec.volumes, ...spec.volumeClaimTemplates ?? []].map((volume) =>
        volume.name ?? volume.metadata.name
      ),
    );
    for (const { name } of container.volumeMounts) assert.ok(names.has(name), name);
  });
}

for (const overlay of ["server", "ring"]) {
  Deno.test(
    `the overlay ${overlay} starts the server with flags that it has, TLS on, and time to drain`,
    { ignore },
    async () => {
      const objects = await build(overlay);
      const { spec } = only(objects, "StatefulSet").spec.template;
      const [container] = spec.containers;
      const args = argumentsOf(container, {
        AUTHORIZE: "",
        TOKENS_FILE: "/etc/telemeter/tokens/tokens",
        POD_NAME: "telemeter-server-1",
        POD_NAMESPACE: "telemeter",
      });
      const values = await parse(SERVER_PROGRAM, args);
      assert.ok(values.requireTls && values.tlsCrt && values.internalTlsCrt && values.sharedKey);
      // What is mounted is for the group to write: a folder in it is the server's own.
      assert.equal(values.storageDir, "/data/store");
      assert.ok(spec.terminationGracePeriodSeconds >= 30 + Number(container.lifecycle.preStop.exec.command[1]));
      assert.equal(container.readinessProbe.httpGet.path, "/healthz/ready");
      const ports = new Map(container.ports.map((port: { name: string; containerPort: number }) => [
        port.name,
        port.containerPort,
      ]));
      assert.equal(ports.get("external"), values.listen.port);
      assert.equal(ports.get("internal"), values.listenInternal.port);
      assert.equal(only(objects, "Namespace").metadata.labels?.["pod-security.kubernetes.io/enforce"], "restricted");
    },
  );

  Deno.test(`the overlay ${overlay} does not start before it is said who may push`, { ignore }, async () => {
    const { data } = (await build(overlay)).find(({ kind, metadata }) =>
      kind === "ConfigMap" && metadata.name.startsWith("telemeter-server-")
    )!;
    const { spec } = only(await build(overlay), "StatefulSet").spec.template;
    const args = (given: Record<string, string>) =>
      argumentsOf(spec.containers[0], {
        ...data,
        ...given,
        POD_NAME: "telemeter-server-1",
        POD_NAMESPACE: "telemeter",
      });
    await assert.rejects(parse(SERVER_PROGRAM, args({})), /Bad --authorize/);
    const { authorize } = await parse(SERVER_PROGRAM, args({ AUTHORIZE: "https://authorizer.example/" }));
    assert.equal(authorize?.href, "https://authorizer.example/");
    const { tokensFile } = await parse(SERVER_PROGRAM, args({ TOKENS_FILE: "/etc/telemeter/tokens/tokens" }));
    assert.ok(
      spec.containers[0].volumeMounts.some(({ mountPath }: { mountPath: string }) =>
        tokensFile?.startsWith(`${mountPath}/`)
      ),
    );
  });
}

Deno.test("the overlay ring gives each member the name that the others call it by, in its certificate alone", {
  ignore,
}, async () => {
  const objects = await build("ring");
  const set = only(objects, "StatefulSet");
  const { replicas, serviceName, template: { spec } } = set.spec;
  const members = Array.from({ length: replicas }, (_, i) => `${set.metadata.name}-${i}`);
  const addresses = members.map((name) => ({
    hostname: `${name}.${serviceName}.${set.metadata.namespace}.svc`,
    port: 9005,
  }));
  const files = spec.volumes.find(({ name }: { name: string }) => name === "ring").projected.sources;
  for (const [i, name] of members.entries()) {
    const values = await parse(
      SERVER_PROGRAM,
      argumentsOf(spec.containers[0], {
        AUTHORIZE: "",
        TOKENS_FILE: "/etc/telemeter/tokens/tokens",
        POD_NAME: name,
        POD_NAMESPACE: set.metadata.namespace!,
      }),
    );
    assert.equal(values.name, name);
    assert.deepEqual(values.advertiseCluster, addresses[i]);
    assert.deepEqual(values.join, addresses);
    assert.deepEqual(values.peerAllow, members);
    assert.equal(values.clusterCrt, `/etc/telemeter/ring/${name}/tls.crt`);
    const certificate = only(objects, "Certificate", `${name}-ring`);
    assert.deepEqual(certificate.spec.dnsNames, [name]);
    const source = files.find(({ secret }: KubernetesObject["spec"]) => secret.name === certificate.spec.secretName);
    const paths: string[] = source.secret.items.map(({ path }: { path: string }) => path);
    assert.ok(paths.includes(`${name}/tls.crt`) && paths.includes(`${name}/tls.key`), paths.join());
  }
});

Deno.test("the overlay ring lets members meet before they are ready, start together, and leave one at a time", {
  ignore,
}, async () => {
  const objects = await build("ring");
  const set = only(objects, "StatefulSet");
  assert.equal(set.spec.podManagementPolicy, "Parallel");
  const service = only(objects, "Service", set.spec.serviceName);
  assert.equal(service.spec.clusterIP, "None");
  assert.equal(service.spec.publishNotReadyAddresses, true);
  const labels = set.spec.template.metadata.labels;
  assert.deepEqual(labels, { ...labels, ...service.spec.selector });
  const budget = only(objects, "PodDisruptionBudget");
  assert.equal(budget.spec.maxUnavailable, 1);
  assert.deepEqual(labels, { ...labels, ...budget.spec.selector.matchLabels });
  const [{ topologyKey }] = set.spec.template.spec.affinity.podAntiAffinity
    .requiredDuringSchedulingIgnoredDuringExecution;
  assert.equal(topologyKey, "kubernetes.io/hostname");
  assert.deepEqual(only(objects, "NetworkPolicy", "telemeter-ring").spec.ingress[0].from, [{
    podSelector: { matchLabels: set.spec.selector.matchLabels },
  }]);
});

Deno.test("the overlay client reads OpenShift's Prometheus with its own account, and pushes with flags that it has", {
  ignore,
}, async () => {
  const objects = await build("client");
  const { spec } = only(objects, "Deployment");
  const { data } = objects.find(({ kind, data }) => kind === "ConfigMap" && data?.FROM !== undefined)!;
  assert.equal(spec.replicas, 1);
  const values = await parse(
    CLIENT_PROGRAM,
    argumentsOf(spec.template.spec.containers[0], { ...data, ID: "my-cluster" }),
  );
  assert.equal(values.from.href, "https://prometheus-k8s.openshift-monitoring.svc:9091/");
  assert.ok(values.requireTls && values.fromTokenFile && values.fromCaFile && values.toTokenFile);
  assert.ok(values.anonymizeSaltFile && values.matchFile);
  for (const part of ["runAsUser", "runAsGroup", "fsGroup"]) {
    assert.equal(spec.template.spec.securityContext[part], undefined, "OpenShift chooses it");
  }
});
