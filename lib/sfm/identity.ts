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
  const mapped = map.prefix && lookUpPrefix(map.prefix, name, isBelowLocal ? localName : '');
  if (mapped !== undefined) return mapped;
  const end = name.lastIndexOf('.');
  if (end > 0 && name.startsWith(ATTACHED_TRAINER, end + 1)) {
    return resolveIdentity(name.slice(0, end), localName, map);
  }
  const own = isBelowLocal ? name.slice(localName.length + 1) : name;
  return own.split('.')[0] ?? name;
}

/** The entry of the longest prefix. What stands above the local endpoint says nothing of those below it. */
function lookUpPrefix(
  prefixes: Readonly<Record<string, string>>,
  name: string,
  localName: string,
): string | undefined {
  for (let end = name.length; end > 0; end = name.lastIndexOf('.', end - 1)) {
    const prefix = name.slice(0, end);
    if (localName.startsWith(`${prefix}.`)) continue;
    const mapped = lookUp(prefixes, prefix);
    if (mapped !== undefined) return mapped;
  }
  return undefined;
}

/** Empty entries count as absent, as in NVFlare. */
function lookUp(map: Readonly<Record<string, string>> | undefined, name: string): string | undefined {
  return map !== undefined && Object.hasOwn(map, name) && map[name] !== '' ? map[name] : undefined;
}
