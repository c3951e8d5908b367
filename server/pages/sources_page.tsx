/**
 * The first page that an operator sees: every source, the worst first.
 *
 * @module
 */

import type { FC } from "@hono/hono/jsx";
import { Bar, Cell, Moment, number, shortDuration, State, type Tone } from "../../common/pages/page.tsx";
import { Sentence } from "../../common/pages/sentence.tsx";
import { plural } from "../../common/plural.ts";
import type { SourceList, SourceOrder, SourceQuery } from "../api/source_query.ts";
import type { RefusalReport, SourceReport } from "../api/source_report.ts";
import type { Answered } from "../api/sources.ts";
import type { SourceState } from "../directory/source_state.ts";

/** Tells where the pages of another member of the ring are; undefined where that is not known, and for this server. */
export type PagesOf = (member: string) => string | undefined;

/** What the page shows. */
export interface SourcesPageProps {
  /** What was asked for. */
  readonly query: SourceQuery;
  /** What there is. */
  readonly list: SourceList & Answered;
  /** Where the pages of owners are. */
  readonly pagesOf: PagesOf;
  /** Whether a source was just forgotten. */
  readonly isForgotten: boolean;
  /** Now, in milliseconds since the epoch. */
  readonly nowMs: number;
}

const TONES: Readonly<Record<SourceState, Tone>> = { up: "good", silent: "warn", refused: "bad", revoked: "off" };

/** The state of a source. */
export const SourceStateMark: FC<{ readonly state: SourceState }> = ({ state }) => (
  <State tone={TONES[state]} word={state} />
);

/** For how long a source has been silent. */
export const SilentFor: FC<{ readonly since: string; readonly nowMs: number }> = ({ since, nowMs }) => (
  <time datetime={since} title={since}>for {shortDuration(Math.max(0, nowMs - Date.parse(since)))}</time>
);

/** Where the page of a source is. */
export function hrefOf(id: string): string {
  return `/sources/${encodeURIComponent(id)}`;
}

/** The address of the list with other parameters: what does not differ from the usual is left out. */
function listHref(query: SourceQuery, change: Partial<SourceQuery>): string {
  const { states, near, way, search, sort, offset } = { ...query, offset: 0, ...change };
  const parameters = new URLSearchParams();
  if (states.length > 0) parameters.set("state", states.join(","));
  if (near) parameters.set("near", "1");
  if (way !== undefined) parameters.set("way", way);
  if (search !== "") parameters.set("search", search);
  if (sort !== "worst") parameters.set("sort", sort);
  if (offset > 0) parameters.set("offset", String(offset));
  return parameters.size === 0 ? "/" : `/?${parameters}`;
}

/** The page. */
export const SourcesPage: FC<SourcesPageProps> = ({ query, list, pagesOf, isForgotten, nowMs }) => {
  const missing = (list.members ?? []).filter(({ why }) => why !== undefined);
  const all = Object.values(list.states).reduce((sum, count) => sum + count, 0);
  return (
    <>
      {isForgotten && <div class="note" role="status">Forgot the source.</div>}
      {missing.length > 0 && (
        <div class="note bad" role="status">
          Sources are missing here of {missing.map(({ name, why }) => `${name}: ${why}`).join("; ")}. See the{" "}
          <a href="/ring">ring</a>.
        </div>
      )}
      <Counts query={query} list={list} all={all} />
      <div class="tools">
        <form role="search" action="/" data-search="">
          <label>
            <span class="hidden">Search by id</span>
            <input type="search" name="search" value={query.search} placeholder="Search by id" autocomplete="off" />
          </label>
          {query.states.length > 0 && <input type="hidden" name="state" value={query.states.join(",")} />}
          {query.near && <input type="hidden" name="near" value="1" />}
          {query.way !== undefined && <input type="hidden" name="way" value={query.way} />}
          {query.sort !== "worst" && <input type="hidden" name="sort" value={query.sort} />}
        </form>
        <div class="end">
          <span>{matchingText(list.matching, all)}</span>
          <button type="button" data-refresh="" hidden>Stop refreshing</button>
        </div>
      </div>
      <div class="card">
        {list.sources.length === 0
          ? <Nothing all={all} />
          : <Table query={query} sources={list.sources} pagesOf={pagesOf} nowMs={nowMs} />}
        <Paging query={query} matching={list.matching} shown={list.sources.length} />
      </div>
    </>
  );
};

function matchingText(matching: number, all: number): string {
  return matching === all
    ? `${number(all)} ${plural(all, "source")}`
    : `${number(matching)} of ${number(all)} ${plural(all, "source")}`;
}

const Counts: FC<{ readonly query: SourceQuery; readonly list: SourceList; readonly all: number }> = (
  { query, list, all },
) => {
  const item = (name: string, count: number, { tone, ...change }: Partial<SourceQuery> & { tone?: Tone }) => {
    const href = listHref(query, { states: [], near: false, way: undefined, ...change });
    const isHere = href === listHref(query, {});
    return (
      <li class={count > 0 ? tone : undefined}>
        <a href={href} aria-current={isHere ? "true" : undefined}>
          <strong>{number(count)}</strong> {name}
        </a>
      </li>
    );
  };
  return (
    <ul class="counts" aria-label="Sources by how they fare">
      {item("all sources", all, {})}
      {item("refused", list.states.refused, { states: ["refused"], tone: "bad" })}
      {item("silent", list.states.silent, { states: ["silent"], tone: "warn" })}
      {item("near a limit", list.near, { near: true, tone: "warn" })}
      {item("up", list.states.up, { states: ["up"], tone: "good" })}
      {list.ways["remote write"] > 0 && item("by remote write", list.ways["remote write"], { way: "remote write" })}
      {list.states.revoked > 0 && item("revoked", list.states.revoked, { states: ["revoked"] })}
    </ul>
  );
};

interface Column {
  readonly name: string;
  /** The order that its head links to. */
  readonly sort?: SourceOrder;
  /** Which come first in that order. */
  readonly first?: string;
  readonly isNumber?: true;
}

const COLUMNS: readonly Column[] = [
  { name: "State", sort: "worst", first: "the worst first" },
  { name: "Source", sort: "id", first: "from A to Z" },
  { name: "Last push", sort: "age", first: "the oldest first" },
  { name: "Behind", isNumber: true },
  { name: "Series", sort: "series", first: "the most first", isNumber: true },
  { name: "Last refusal", sort: "refusals", first: "the most refusals first" },
  { name: "Owner" },
];

const Table: FC<{
  readonly query: SourceQuery;
  readonly sources: readonly SourceReport[];
  readonly pagesOf: PagesOf;
  readonly nowMs: number;
}> = ({ query, sources, pagesOf, nowMs }) => {
  const hasOwners = sources.some(({ owner }) => owner !== undefined);
  return (
    <div class="scroll">
      <table class="fold">
        <caption class="hidden">Sources, sorted by {query.sort}</caption>
        <thead>
          <tr>
            {COLUMNS.filter(({ name }) => hasOwners || name !== "Owner").map((column) => (
              <Head column={column} query={query} />
            ))}
          </tr>
        </thead>
        <tbody>
          {sources.map((source) => <Row source={source} hasOwner={hasOwners} pagesOf={pagesOf} nowMs={nowMs} />)}
        </tbody>
      </table>
    </div>
  );
};

const Head: FC<{ readonly column: Column; readonly query: SourceQuery }> = (
  { column: { name, sort, first, isNumber }, query },
) => {
  if (sort === undefined) return <th scope="col" class={isNumber && "num"}>{name}</th>;
  const isHere = query.sort === sort;
  const order = sort === "id" ? "ascending" : "descending";
  return (
    <th scope="col" class={isNumber && "num"} aria-sort={isHere ? order : undefined}>
      <a href={listHref(query, { sort })} title={first} aria-current={isHere ? "true" : undefined}>
        {name}
        <span class="mark" aria-hidden="true">{isHere ? sort === "id" ? "▲" : "▼" : ""}</span>
      </a>
    </th>
  );
};

interface RowProps {
  readonly source: SourceReport;
  readonly hasOwner: boolean;
  readonly pagesOf: PagesOf;
  readonly nowMs: number;
}

const Row: FC<RowProps> = ({ source, hasOwner, pagesOf, nowMs }) => {
  const { id, state, lastPush, silentSince, skewSeconds, series, limits, near, ways, lastRefusal } = source;
  return (
    <tr>
      <td>
        <SourceStateMark state={state} />
      </td>
      <th scope="row">
        <a class="id" href={hrefOf(id)} title={id}>{id}</a>
        {ways.some(({ way }) => way === "remote write") && (
          <div class="small soft">{ways.map(({ way }) => way).join(", ")}</div>
        )}
      </th>
      <Cell label="Last push" class="nowrap">
        {lastPush === undefined ? <span class="soft">never</span> : (
          <>
            <Moment at={lastPush} nowMs={nowMs} /> <AgeBar source={source} />
            {silentSince !== undefined && (
              <div class="small warn-text">
                silent <SilentFor since={silentSince} nowMs={nowMs} />
              </div>
            )}
          </>
        )}
      </Cell>
      <Cell label="Behind" class={`num nowrap${skewSeconds === undefined ? " none" : ""}`}>
        {skewSeconds === undefined ? "–" : `${skewSeconds.toFixed(skewSeconds < 10 ? 1 : 0)} s`}
      </Cell>
      <Cell label="Series" class="num">
        {number(series)}
        {source.nothingShownBy !== undefined && (
          <div class="small warn-text">nothing shown: {source.nothingShownBy.join(", ")}</div>
        )}
        {state === "refused" && lastRefusal?.over?.limit === "series" && (
          <div class="small nowrap warn-text">{number(lastRefusal.over.sent)} refused</div>
        )}
        {near.length > 0 && (
          <div class="small nowrap warn-text">{near.map((name) => nearText(name, limits)).join(", ")}</div>
        )}
      </Cell>
      <RefusalCell source={source} nowMs={nowMs} />
      {hasOwner && <Cell label="Owner" class="nowrap">{ownerLink(source, pagesOf)}</Cell>}
    </tr>
  );
};

/** Which flag would let in what was refused. */
const Remedy: FC<Pick<RefusalReport, "raise" | "lower">> = ({ raise, lower }) => (
  (raise ?? lower) !== undefined && (
    <span class="soft">
      ({raise !== undefined ? "raise" : "lower"} <code>{raise ?? lower}</code>)
    </span>
  )
);

/** Why what it sent was refused last, and what was refused in its name since it was accepted. */
const RefusalCell: FC<{ readonly source: SourceReport; readonly nowMs: number }> = ({ source, nowMs }) => {
  const { lastPush = "", lastRefusal, refusedInName } = source;
  const inName = refusedInName !== undefined && refusedInName.at > lastPush ? refusedInName : undefined;
  return (
    <Cell label="Last refusal" class={`why small${(lastRefusal ?? inName) === undefined ? " none" : ""}`}>
      {(lastRefusal ?? inName) === undefined && <span class="soft">none</span>}
      {lastRefusal !== undefined && (
        <>
          <Moment at={lastRefusal.at} nowMs={nowMs} />, {lastRefusal.reason}: <Sentence text={lastRefusal.why} />{" "}
          <Remedy {...lastRefusal} />
        </>
      )}
      {inName !== undefined && (
        <div class="soft">
          {number(inName.timesSince)} {plural(inName.timesSince, "time")} in its name since{" "}
          <Moment at={inName.since} nowMs={nowMs} />
          {inName.timesSince > 1 && (
            <>
              , last <Moment at={inName.at} nowMs={nowMs} />
            </>
          )}, {inName.reason}: <Sentence text={inName.why} />
        </div>
      )}
    </Cell>
  );
};

/** The owner of a source; a link to what it says of it, if it is another server whose pages are known. */
function ownerLink({ id, owner = "" }: SourceReport, pagesOf: PagesOf) {
  const pages = pagesOf(owner);
  return pages === undefined ? owner : <a href={pages + hrefOf(id)}>{owner}</a>;
}

function nearText(name: string, limits: SourceReport["limits"]): string {
  const { ratio } = limits[name as keyof typeof limits];
  return `${Math.round(100 * ratio)} % of --limit-${name}`;
}

/** How long ago the last push was, of what makes a source silent. */
export const AgeBar: FC<{ readonly source: SourceReport }> = ({ source }) => {
  const { ageSeconds = 0, silentAfterSeconds, state } = source;
  const ratio = ageSeconds / silentAfterSeconds;
  const tone: Tone = state === "up" && ratio < 0.7 ? "good" : state === "revoked" ? "off" : "warn";
  const words = `${Math.round(100 * ratio)} % of the ${
    shortDuration(1_000 * silentAfterSeconds)
  } after which it is silent`;
  return <Bar ratio={ratio} tone={tone} label={words} />;
};

const Nothing: FC<{ readonly all: number }> = ({ all }) => (
  <div class="empty">
    {all > 0
      ? (
        <p>
          No source is like that. <a href="/">Show all</a>, or see the ids that were <a href="/strangers">refused</a>
          {" "}
          before they ever pushed.
        </p>
      )
      : (
        <>
          <p>No source has pushed yet.</p>
          <p class="small">
            Start a client beside a Prometheus, with <code>--to</code>{" "}
            this server's external listener. If one runs already, see whether it is among the{" "}
            <a href="/strangers">strangers</a>, which were refused.
          </p>
        </>
      )}
  </div>
);

const Paging: FC<{ readonly query: SourceQuery; readonly matching: number; readonly shown: number }> = (
  { query, matching, shown },
) => {
  const { offset, limit } = query;
  if (matching <= shown) return null;
  return (
    <nav class="pages" aria-label="Further sources">
      {offset > 0 && <a href={listHref(query, { offset: Math.max(0, offset - limit) })}>← Previous</a>}
      <span class="soft">{number(offset + 1)} to {number(offset + shown)} of {number(matching)}</span>
      {offset + shown < matching && <a href={listHref(query, { offset: offset + limit })}>Next →</a>}
    </nav>
  );
};
