import { CommError, CommErrorCode } from '../comm-error.js';
import { Endpoint, endpointNameFault, type EndpointProperties, EndpointState } from '../endpoint.js';
import { quoted } from '../quoted.js';
import type { ConnectionProperties } from '../transport/connection.js';
import { mapFault } from '../wire/check-map.js';
import { decodeMap, encodeMap } from '../wire/map-codec.js';

/** `endpoint_name` and `timestamp`. */
const PROTOCOL_FIELDS = 2;

/**
 * The payload of HELLO and READY: who we are.
 *
 * @param properties - those of this handshake, which win over those of the endpoint
 * @throws CommError `BAD_DATA` where the properties cannot be sent
 */
export function encodeHandshake(
  local: Endpoint,
  nowMs: number,
  properties: EndpointProperties = {},
): Uint8Array {
  return encodeMap({
    ...local.properties,
    ...properties,
    endpoint_name: local.name,
    timestamp: nowMs / 1000,
  }).slice();
}

/**
 * The endpoint that a HELLO or READY introduces.
 *
 * @param maxProperties - how many properties it may have, those inside of others included
 * @throws CommError `BAD_DATA` where there is no valid name in it, or too many properties
 */
export function decodeHandshake(
  payload: Uint8Array | undefined,
  connection: ConnectionProperties,
  maxProperties = Infinity,
): Endpoint {
  // Before it is decoded: 64 KiB can hold 20,000 of them, which take many times that in memory.
  const bytes = payload ?? new Uint8Array(0);
  const mapError = mapFault(bytes, maxProperties + PROTOCOL_FIELDS);
  if (mapError !== undefined) throw refused(`bad MessagePack map: ${mapError}`);
  const { endpoint_name, timestamp: _, ...properties } = decodeMap(bytes);
  if (typeof endpoint_name !== 'string') throw refused('it has no endpoint_name');
  const name = endpoint_name.trim();
  const fault = endpointNameFault(name);
  if (fault !== undefined) throw refused(`endpoint name ${quoted(endpoint_name)}: ${fault}`);
  return new Endpoint(name, properties, { ...connection }, EndpointState.READY);
}

function refused(detail: string): CommError {
  return new CommError(CommErrorCode.BAD_DATA, `handshake refused: ${detail}`);
}
