/**
 * What all servers of a ring together can say of their sources: any of them answers for all.
 *
 * @module
 */

import { type Answerer, UnansweredError } from "../../ring/transport/questions.ts";
import type { Ring } from "../../ring/ring.ts";
import { listSources, type SourceList, type SourceQuery } from "../api/source_query.ts";
import type { SourceDetails, SourceReport, StrangerReport } from "../api/source_report.ts";
import type { Answered, MemberAnswer, Sources } from "../api/sources.ts";
import type { Directory } from "../directory/directory.ts";
import { SOURCE_STATES, SOURCE_WAYS } from "../directory/source_state.ts";
import { MAX_STRANGERS } from "../directory/strangers.ts";
import { type AskedRing, askMember, askMembers, packAnswer, unpackQuestion } from "./ask_members.ts";
import type { MemberReport } from "./member_report.ts";
import { RING_TOPIC } from "./ring_overview.ts";
import { FACTS_TOPIC, takeFacts } from "./source_exchange.ts";

/** What {@linkcode RingSources} works with. */
export interface RingSourcesOptions {
  /** What this server can say. */
  readonly own: Sources;
  /** The ring. */
  readonly ring: Pick<Ring, "ask" | "status" | "place" | "name">;
}

const LIST = "sources", DETAILS = "source", STRANGERS = "strangers", FORGET = "forget";

/** Asks the others, and puts their answers together. Who does not answer in time is named, not waited for. */
export class RingSources implements Sources {
  readonly #own: Sources;
  readonly #ring: RingSourcesOptions["ring"];

  /** Answers for a ring. */
  constructor({ own, ring }: RingSourcesOptions) {
    this.#own = own;
    this.#ring = ring;
  }

  /** Lists those asked for, of all servers. */
  async list(query: SourceQuery): Promise<SourceList & Answered> {
    // Which of each server's come after the offset only all of them together can tell.
    const wanted = { ...query, offset: 0, limit: query.offset + query.limit };
    const { answers, members } = await askMembers(this.#ring, {
      ...{ topic: LIST, asked: wanted, isAnswer: isSourceList },
      whom: "present",
    });
    const lists = [await this.#own.list(wanted), ...answers.values()];
    const { sources } = listSources(lists.flatMap(({ sources }) => sources), query);
    const states = { refused: 0, silent: 0, up: 0, revoked: 0 };
    const ways = { push: 0, "remote write": 0 };
    let matching = 0, near = 0;
    for (const list of lists) {
      matching += list.matching;
      near += list.near;
      for (const state of Object.keys(states) as (keyof typeof states)[]) states[state] += list.states[state];
      for (const way of SOURCE_WAYS) ways[way] += list.ways[way];
    }
    return { sources, matching, states, near, ways, members };
  }

  /** All that the owner knows of one; if it does not answer, what is known here. */
  async details(id: string): Promise<SourceDetails | undefined> {
    const { owner } = this.#ring.place(id);
    if (owner === undefined || owner === this.#ring.name) return await this.#own.details(id);
    try {
      const question = { topic: DETAILS, asked: id, isAnswer: isDetails };
      return await askMember(this.#ring, { to: owner, ...question }) ?? undefined;
    } catch (error) {
      if (!(error instanceof UnansweredError)) throw error;
      return await this.#own.details(id);
    }
  }

  /** The latest refusals of ids that have never pushed, of all servers. */
  async strangers(): Promise<readonly StrangerReport[]> {
    const { answers } = await askMembers(this.#ring, {
      ...{ topic: STRANGERS, asked: null, isAnswer: areStrangers },
      whom: "present",
    });
    return [...await this.#own.strangers(), ...[...answers.values()].flat()].sort((a, b) => a.at < b.at ? 1 : -1)
      .slice(0, MAX_STRANGERS);
  }
}

/** Has all other members forget a source. Who does not answer may bring it back with what it knows. */
export async function forgetElsewhere(ring: AskedRing, id: string): Promise<readonly MemberAnswer[]> {
  return (await askMembers(ring, { topic: FORGET, asked: id, isAnswer: isAnything, whom: "known" })).members;
}

/** Whether this is a list of sources, as far as lists are put together by it. */
function isSourceList(value: unknown): value is SourceList {
  const { sources, matching, near, states, ways } = Object(value);
  return Array.isArray(sources) &&
    sources.every((source) =>
      isSource(source) && SOURCE_STATES.includes(source.state) && Array.isArray(source.near) && areWays(source.ways)
    ) &&
    [
      ...[matching, near, ...SOURCE_STATES.map((state) => Object(states)[state])],
      ...SOURCE_WAYS.map((way) => Object(ways)[way]),
    ].every(Number.isFinite);
}

function areWays(value: unknown): boolean {
  return Array.isArray(value) && value.every((way) => SOURCE_WAYS.includes(Object(way).way));
}

function isDetails(value: unknown): value is SourceDetails | null {
  return value === null || isSource(value);
}

function isSource(value: unknown): value is SourceReport {
  return typeof Object(value).id === "string";
}

function areStrangers(value: unknown): value is readonly StrangerReport[] {
  return Array.isArray(value) && value.every((stranger) => typeof Object(stranger).at === "string");
}

function isAnything(value: unknown): value is unknown {
  return value !== undefined;
}

/** What {@linkcode ringAnswerer} works with. */
export interface RingAnswererOptions {
  /** What this server can say of its sources. */
  readonly own: Sources;
  /** Takes in what other servers tell of sources. */
  readonly directory: Directory;
  /** What this server says of itself and of the ring; undefined while it starts. */
  readonly report: () => MemberReport | undefined;
}

/** Answers what other servers ask. */
export function ringAnswerer(options: RingAnswererOptions): Answerer {
  return async ({ topic, body }) => {
    if (topic === FACTS_TOPIC) return takeFacts(options.directory, body);
    return packAnswer(await answer(options, { topic, asked: unpackQuestion(body) }));
  };
}

function reported(report: MemberReport | undefined): MemberReport {
  if (report === undefined) throw new Error("It has only just started");
  return report;
}

function answer(
  { own, directory, report }: RingAnswererOptions,
  { topic, asked }: { topic: string; asked: unknown },
): unknown {
  switch (topic) {
    case LIST:
      return own.list(asked as SourceQuery);
    case DETAILS:
      return own.details(String(asked));
    case STRANGERS:
      return own.strangers();
    case FORGET:
      return directory.forget(String(asked));
    case RING_TOPIC:
      return reported(report());
    default:
      throw new SyntaxError(`It does not know the topic '${topic.slice(0, 100)}'`);
  }
}
