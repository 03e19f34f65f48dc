/** The application of all messages. */
export const APP = 1;

/** What each message carries. */
export const PAYLOAD = new Uint8Array(100);
