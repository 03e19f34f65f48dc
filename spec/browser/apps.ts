/** Numbered messages. */
export const APP = 7;

/** What the hub sends back as it came. */
export const LARGE_APP = 8;
