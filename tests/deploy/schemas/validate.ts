/**
 * Holds what stands on standard input against the schemas of other makers: `{"kubernetes": [objects]}` or `{"cyclonedx": bill}`.
 * Prints the faults as a list in JSON.
 *
 * It has a configuration and a lock of its own, so that those who run Telemeter need not fetch the schemas.
 *
 * @module
 */

import { Spec, Validation } from "@cyclonedx/cyclonedx-library";
import { Certificate } from "@kubernetes-models/cert-manager/cert-manager.io/v1/Certificate";
import { Issuer } from "@kubernetes-models/cert-manager/cert-manager.io/v1/Issuer";
import { Deployment } from "kubernetes-models/apps/v1/Deployment";
import { StatefulSet } from "kubernetes-models/apps/v1/StatefulSet";
import { NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1/NetworkPolicy";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1/PodDisruptionBudget";
import { ClusterRoleBinding } from "kubernetes-models/rbac.authorization.k8s.io/v1/ClusterRoleBinding";
import { ConfigMap } from "kubernetes-models/v1/ConfigMap";
import { Namespace } from "kubernetes-models/v1/Namespace";
import { Service } from "kubernetes-models/v1/Service";
import { ServiceAccount } from "kubernetes-models/v1/ServiceAccount";
import { observe } from "./read_fields.ts";

/** A class that checks its objects. */
interface Model {
  readonly prototype: { validate(): void };
}

/** As much of an object as is needed to find its schema. */
interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

const MODELS: Readonly<Record<string, Model>> = {
  "apps/v1 Deployment": Deployment,
  "apps/v1 StatefulSet": StatefulSet,
  "cert-manager.io/v1 Certificate": Certificate,
  "cert-manager.io/v1 Issuer": Issuer,
  "networking.k8s.io/v1 NetworkPolicy": NetworkPolicy,
  "policy/v1 PodDisruptionBudget": PodDisruptionBudget,
  "rbac.authorization.k8s.io/v1 ClusterRoleBinding": ClusterRoleBinding,
  "v1 ConfigMap": ConfigMap,
  "v1 Namespace": Namespace,
  "v1 Service": Service,
  "v1 ServiceAccount": ServiceAccount,
};

function faultsOfObject(object: KubernetesObject): string[] {
  const kind = `${object.apiVersion} ${object.kind}`;
  const name = `${kind} ${object.metadata.name}`;
  if (!Object.hasOwn(MODELS, kind)) return [`${name}: there is no schema of it`];
  const observed = observe(object);
  try {
    MODELS[kind].prototype.validate.call(observed.object);
  } catch (error) {
    return [`${name}: ${error instanceof Error ? error.message : error}`];
  }
  // A schema says nothing of fields that it does not know, and does not look at them either.
  return observed.unread().map((path) => `${name}: there is no field ${path}`);
}

async function faultsOfBill(bill: unknown): Promise<string[]> {
  const faults = await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(JSON.stringify(bill));
  return faults === null ? [] : [JSON.stringify(faults)];
}

const input: { readonly kubernetes?: readonly KubernetesObject[]; readonly cyclonedx?: unknown } = await new Response(
  Deno.stdin.readable,
).json();
const { kubernetes = [], cyclonedx } = input;
const faults = [...kubernetes.flatMap(faultsOfObject), ...cyclonedx === undefined ? [] : await faultsOfBill(cyclonedx)];
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(faults)));
