/** The root of the server's family; each family of clients connects to it. */
export const ROOT = 'server';

/**
 * The neighbour to hand a message to that is for `target`, as NVFlare's cells decide it: the target itself, the way
 * down where it is below us, our parent within the family, and otherwise the way down to it, the server, or our parent.
 * Source: `_try_find_ep` of `nvflare/fuel/f3/cellnet/core_cell.py`.
 *
 * @param self - the name of the cell that asks, which is not the target
 * @param isConnected - whether a cell of this name is a neighbour
 * @returns `undefined` where no way is known
 */
export function nextHop(
  self: string,
  target: string,
  isConnected: (name: string) => boolean,
): string | undefined {
  if (isConnected(target)) return target;
  const parent = parentOf(self);
  if (rootOf(self) === rootOf(target)) {
    if (target.startsWith(`${self}.`)) {
      // What is below us and not connected cannot be reached in any other way.
      return nearestAncestor(target, isConnected, self);
    }
    if (parent !== undefined && isConnected(parent)) return parent;
  }
  const down = nearestAncestor(target, isConnected);
  if (down !== undefined) return down;
  if (self !== ROOT && isConnected(ROOT)) return ROOT;
  return parent !== undefined && isConnected(parent) ? parent : undefined;
}

function nearestAncestor(
  name: string,
  isConnected: (name: string) => boolean,
  end?: string,
): string | undefined {
  for (let above = parentOf(name); above !== end && above !== undefined; above = parentOf(above)) {
    if (isConnected(above)) return above;
  }
  return undefined;
}

/**
 * Whether a neighbour may hand over what a cell is said to have sent: it is that cell or above it, or it is above us, which
 * is where all others lead to us. The ways of {@link nextHop} bring nothing else, so all else is forged.
 */
export function maySpeakFor(self: string, neighbour: string, origin: string): boolean {
  return neighbour === ROOT || isOrIsAbove(neighbour, origin) || isOrIsAbove(neighbour, self);
}

/**
 * Whether a message of a neighbour may make us pull what a cell keeps: one that the neighbour may speak for, or one of its
 * own family, since a job of a site passes on what the process that trains for it keeps, and connects to the server itself.
 */
export function mayReferTo(self: string, neighbour: string, keeper: string): boolean {
  return maySpeakFor(self, neighbour, keeper) || rootOf(neighbour) === rootOf(keeper);
}

function isOrIsAbove(name: string, other: string): boolean {
  return name === other || other.startsWith(`${name}.`);
}

/** The name without its last part. */
export function parentOf(name: string): string | undefined {
  const dot = name.lastIndexOf('.');
  return dot === -1 ? undefined : name.slice(0, dot);
}

export function rootOf(name: string): string {
  return name.split('.', 1)[0] ?? name;
}
