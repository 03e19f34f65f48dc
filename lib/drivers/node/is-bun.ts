/** Whether this is Bun, whose `ws` and `node:https` lack what connections need. */
export const isBun = 'bun' in process.versions;
