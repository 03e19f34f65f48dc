import type { JobInMemory } from '../../lib/flare/job-folder.js';

/** How {@link trackedJob} goes. */
export interface TrackedJob {
  readonly name: string;
  /** Of NVFlare: what runs a script is another class from 2.9 on. */
  readonly version: string;
  readonly rounds: number;
  /** The site whose script fails in the last round. Default: none. */
  readonly failingSite?: string;
}

/**
 * Federated averaging as data scientists write it: a script with the Client API that trains with numpy, writes its loss to a
 * `SummaryWriter`, and sends metrics with its model, in the configuration that `FedJob` of NVFlare exports.
 */
export function trackedJob({ name, version, rounds, failingSite = '' }: TrackedJob): JobInMemory {
  const common = 'nvflare.app_common';
  const executors = `${common}.executors`;
  const executor = version.startsWith('2.9')
    ? {
        path: `${executors}.client_api_executor.ClientAPIExecutor`,
        args: { execution_mode: 'in_process', task_script_path: 'train.py', params_exchange_format: 'numpy' },
      }
    : {
        path: `${executors}.in_process_client_api_executor.InProcessClientAPIExecutor`,
        args: { task_script_path: 'train.py' },
      };
  const toServer = { path: `${common}.widgets.convert_to_fed_event.ConvertToFedEvent` };
  const selector = { path: `${common}.widgets.intime_model_selector.IntimeModelSelector` };
  return {
    name,
    files: {
      'meta.json': { name, min_clients: 2, deploy_map: { app: ['@ALL'] }, resource_spec: {} },
      'app/config/config_fed_server.json': {
        format_version: 2,
        workflows: [
          {
            id: 'controller',
            path: `${common}.workflows.fedavg.FedAvg`,
            args: { num_clients: 2, num_rounds: rounds },
          },
        ],
        components: [
          { id: 'model_selector', ...selector, args: { key_metric: 'accuracy' } },
          { id: 'persistor', path: `${common}.np.np_model_persistor.NPModelPersistor`, args: {} },
        ],
      },
      'app/config/config_fed_client.json': {
        format_version: 2,
        executors: [{ tasks: ['*'], executor }],
        components: [
          { id: 'event_to_fed', ...toServer, args: { events_to_convert: ['analytix_log_stats'] } },
        ],
      },
      'app/custom/train.py': script(rounds, failingSite),
    },
  };
}

function script(rounds: number, failingSite: string): string {
  return `
import nvflare.client as flare
from nvflare.client.tracking import SummaryWriter

flare.init()
writer = SummaryWriter()
while flare.is_running():
    model = flare.receive()
    if flare.get_site_name() == "${failingSite}" and model.current_round == ${rounds - 1}:
        raise RuntimeError("no such data set: cifar")
    accuracy = 0.5 + model.current_round / 10
    writer.add_scalar("loss", 1 - accuracy, global_step=model.current_round)
    params = {"numpy_key": model.params["numpy_key"] + 1}
    flare.send(flare.FLModel(params=params, params_type="FULL", metrics={"accuracy": accuracy}))
`.trimStart();
}
