import type { JobInMemory } from '../../lib/flare/job-folder.js';

/** How the job of {@link federatedAverage} goes. */
export interface FederatedAverage {
  readonly name?: string;
  /** Default: 2. */
  readonly rounds?: number;
  /** How long a site trains in each round. Default: 0. */
  readonly trainSeconds?: number;
  readonly minClients?: number;
}

/**
 * Federated averaging with numpy, by NVFlare's own classes: each site adds 1 to the model in each round, so that the model at the
 * end is that of the beginning and the number of rounds.
 */
export function federatedAverage({
  name = 'fedavg',
  rounds = 2,
  trainSeconds = 0,
  minClients = 2,
}: FederatedAverage = {}): JobInMemory {
  const common = 'nvflare.app_common';
  return {
    name,
    files: {
      'meta.json': { name, min_clients: minClients, deploy_map: { app: ['@ALL'] }, resource_spec: {} },
      'app/config/config_fed_server.json': {
        format_version: 2,
        workflows: [
          {
            id: 'scatter_and_gather',
            path: `${common}.workflows.scatter_and_gather.ScatterAndGather`,
            args: {
              min_clients: minClients,
              num_rounds: rounds,
              wait_time_after_min_received: 0,
              aggregator_id: 'aggregator',
              persistor_id: 'persistor',
              shareable_generator_id: 'shareable_generator',
              train_task_name: 'train',
            },
          },
        ],
        components: [
          { id: 'persistor', path: `${common}.np.np_model_persistor.NPModelPersistor`, args: {} },
          {
            id: 'shareable_generator',
            path: `${common}.shareablegenerators.full_model_shareable_generator.FullModelShareableGenerator`,
            args: {},
          },
          {
            id: 'aggregator',
            path: `${common}.aggregators.intime_accumulate_model_aggregator.InTimeAccumulateWeightedAggregator`,
            args: { expected_data_kind: 'WEIGHTS' },
          },
        ],
      },
      'app/config/config_fed_client.json': {
        format_version: 2,
        executors: [
          {
            tasks: ['train'],
            executor: { path: `${common}.np.np_trainer.NPTrainer`, args: { sleep_time: trainSeconds } },
          },
        ],
        components: [],
      },
    },
  };
}
