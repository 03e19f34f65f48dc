/**
 * The application IDs of rxflare's own services. An endpoint offers a service only where its program calls
 * `serveStats` or `serveRelay`. NVFlare reserves the IDs 0 to 3. The option `appId` of each service takes another ID.
 */
export const MonitorAppIds = {
  /** Of `serveStats`, `watchStats` and `roundTrips`. */
  STATS: 29_286,
  /** Of `serveRelay`, `relayedMessages` and `sendThrough`. */
  RELAY: 29_287,
} as const;
