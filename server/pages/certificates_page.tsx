/**
 * When the certificates end that the server and the other members of its ring use.
 *
 * @module
 */

import type { FC } from "@hono/hono/jsx";
import { Cell, Moment, State, type Tone } from "../../common/pages/page.tsx";
import { FoldTable } from "../../common/pages/tables.tsx";
import type { RingView } from "../api/ring_view.ts";
import { type CertificateStatus, endsSoon, type ServerStatus } from "../api/status.ts";

/** What the page shows. */
export interface CertificatesPageProps {
  /** What the server says of itself. */
  readonly status: ServerStatus;
  /** What the other members say; undefined where there is no ring. */
  readonly ring: RingView | undefined;
  /** Now, in milliseconds since the epoch. */
  readonly nowMs: number;
}

/** The page. */
export const CertificatesPage: FC<CertificatesPageProps> = ({ status, ring, nowMs }) => {
  const others = ring?.members.filter(({ name }) => name !== ring.name) ?? [];
  const rows = [
    ...status.certificates.map((certificate) => ({ member: status.name, certificate })),
    ...others.flatMap(({ name, certificates = [] }) =>
      certificates.map((certificate) => ({ member: name, certificate }))
    ),
  ].sort((a, b) => a.certificate.days - b.certificate.days);
  const silent = others.filter(({ status, certificates }) => status !== "LEFT" && certificates === undefined);
  return (
    <>
      {silent.length > 0 && (
        <div class="note warn" role="status">
          Not known of {silent.map(({ name }) => name).join(", ")}: see <a href="/ring">the ring</a> for why.
        </div>
      )}
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
            <FoldTable columns={["State", "Certificate", "Ends", ...ring ? ["Member"] : [], "File"].map(named)}>
              {rows.map(({ member, certificate: { flag, file, subject, ends, days } }) => (
                <tr>
                  <td>
                    <CertificateState days={days} />
                  </td>
                  <th scope="row" class="id">{subject}</th>
                  <Cell label="Ends" class="nowrap">
                    <Moment at={ends} nowMs={nowMs} />
                  </Cell>
                  {ring !== undefined && <Cell label="Member">{member}</Cell>}
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
