/**
 * When the certificates end that the server and the other members of its ring use.
 *
 * @module
 */

import type { FC } from "@hono/hono/jsx";
import { Cell, Moment, State, type Tone } from "../../common/pages/page.tsx";
import { FoldTable } from "../../common/pages/tables.tsx";
import { type CertificateStatus, endsSoon } from "../api/status.ts";
import type { ToldByMembers } from "../api/told_by_members.ts";
import { Untold } from "./untold.tsx";

/** What the page shows. */
export interface CertificatesPageProps {
  /** The certificates of all members. */
  readonly told: ToldByMembers<CertificateStatus>;
  /** Now, in milliseconds since the epoch. */
  readonly nowMs: number;
}

/** The page. */
export const CertificatesPage: FC<CertificatesPageProps> = ({ told: { found, members }, nowMs }) => {
  const rows = [...found].sort((a, b) => a.days - b.days);
  return (
    <>
      <Untold members={members} />
      {rows.length === 0
        ? (
          <div class="card empty">
            <p>This server uses no certificate.</p>
            <p class="small">
              <code>--tls-crt</code> and <code>--tls-key</code>{" "}
              give it one; without, something before it should end TLS.
            </p>
          </div>
        )
        : (
          <div class="card scroll">
            <FoldTable columns={["State", "Certificate", "Ends", ...members ? ["Member"] : [], "File"].map(named)}>
              {rows.map(({ member, flag, file, subject, ends, days }) => (
                <tr>
                  <td>
                    <CertificateState days={days} />
                  </td>
                  <th scope="row" class="id">{subject}</th>
                  <Cell label="Ends" class="nowrap">
                    <Moment at={ends} nowMs={nowMs} />
                  </Cell>
                  {members !== undefined && <Cell label="Member">{member}</Cell>}
                  <Cell label="File" class="id">
                    {file} <span class="soft">({flag})</span>
                  </Cell>
                </tr>
              ))}
            </FoldTable>
          </div>
        )}
    </>
  );
};

function named(name: string) {
  return { name };
}

/** How it stands with a certificate that ends in so many days. */
export const CertificateState: FC<Pick<CertificateStatus, "days">> = ({ days }) => {
  const [tone, word]: [Tone, string] = days < 0
    ? ["bad", "ended"]
    : endsSoon({ days })
    ? ["warn", "ends soon"]
    : ["good", "good"];
  return <State tone={tone} word={word} />;
};
