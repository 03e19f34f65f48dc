/**
 * The application IDs of rxflare's own services, which an endpoint offers only where it is told to. NVFlare
 * reserves 0 to 3; these are far from them, and an option of each service takes another one.
 */
export const MonitorAppIds = {
  /** Of `serveStats`, `watchStats` and `roundTrips`. */
  STATS: 29_286,
  /** Of `serveRelay`, `relayedMessages` and `sendThrough`. */
  RELAY: 29_287,
} as const;
