/** A site says nothing longer than that of its resources. */
const MAX_LENGTH = 10_000;

/** The most that are told. */
const MAX_RESOURCES = 32;

/**
 * What a site has, from the `str` of a Python `dict`, as it answers `report_resources`. Source: `report_resources` of
 * `nvflare/app_common/resource_managers`: `{'resources': {'num_of_gpus': 2}, 'reserved_resources': {}}`.
 */
export function resourcesOf(text: string | undefined): readonly (readonly [string, string])[] | null {
  if (text === undefined || text.length > MAX_LENGTH) return null;
  const inner = /^\{'resources': ([[{].*[\]}]), 'reserved_resources': .*\}$/s.exec(text)?.[1];
  if (inner === undefined) return [['resources', text]];
  const pairs = inner.matchAll(/'([^']+)': ('[^']*'|[^,{}[\]]+|\[[^\]]*\]|\{[^}]*\})/g);
  return [...pairs]
    .slice(0, MAX_RESOURCES)
    .map(([, name = '', amount = '']) => [name, amount.replace(/^'|'$/g, '')]);
}
