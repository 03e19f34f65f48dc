import { readFileSync } from 'node:fs';

const FILE = new URL('../../docs/examples/grafana/rxflare.json', import.meta.url);

interface Dashboard {
  readonly panels: readonly {
    readonly title: string;
    readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[];
  }[];
  readonly templating: { readonly list: readonly { readonly type: string; readonly query: string }[] };
}

const { panels, templating } = JSON.parse(readFileSync(FILE, 'utf8')) as Dashboard;

/** A query of a panel. */
export interface PanelQuery {
  /** The panel, and the legend of the query in it. */
  readonly name: string;
  /** As Grafana sends it for all communicators. */
  readonly query: string;
  /** The labels that the legend shows. */
  readonly labels: readonly string[];
}

/** The queries of the panels. */
export const queries: readonly PanelQuery[] = panels.flatMap(({ title, targets }) =>
  targets.map(({ expr, legendFormat }) => ({
    name: `${title}: ${legendFormat}`,
    query: expr.replaceAll('$communicator', '.*').replaceAll('$__rate_interval', '1m'),
    labels: [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label),
  })),
);

/** The variables that are values of a label: the metric, and the label. */
export const variables: readonly (readonly [string, string])[] = templating.list
  .filter(({ type }) => type === 'query')
  .map(({ query }) => {
    const [, metric = '', label = ''] = /^label_values\((\w+), (\w+)\)$/.exec(query) ?? [];
    return [metric, label];
  });
