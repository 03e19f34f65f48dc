import { CommError, CommErrorCode } from '../../comm-error.js';
import type { AttachableServer } from './attached-server.js';
import { leaveToOthers, upgradeOnly } from './strange-upgrades.js';
import { takeUpgrades, type UpgradeRoute } from './upgrades.js';

/** The routes on one server of the application, and what ends them. */
interface Attached {
  readonly routes: Map<string, UpgradeRoute>;
  readonly stop: () => void;
}

const attachedTo = new WeakMap<AttachableServer, Attached>();

/**
 * Takes the upgrades of one path of a server that the application has. All paths of a server share one `upgrade`
 * listener, so that an upgrade of another path is seen as a stranger's once.
 *
 * @returns what ends it
 * @throws CommError `BAD_CONFIG` where the path is taken
 */
export function attachRoute(server: AttachableServer, path: string, route: UpgradeRoute): () => void {
  const { routes, stop } = attachedTo.get(server) ?? attachFirst(server);
  if (routes.has(path)) {
    const detail = `another listener has the path ${path} of this server already: give each its own`;
    throw new CommError(CommErrorCode.BAD_CONFIG, detail);
  }
  routes.set(path, route);
  return () => {
    routes.delete(path);
    if (routes.size > 0) return;
    attachedTo.delete(server);
    stop();
  };
}

function attachFirst(server: AttachableServer): Attached {
  const routes = new Map<string, UpgradeRoute>();
  const stop = takeUpgrades(server, (path) => routes.get(path), leaveToOthers(server));
  const release = upgradeOnly(server, (path) => routes.has(path));
  const attached = {
    routes,
    stop: () => {
      release();
      stop();
    },
  };
  attachedTo.set(server, attached);
  return attached;
}
