/**
 * How the server is set, how far it is from its limits, and when its certificates end.
 *
 * @module
 */

import type { FC } from "@hono/hono/jsx";
import { Bar, Moment, number, State, type Tone } from "../../common/pages/page.tsx";
import type { CertificateStatus, LimitUse, ServerStatus } from "../api/status.ts";

interface StatusProps {
  readonly status: ServerStatus;
  readonly nowMs: number;
}

/** From this share of a limit on it is time to raise it. */
const NEAR = 0.8;

/** Limits and flags. */
export const SettingsPage: FC<StatusProps> = ({ status, nowMs }) => {
  const { build, started, store, limits, flags } = status;
  return (
    <>
      {!store.ok && (
        <div class="note bad" role="status">The store takes no pushes now ({store.reason}): see the log.</div>
      )}
      <p class="soft">
        Telemeter {build.version} on Deno {build.deno}, started <Moment at={started} nowMs={nowMs} />.
      </p>
      <div class="card">
        <dl class="facts">{limits.map((limit) => <Limit limit={limit} />)}</dl>
      </div>
      <h2>Flags</h2>
      <div class="card scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">Flag</th>
              <th scope="col">Value</th>
              <th scope="col">
                <span class="hidden">Set</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {flags.map(({ flag, value, isDefault }) => (
              <tr>
                <th scope="row" class="id nowrap">{flag}</th>
                <td class="id">{value === "" ? <span class="soft">none</span> : value}</td>
                <td class="soft small nowrap">{isDefault ? "default" : "set"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
};

const Limit: FC<{ readonly limit: LimitUse }> = ({ limit: { flag, what, used, limit } }) => {
  const ratio = limit === 0 ? 0 : used / limit;
  const tone: Tone = ratio >= 1 ? "bad" : ratio >= NEAR ? "warn" : "good";
  return (
    <div>
      <dt>
        {what} <span class="nowrap">({flag})</span>
      </dt>
      <dd>
        {number(used)} {limit === 0 ? "without a limit" : `of ${number(limit)}`}
        {limit > 0 && <Bar ratio={ratio} tone={tone} label={`${Math.round(100 * ratio)} %`} />}
      </dd>
    </div>
  );
};

/** Days before its end from which a certificate needs somebody's attention. */
const SOON_DAYS = 14;

/** Certificates. */
export const CertificatesPage: FC<StatusProps> = ({ status: { certificates }, nowMs }) =>
  certificates.length === 0
    ? (
      <div class="card empty">
        <p>This server uses no certificate.</p>
        <p class="small">
          <code>--tls-crt</code> and <code>--tls-key</code> give it one; without, something before it should end TLS.
        </p>
      </div>
    )
    : (
      <div class="card scroll">
        <table class="fold">
          <thead>
            <tr>
              <th scope="col">State</th>
              <th scope="col">Certificate</th>
              <th scope="col">Ends</th>
              <th scope="col">File</th>
            </tr>
          </thead>
          <tbody>{certificates.map((certificate) => <Certificate certificate={certificate} nowMs={nowMs} />)}</tbody>
        </table>
      </div>
    );

const Certificate: FC<{ readonly certificate: CertificateStatus; readonly nowMs: number }> = (
  { certificate: { flag, file, subject, ends, days }, nowMs },
) => {
  const [tone, word]: [Tone, string] = days < 0
    ? ["bad", "ended"]
    : days < SOON_DAYS
    ? ["warn", "ends soon"]
    : ["good", "good"];
  return (
    <tr>
      <td>
        <State tone={tone} word={word} />
      </td>
      <th scope="row" class="id">{subject}</th>
      <td data-label="Ends" class="nowrap">
        <Moment at={ends} nowMs={nowMs} />
      </td>
      <td data-label="File" class="id">
        {file} <span class="soft">({flag})</span>
      </td>
    </tr>
  );
};
