/**
 * Machines that are broken on purpose, each in one way that the simulator must find.
 *
 * @module
 */

import type { Effect, RingEvent } from "../../ring/protocol/effects.ts";
import { AntiEntropy } from "../../ring/transfer/anti_entropy.ts";
import { TransferPlan } from "../../ring/transfer/transfer_plan.ts";
import { MemberTable } from "../../ring/membership/member_table.ts";
import { Membership } from "../../ring/membership/membership.ts";
import { ViewConfirmation } from "../../ring/membership/view_confirmation.ts";
import { type Confirmation, ViewAgreement } from "../../ring/membership/view_agreement.ts";
import { PutLegs } from "../../ring/replication/put_legs.ts";
import { PushCopies } from "../../ring/replication/push_copies.ts";
import { EntryTable } from "../../ring/replication/entry_table.ts";
import { CommitSerializer } from "../../ring/replication/commit_serializer.ts";
import { RingMachine, type RingMachineOptions } from "../../ring/ring_machine.ts";
import type { Machine } from "./process.ts";
import type { Invariant } from "./violation.ts";

/** A way to break a machine. */
export interface Mutant {
  /** Which fault to give it, by the name of a scenario. */
  readonly scenario: string;
  /** The invariants of which one is violated then. */
  readonly violates: readonly Invariant[];
  /** Makes a broken machine. */
  readonly make?: (options: RingMachineOptions) => Machine;
  /** Breaks all machines; returns what mends them. */
  readonly patch?: () => () => void;
}

/** Puts a function in place of a method of a class, until what it returns is called. */
function replace<C extends object, K extends keyof C>(
  prototype: C,
  { method, by }: { method: K; by: (original: C[K]) => C[K] },
): () => void {
  const before = Object.getOwnPropertyDescriptor(prototype, method)!;
  Object.defineProperty(prototype, method, { configurable: true, writable: true, value: by(before.value) });
  return () => Object.defineProperty(prototype, method, before);
}

/** Lets a function see each event with the effects that it has, and tell what is to be done instead. */
function wrap(
  options: RingMachineOptions,
  change: (context: {
    machine: RingMachine;
    event: RingEvent;
    handle: (event: RingEvent) => Effect[];
    wallMs: number;
  }) => Effect[],
): Machine {
  const machine = new RingMachine(options);
  return {
    membership: machine.membership,
    get load() {
      return machine.load;
    },
    admit: (hello, now) => machine.admit(hello, now),
    closed: (now) => machine.closed(now),
    place: (id) => machine.place(id),
    forceView: (names, clock) => machine.forceView(names, clock),
    handle: (event, clock) =>
      change({ machine, event, handle: (event) => machine.handle(event, clock), wallMs: clock.wall }),
  };
}

/** Confirmations count that should not. */
function believe(change: (confirmation: Confirmation) => Confirmation): () => void {
  return replace(ViewAgreement.prototype, {
    method: "confirms",
    by: (original) =>
      function (this: ViewAgreement, confirmation, view) {
        return original.call(this, confirmation && change(confirmation), view);
      },
  });
}

/** The mutants, by what is wrong with them. */
export const MUTANTS: Readonly<Record<string, Mutant>> = {
  "answers before the commit": {
    scenario: "crashes",
    violates: ["I2", "shell"],
    make: (options) =>
      wrap(
        options,
        ({ event, handle }) =>
          handle(event).flatMap((effect) =>
            effect.do === "commit"
              ? [effect, ...handle({ type: "committed", token: effect.token, result: { ok: true } })]
              : [effect]
          ),
      ),
  },
  "shows pages that nobody has confirmed": {
    scenario: "partition",
    violates: ["I1", "I3"],
    patch: () =>
      replace(ViewConfirmation.prototype, {
        method: "ask",
        by: () =>
          function (this: ViewConfirmation, onConfirmed, clock) {
            onConfirmed(true, clock);
          },
      }),
  },
  "never saves what was decided": {
    scenario: "everybody-crashes",
    violates: ["I1", "I3", "I9", "view", "converged"],
    make: (options) =>
      wrap(
        options,
        ({ handle, event }) =>
          handle(event).map((effect) => {
            if (effect.do !== "save") return effect;
            const { agreed: _, acceptor: __, ...state } = effect.state;
            return { ...effect, state };
          }),
      ),
  },
  "forgets what it has promised and accepted": {
    scenario: "votes",
    violates: ["view"],
    make: (options) =>
      wrap(
        options,
        ({ handle, event }) =>
          handle(event).map((effect) => {
            if (effect.do !== "save") return effect;
            const { acceptor: _, ...state } = effect.state;
            return { ...effect, state };
          }),
      ),
  },
  "keeps the vote of a lost disk": {
    scenario: "votes",
    violates: ["view"],
    make: (options) => {
      const { name } = options.self, saved = options.saved ?? { incarnation: 0, flaps: 0 };
      return new RingMachine({ ...options, saved: { ...saved, disk: `disk of ${name}` } });
    },
  },
  "counts pushes as kept that it has not copied": {
    scenario: "machine-destroyed",
    violates: ["I2"],
    patch: () =>
      replace(PushCopies.prototype, {
        method: "seek",
        by: () =>
          function (this: PushCopies, push, clock) {
            push.done({ isEnough: true, by: new Set() }, clock);
          },
      }),
  },
  "shows everything 13 s late": {
    scenario: "nothing",
    violates: ["lag", "dark"],
    make: (options) => {
      const late = new Map<string, { at: number; effect: Extract<Effect, { do: "show" }> }>();
      return wrap(options, ({ event, handle, wallMs }) => {
        const effects = handle(event).filter((effect) => {
          if (effect.do === "hide") late.delete(effect.id);
          if (effect.do !== "show") return true;
          // The newest, at the time at which the first was due.
          late.set(effect.id, { at: late.get(effect.id)?.at ?? wallMs, effect });
          return false;
        });
        const due = [...late.values()].filter(({ at }) => wallMs - at >= 13_000).map(({ effect }) => effect);
        for (const { id } of due) late.delete(id);
        return [...effects, ...due];
      });
    },
  },
  "leaves without its heirs": {
    scenario: "leaves-then-destroyed",
    violates: ["I2"],
    patch: () => replace(TransferPlan.prototype, { method: "toHeirs", by: () => () => {} }),
  },
  "brings nothing to who joins": {
    scenario: "joins-slowly",
    violates: ["dark"],
    patch: () => replace(TransferPlan.prototype, { method: "toJoining", by: () => () => false }),
  },
  "shows what is expired for 40 s": {
    scenario: "silent-clients",
    violates: ["I4"],
    patch: () =>
      replace(EntryTable.prototype, {
        method: "isExpired",
        by: (original) =>
          function (this: EntryTable, held, now) {
            return original.call(this, held, now - 40_000);
          },
      }),
  },
  "answers 'stale' to every third newer push": {
    scenario: "nothing",
    violates: ["I2"],
    patch: () => {
      let count = 0;
      return replace(CommitSerializer.prototype, {
        method: "take",
        by: (original) =>
          function (this: CommitSerializer, arrival, clock) {
            if ("origin" in arrival && ++count % 3 === 0) arrival.done({ type: "stale" }, clock);
            else original.call(this, arrival, clock);
          },
      });
    },
  },
  "believes that it has left": {
    scenario: "storage-deleted",
    violates: ["I9", "converged", "heir"],
    patch: () =>
      replace(MemberTable.prototype, {
        method: "merge",
        by: (original) =>
          function (this: MemberTable, rows, now) {
            const isLast = rows.some(({ name, status }) => name === this.self.name && status === "LEFT");
            if (isLast) this.leave();
            return original.call(this, rows, now);
          },
      }),
  },
  "does not refute": {
    scenario: "partition",
    violates: ["I9", "converged"],
    patch: () =>
      replace(MemberTable.prototype, {
        method: "merge",
        by: (original) =>
          function (this: MemberTable, rows, now) {
            return original.call(this, rows.filter(({ name }) => name !== this.self.name), now);
          },
      }),
  },
  "ignores versions": {
    scenario: "overload",
    violates: ["I2", "I3"],
    patch: () => {
      let isBlind = false;
      const blindly = <A extends unknown[]>(original: (...args: A) => void) =>
        function (this: CommitSerializer, ...args: A) {
          isBlind = true;
          try {
            original.apply(this, args);
          } finally {
            isBlind = false;
          }
        };
      const mends = [
        replace(EntryTable.prototype, {
          method: "get",
          by: (original) =>
            function (this: EntryTable, id, now) {
              return isBlind ? undefined : original.call(this, id, now);
            },
        }),
        replace(CommitSerializer.prototype, { method: "take", by: blindly }),
      ];
      return () => mends.forEach((mend) => mend());
    },
  },
  "shows what it only stands by for": {
    scenario: "nothing",
    violates: ["I1"],
    make: (options) => {
      const copies = new Map<number, Extract<Effect, { do: "commit" }>>();
      return wrap(options, ({ event, handle }) => {
        const effects = handle(event);
        for (const effect of effects) {
          if (effect.do === "commit" && effect.role === "standby") copies.set(effect.token, effect);
        }
        const copy = event.type === "committed" && event.result.ok ? copies.get(event.token)?.entry : undefined;
        return copy === undefined ? effects : [...effects, { do: "show", id: copy.id, version: copy.version }];
      });
    },
  },
  "keeps and shows what it cannot forward": {
    scenario: "partition",
    violates: ["I1"],
    make: (options) => {
      const kept = new Map<number, Extract<Effect, { do: "commit" }>["entry"]>();
      const pushes = new Map<number, Extract<RingEvent, { type: "push" }>>();
      return wrap(options, ({ event, handle, wallMs }) => {
        if (event.type === "push") pushes.set(event.token, event);
        if (event.type === "committed" && event.token < 0) {
          const { id, version } = kept.get(event.token)!;
          return event.result.ok ? [{ do: "show", id, version }] : [];
        }
        return handle(event).flatMap((effect): Effect[] => {
          if (effect.do !== "settle" || effect.outcome.result !== "rejected") return [effect];
          if (effect.outcome.reason !== "unreachable") return [effect];
          const { id, bytes } = pushes.get(effect.token)!;
          const version = { epoch: 2 ** 20, ms: wallMs, ingress: options.self.name, sequence: 2 ** 40 + effect.token };
          const entry = { id, version, receivedAtMs: wallMs, bytes };
          kept.set(-effect.token, entry);
          return [effect, { do: "commit", token: -effect.token, role: "owner", fresh: true, entry }];
        });
      });
    },
  },
  "shows what a view brings before the others know of it": {
    scenario: "flaps",
    violates: ["I1", "I3"],
    patch: () => {
      const before = Object.getOwnPropertyDescriptor(Membership.prototype, "isSettled")!;
      Object.defineProperty(Membership.prototype, "isSettled", { configurable: true, get: () => true });
      return () => Object.defineProperty(Membership.prototype, "isSettled", before);
    },
  },
  "does not wait for what others hold": {
    scenario: "crashes",
    violates: ["I3"],
    patch: () => believe((confirmation) => ({ ...confirmation, clear: true })),
  },
  "serves without having joined": {
    scenario: "joins-slowly",
    violates: ["dark"],
    patch: () => replace(Membership.prototype, { method: "joinStep", by: () => () => "serve" as const }),
  },
  "passes on pushes that are not its own": {
    scenario: "partition",
    violates: ["I5"],
    make: (options) =>
      wrap(options, ({ machine, event, handle }) => {
        if (event.type === "message" && event.message.type === "PUT") {
          const { header } = event.message;
          const { owner } = machine.place(header.id as string) ?? {};
          if (owner !== undefined && owner !== options.self.name) {
            const message = { ...event.message, header: { ...header, hops: header.hops as number + 1 } };
            return [{ do: "send", to: owner, message }];
          }
        }
        return handle(event);
      }),
  },
  "shows what is expired": {
    scenario: "flaps",
    violates: ["I4"],
    patch: () => {
      const mends = [
        replace(EntryTable.prototype, { method: "isExpired", by: () => () => false }),
        replace(EntryTable.prototype, { method: "expire", by: () => () => [] }),
      ];
      return () => mends.forEach((mend) => mend());
    },
  },
  "waits for an answer for ever": {
    scenario: "partition",
    violates: ["I7"],
    patch: () => {
      const mends = [
        replace(PutLegs.prototype, { method: "tick", by: () => () => {} }),
        replace(PutLegs.prototype, { method: "linkDown", by: () => () => {} }),
      ];
      return () => mends.forEach((mend) => mend());
    },
  },
  "answers twice": {
    scenario: "nothing",
    violates: ["I7"],
    make: (options) =>
      wrap(
        options,
        ({ event, handle }) =>
          handle(event).flatMap((effect): Effect[] => effect.do === "settle" ? [effect, effect] : [effect]),
      ),
  },
  "has no bounds": {
    scenario: "overload",
    violates: ["I6"],
    make: ({ limits: _, ...options }) => new RingMachine(options),
  },
  "does not keep its incarnation": {
    scenario: "crashes",
    violates: ["I8"],
    make: (options) => wrap(options, ({ event, handle }) => handle(event).filter((effect) => effect.do !== "save")),
  },
  "sends no copies": {
    scenario: "joins",
    violates: ["I9"],
    make: (options) =>
      wrap(
        options,
        ({ event, handle }) => handle(event).filter((effect) => effect.do !== "send" || effect.message.type !== "COPY"),
      ),
  },
  "never compares with its standby": {
    scenario: "disks",
    violates: ["copies"],
    patch: () => replace(AntiEntropy.prototype, { method: "tick", by: () => () => {} }),
  },
  "owes nothing to a new owner": {
    scenario: "crashes",
    violates: ["I3", "copies", "heir"],
    patch: () => replace(TransferPlan.prototype, { method: "viewChanged", by: () => () => {} }),
  },
};
