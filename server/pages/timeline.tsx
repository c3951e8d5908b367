/**
 * The last pushes of a source as a picture.
 *
 * @module
 */

import type { FC } from "@hono/hono/jsx";
import { byteSize, Moment } from "../../common/pages/page.tsx";
import type { SourceDetails } from "../api/source_report.ts";

/** Of a bar that stands for several requests. */
function within(seconds: number | undefined): string {
  return seconds === undefined ? "" : `, by remote write within ${seconds} s`;
}

const HEIGHT = 90, WIDTH = 720, FOOT = 12;

/** The last pushes: when each came, and how large it was; refused ones in full height. */
export const Timeline: FC<{ readonly timeline: SourceDetails["timeline"]; readonly nowMs: number }> = (
  { timeline, nowMs },
) => {
  if (timeline.length === 0) return <p class="soft">None is known.</p>;
  const start = Date.parse(timeline[0].at), span = Math.max(1, nowMs - start);
  const most = Math.max(1, ...timeline.map(({ bytes }) => bytes));
  const refused = timeline.filter(({ bytes }) => bytes === 0).length;
  const windowSeconds = timeline.find(({ seconds }) => seconds !== undefined)?.seconds;
  const accepted = timeline.length - refused;
  const words = `${accepted} accepted and ${refused} refused since ${timeline[0].at}`;
  return (
    <>
      <svg class="timeline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={words}>
        <line class="axis" x1="0" x2={String(WIDTH)} y1={String(HEIGHT - FOOT)} y2={String(HEIGHT - FOOT)} />
        {timeline.map(({ at, bytes, seconds }) => {
          const isRefused = bytes === 0;
          const height = isRefused ? HEIGHT - FOOT : Math.max(4, (bytes / most) * (HEIGHT - FOOT - 6));
          const x = ((Date.parse(at) - start) / span) * (WIDTH - 8);
          return (
            <rect
              class={isRefused ? "bad" : "good"}
              x={x.toFixed(1)}
              y={(HEIGHT - FOOT - height).toFixed(1)}
              width="6"
              height={height.toFixed(1)}
              rx="1.5"
            >
              <title>{`${at}: ${isRefused ? "refused" : byteSize(bytes)}${within(seconds)}`}</title>
            </rect>
          );
        })}
      </svg>
      <p class="soft small">
        From <Moment at={timeline[0].at} nowMs={nowMs} /> to now: <span class="legend good"></span>
        {accepted} accepted{accepted > 0 && `, the largest of ${byteSize(most)}`}
        {refused > 0 && (
          <>
            , <span class="legend bad"></span>
            {refused} refused, which stand in full height
          </>
        )}.{windowSeconds !== undefined &&
          ` What came by remote write within ${windowSeconds} s stands as one.`}
      </p>
    </>
  );
};
