import { isMatching, P } from 'ts-pattern';

import type { Facts } from './reported.js';

/** What the configuration of a job says of its training. */
export interface TrainingPlan {
  readonly rounds: number | null;
  /** The metric by which models are selected. */
  readonly metric: string | undefined;
}

/** A component, as far as it is of interest. */
const isComponent = isMatching({ path: P.string, args: P.optional(P.any) });
const isConfig = isMatching({
  workflows: P.optional(P.array(P.any)),
  components: P.optional(P.array(P.any)),
});
const hasRounds = isMatching({ num_rounds: P.number.int().positive() });
const hasMetric = isMatching({ key_metric: P.string.minLength(1) });

/** `key_metric` of `nvflare/app_common/widgets/intime_model_selector.py`, by default. */
const DEFAULT_METRIC = 'val_accuracy';

/**
 * Reads `config_fed_server.json` of an app. Where several workflows have rounds it is unknown how many there are in all.
 *
 * @returns `undefined` where it is no configuration
 */
export function planIn(text: string): TrainingPlan | undefined {
  const config = parsed(text);
  if (!isConfig(config)) return undefined;
  const rounds = (config.workflows ?? []).flatMap((workflow: unknown) => {
    const args = argsOf(workflow);
    return hasRounds(args) ? [args.num_rounds] : [];
  });
  const selector: unknown = (config.components ?? []).find(
    (component: unknown) => isComponent(component) && component.path.endsWith('.IntimeModelSelector'),
  );
  const args = argsOf(selector);
  const metric = selector === undefined ? undefined : hasMetric(args) ? args.key_metric : DEFAULT_METRIC;
  return { rounds: rounds.length === 1 ? (rounds[0] ?? null) : null, metric };
}

const hasStats = isMatching({ server: P.record(P.string, P.any) });

/** The number of rounds in what `show_stats` answers, where a workflow tells it, as ScatterAndGather does. */
export function roundsInStats(stats: Facts): number | null {
  const counted = hasStats(stats) ? Object.values(stats.server).filter(hasRounds) : [];
  return counted[0]?.num_rounds ?? null;
}

function argsOf(component: unknown): unknown {
  return isComponent(component) ? component.args : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // `cat` says in plain text that there is no such file.
  }
}
