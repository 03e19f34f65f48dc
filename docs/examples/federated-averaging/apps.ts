/** The application IDs of this example. */
export const Apps = {
  /** Hub to site: train on these weights. Headers: `round`. */
  TRAIN: 100,
  /** Site to hub: trained weights. Headers: `round`, `samples`. */
  UPDATE: 101,
  /** Hub to site: the last weights; there is nothing more to do. */
  DONE: 102,
} as const;
