import { P } from 'ts-pattern';

import { type Endpoint, EndpointState } from '../endpoint.js';
import { isBytes } from '../is-bytes.js';
import { hideSecrets } from './hide-secrets.js';
import { oneOf } from './one-of.js';

/** The certificate that an endpoint showed, as far as its transport knows it. */
export interface CertificateDetails {
  readonly commonName: string;
  /** The common name of the CA that signed it. */
  readonly issuer?: string;
  /** When it expires, in ISO 8601. */
  readonly validTo?: string;
}

/** What the hub knows of one endpoint beside its figures. All texts are cut at 256 characters. */
export interface EndpointDetails {
  readonly name: string;
  readonly state: EndpointState;
  /** Its public properties as text, at most 64 of them, tokens and the like as `…`. Nothing proves them. */
  readonly properties: readonly { readonly name: string; readonly value: string }[];
  /** How many properties are left out. */
  readonly omitted: number;
  /** Absent where none was verified. */
  readonly certificate?: CertificateDetails;
}

const MAX_PROPERTIES = 64;
const MAX_TEXT = 256;

/** The details of an endpoint, in bounded size. */
export function detailsOf({ name, state, properties, connProps }: Endpoint): EndpointDetails {
  const { peer_cn, peer_issuer, peer_valid_to } = connProps;
  const entries = Object.entries(hideSecrets(properties));
  const certificate = typeof peer_cn === 'string' && {
    commonName: cut(peer_cn),
    ...(typeof peer_issuer === 'string' ? { issuer: cut(peer_issuer) } : {}),
    ...(typeof peer_valid_to === 'string' ? { validTo: cut(peer_valid_to) } : {}),
  };
  return {
    name,
    state,
    properties: entries
      .slice(0, MAX_PROPERTIES)
      .map(([key, value]) => ({ name: cut(key), value: cut(readable(value)) })),
    omitted: Math.max(0, entries.length - MAX_PROPERTIES),
    ...(certificate === false ? {} : { certificate }),
  };
}

/** A value of MessagePack in one line; bytes are only counted. */
function readable(value: unknown): string {
  if (typeof value === 'string') return value;
  if (isBytes(value)) return `(${value.length} bytes)`;
  return typeof value === 'object' && value !== null ? '(structured)' : String(value);
}

function cut(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT - 1)}…` : text;
}

/**
 * Details as they travel.
 *
 * @internal
 */
export const DETAILS = {
  name: P.string,
  state: oneOf(EndpointState),
  properties: P.array({ name: P.string, value: P.string }),
  omitted: P.number,
  certificate: P.optional({
    commonName: P.string,
    issuer: P.optional(P.string),
    validTo: P.optional(P.string),
  }),
} as const satisfies Readonly<Record<keyof EndpointDetails, unknown>>;
