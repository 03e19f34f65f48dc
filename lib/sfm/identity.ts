import type { IdentityMap } from '../options.js';

/** A trainer attached below a site, which uses that site's certificate (`CLIENT_API_ATTACH_LEAF_PREFIX`). */
const ATTACHED_TRAINER = '-client_api_';

/**
 * The certificate name (CN) that an endpoint must show under mtls: NVFlare 2.9's rule
 * (`nvflare.fuel.f3.cellnet.identity`).
 *
 * An exact entry of the identity map, else the longest mapped prefix, else, for a name below the local
 * endpoint's own, the next part (`relay.site-1.job-7` seen by `relay` is `site-1`), else the first part
 * (`site-1.job-7` is `site-1`).
 */
export function resolveIdentity(name: string, localName: string, map: IdentityMap): string {
  const exact = lookUp(map.exact, name);
  if (exact !== undefined) return exact;
  const isBelowLocal = name.startsWith(`${localName}.`);
  const parts = name.split('.');
  for (let count = parts.length; count > 0; count -= 1) {
    const prefix = parts.slice(0, count).join('.');
    // What stands above the local endpoint says nothing of those below it.
    if (isBelowLocal && localName.startsWith(`${prefix}.`)) continue;
    const mapped = lookUp(map.prefix, prefix);
    if (mapped !== undefined) return mapped;
  }
  if (parts.length > 1 && parts.at(-1)?.startsWith(ATTACHED_TRAINER) === true) {
    return resolveIdentity(parts.slice(0, -1).join('.'), localName, map);
  }
  const own = isBelowLocal ? name.slice(localName.length + 1) : name;
  return own.split('.')[0] ?? name;
}

/** Empty entries count as absent, as in NVFlare. */
function lookUp(map: Readonly<Record<string, string>> | undefined, name: string): string | undefined {
  return map !== undefined && Object.hasOwn(map, name) && map[name] !== '' ? map[name] : undefined;
}
