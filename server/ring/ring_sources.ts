/**
 * What all servers of a ring together can say of their sources: any of them answers for all.
 *
 * @module
 */

import { gunzipSync, gzipSync } from "node:zlib";
import { explain } from "../../common/explain.ts";
import { type Answerer, UnansweredError } from "../../ring/transport/questions.ts";
import type { Ring } from "../../ring/ring.ts";
import { listSources, type SourceList, type SourceQuery } from "../api/source_query.ts";
import type { SourceDetails, StrangerReport } from "../api/source_report.ts";
import type { Answered, MemberAnswer, Sources } from "../api/sources.ts";
import type { Directory } from "../directory/directory.ts";
import { MAX_STRANGERS } from "../directory/strangers.ts";
import { FACTS_TOPIC, takeFacts } from "./source_exchange.ts";

/** What {@linkcode RingSources} works with. */
export interface RingSourcesOptions {
  /** What this server can say. */
  readonly own: Sources;
  /** The ring. */
  readonly ring: Pick<Ring, "ask" | "status" | "place" | "name">;
}

/** How long other servers are waited for, in milliseconds. */
const TIMEOUT_MS = 500;

/** The longest answer that is unpacked, in bytes. */
const MAX_TEXT_BYTES = 64 * 1_048_576;

const LIST = "sources", DETAILS = "source", STRANGERS = "strangers";

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
    const { answers, members } = await this.#askAll<SourceList>(LIST, wanted);
    const lists = [await this.#own.list(wanted), ...answers];
    const { sources } = listSources(lists.flatMap(({ sources }) => sources), query);
    const states = { refused: 0, silent: 0, up: 0, revoked: 0 };
    let matching = 0, near = 0;
    for (const list of lists) {
      matching += list.matching;
      near += list.near;
      for (const state of Object.keys(states) as (keyof typeof states)[]) states[state] += list.states[state];
    }
    return { sources, matching, states, near, members };
  }

  /** All that the owner knows of one; if it does not answer, what is known here. */
  async details(id: string): Promise<SourceDetails | undefined> {
    const { owner } = this.#ring.place(id);
    if (owner === undefined || owner === this.#ring.name) return await this.#own.details(id);
    try {
      return await this.#ask<SourceDetails | null>(owner, { topic: DETAILS, body: id }) ?? undefined;
    } catch (error) {
      if (!(error instanceof UnansweredError)) throw error;
      return await this.#own.details(id);
    }
  }

  /** The latest refusals of ids that have never pushed, of all servers. */
  async strangers(): Promise<readonly StrangerReport[]> {
    const { answers } = await this.#askAll<readonly StrangerReport[]>(STRANGERS, null);
    return [...await this.#own.strangers(), ...answers.flat()].sort((a, b) => a.at < b.at ? 1 : -1).slice(
      0,
      MAX_STRANGERS,
    );
  }

  async #askAll<T>(topic: string, body: unknown): Promise<{ answers: T[]; members: MemberAnswer[] }> {
    const { name, members: rows } = this.#ring.status();
    // Who has left is no part of the ring; who has died is missed.
    const others = rows.filter((row) => row.name !== name && row.status !== "LEFT");
    const answers: T[] = [];
    const members = await Promise.all(others.map(async (other): Promise<MemberAnswer> => {
      try {
        answers.push(await this.#ask<T>(other.name, { topic, body }));
        return { name: other.name };
      } catch (error) {
        if (!(error instanceof UnansweredError)) throw error;
        return { name: other.name, why: explain(error) };
      }
    }));
    return { answers, members: [{ name }, ...members].sort((a, b) => a.name < b.name ? -1 : 1) };
  }

  async #ask<T>(to: string, { topic, body }: { topic: string; body: unknown }): Promise<T> {
    const asked = { topic, body: encoder.encode(JSON.stringify(body)), timeoutMs: TIMEOUT_MS };
    return JSON.parse(decoder.decode(gunzipSync(await this.#ring.ask(to, asked), { maxOutputLength: MAX_TEXT_BYTES })));
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Answers what other servers ask about sources. */
export function sourceAnswerer({ own, directory }: { own: Sources; directory: Directory }): Answerer {
  return async ({ topic, body }) => {
    if (topic === FACTS_TOPIC) return takeFacts(directory, body);
    const asked = JSON.parse(decoder.decode(body));
    return gzipSync(JSON.stringify(await answer(own, { topic, asked }) ?? null));
  };
}

function answer(own: Sources, { topic, asked }: { topic: string; asked: unknown }): Promise<unknown> {
  switch (topic) {
    case LIST:
      return own.list(asked as SourceQuery);
    case DETAILS:
      return own.details(String(asked));
    case STRANGERS:
      return own.strangers();
    default:
      throw new SyntaxError(`It does not know the topic '${topic.slice(0, 100)}'`);
  }
}
