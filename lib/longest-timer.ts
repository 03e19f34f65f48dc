/** The longest time that a timer takes, in milliseconds: about 24 days. A longer one fires at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;
