import { readFileSync } from 'node:fs';

const FILE = new URL('../../docs/examples/grafana/rxflare.json', import.meta.url);

interface Dashboard {
  readonly panels: readonly {
    readonly title: string;
    readonly targets: readonly { readonly expr: string }[];
  }[];
  readonly templating: { readonly list: readonly { readonly query: string }[] };
}

const { panels, templating } = JSON.parse(readFileSync(FILE, 'utf8')) as Dashboard;

/** The queries of the panels, as Grafana sends them for all communicators. */
export const queries: readonly string[] = panels.flatMap(({ targets }) =>
  targets.map(({ expr }) => expr.replaceAll('$communicator', '.*').replaceAll('$__rate_interval', '1m')),
);

/** Names of metrics that the panels and the variables of the dashboard read. */
export const namesRead: readonly string[] = [
  ...new Set(
    [...queries, ...templating.list.map(({ query }) => query)].flatMap(
      (query) => query.match(/\b(rxflare|messaging)_\w+(?=[{,])/g) ?? [],
    ),
  ),
];
