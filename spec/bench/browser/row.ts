/** What `npm run bench:browser -- --json` writes: medians of one direction and size. */
export interface BrowserRow {
  readonly direction: Direction;
  readonly bytes: number;
  /** Messages a second. */
  readonly rxflarePerSecond: number;
  /** The same with the bare WebSocket of the page, and `ws` in Node. */
  readonly webSocketPerSecond: number;
}

/** Which way messages go. */
export type Direction = 'page to Node' | 'Node to page';

/** What is compared. */
export type BrowserSystem = 'rxflare' | 'WebSocket';
