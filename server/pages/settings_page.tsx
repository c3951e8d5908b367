/**
 * How the server is set, how far it is from its limits, and when its certificates end.
 *
 * @module
 */

import type { FC } from "@hono/hono/jsx";
import { Bar, Cell, Fact, Moment, number, State, type Tone, toneOfShare } from "../../common/pages/page.tsx";
import { FlagTables } from "../../common/pages/flag_tables.tsx";
import type { CertificateStatus, LimitUse, ServerStatus } from "../api/status.ts";

interface StatusProps {
  readonly status: ServerStatus;
  readonly nowMs: number;
}

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
      <FlagTables flags={flags} />
    </>
  );
};

const Limit: FC<{ readonly limit: LimitUse }> = ({ limit: { flag, what, used, limit } }) => {
  const ratio = limit === 0 ? 0 : used / limit;
  return (
    <Fact name={what.charAt(0).toUpperCase() + what.slice(1)} flag={flag}>
      {number(used)} {limit === 0 ? "without a limit" : `of ${number(limit)}`}
      {limit > 0 && <Bar ratio={ratio} tone={toneOfShare(ratio)} label={`${Math.round(100 * ratio)} %`} />}
    </Fact>
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
      <Cell label="Ends" class="nowrap">
        <Moment at={ends} nowMs={nowMs} />
      </Cell>
      <Cell label="File" class="id">
        {file} <span class="soft">({flag})</span>
      </Cell>
    </tr>
  );
};
