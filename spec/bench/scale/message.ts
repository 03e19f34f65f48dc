/** The application of all messages. */
export const APP = 1;

/** What each message carries. */
export const PAYLOAD = new Uint8Array(100);

/** The name of a site: below `site-1`, so that all of them may show its certificate. */
export function nameOf(index: number): string {
  return `site-1.${index}`;
}
