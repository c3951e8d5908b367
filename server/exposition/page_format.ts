/**
 * In which form a page is wanted: text or protobuf, and with which names.
 *
 * @module
 */

import { PROTOBUF_CONTENT_TYPE } from "../../common/exposition/protobuf.ts";
import { preferred } from "../../common/http/negotiate.ts";

/** The form of a page. */
export interface PageFormat {
  /** Whether it is delimited protobuf, in which native histograms are whole. */
  readonly isProtobuf: boolean;
  /** Whether names of any UTF-8 are wanted; others get them with underscores. */
  readonly allowsUtf8: boolean;
  /** What the page says that it is. */
  readonly contentType: string;
}

const OFFERS = ["text/plain", "application/vnd.google.protobuf"] as const;

/** The first time that an `Accept` header says which names it takes. */
const ESCAPING = /;\s*escaping=([\w-]+)/i;

/**
 * The form that an `Accept` header asks for. Names are decided by the parameter `escaping` of the range that is served, and not
 * by its version, as Prometheus does it on its own `/federate`. Prometheus itself never says it of protobuf, but of the texts
 * that it would take instead: what it takes in text it takes in protobuf.
 */
export function pageFormat(accept: string | null): PageFormat {
  const { offer, parameters } = preferred(accept, OFFERS);
  const isProtobuf = offer === 1;
  const asked = parameters.get("escaping") ?? (isProtobuf ? ESCAPING.exec(accept ?? "")?.[1].toLowerCase() : undefined);
  const allowsUtf8 = asked === "allow-utf-8";
  const version = parameters.get("version") === "1.0.0" ? "1.0.0" : "0.0.4";
  const escaping = allowsUtf8 ? "; escaping=allow-utf-8" : asked === undefined ? "" : "; escaping=underscores";
  const contentType = isProtobuf ? PROTOBUF_CONTENT_TYPE : `text/plain; version=${version}; charset=utf-8`;
  return { isProtobuf, allowsUtf8, contentType: contentType + escaping };
}
