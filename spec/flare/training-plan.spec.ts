import { describe, expect, it } from 'vitest';

import { planIn, roundsInStats } from '../../lib/flare/training-plan.js';

const selector = (args?: object) => ({
  id: 'model_selector',
  path: 'nvflare.app_common.widgets.intime_model_selector.IntimeModelSelector',
  ...(args && { args }),
});

describe('the plan of a training', () => {
  it('has the number of rounds and the metric of a configuration', () => {
    const workflows = [{ id: 'controller', path: 'a.FedAvg', args: { num_clients: 2, num_rounds: 4 } }];
    const components = [{ id: 'x', path: 'y' }, selector({ key_metric: 'accuracy' })];
    expect(planIn(JSON.stringify({ workflows, components }))).toEqual({ rounds: 4, metric: 'accuracy' });
  });

  it('has no number where several workflows have rounds', () => {
    const workflow = { path: 'a', args: { num_rounds: 4 } };
    const config = { workflows: [workflow, { path: 'b' }, workflow], components: [selector()] };
    expect(planIn(JSON.stringify(config))).toEqual({ rounds: null, metric: 'val_accuracy' });
  });

  it.each(['cat: x: No such file or directory', '{"workflows": 3}', 'null', ''])('is none of %s', (text) => {
    expect(planIn(text)).toBe(undefined);
  });

  it('has the rounds that statistics tell', () => {
    const scatter = { phase: 'train', current_round: 0, num_rounds: 3 };
    expect(
      roundsInStats({ server: { ServerRunner: { status: 'started' }, ScatterAndGather: scatter } }),
    ).toBe(3);
    expect(roundsInStats({ server: { FedAvg: { tasks: {} } } })).toBe(null);
    expect(roundsInStats({ server: 'No Error' })).toBe(null);
  });
});
