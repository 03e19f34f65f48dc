import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { type FederatedAverage, federatedAverage } from '../support/federated-average.js';

const LEARNER = fileURLToPath(new URL('learner.py', import.meta.url));

/** How the job of {@link writeLearningJob} goes. */
export interface LearningJob extends FederatedAverage {
  readonly name: string;
  /** A site that fails in round 1. */
  readonly failsAt?: string;
}

/**
 * Writes the folder of a job that trains a model by federated averaging, and measures its accuracy at each site in each round.
 *
 * @returns the folder
 */
export async function writeLearningJob(directory: string, job: LearningJob): Promise<string> {
  const { files } = federatedAverage(job);
  const server = files['app/config/config_fed_server.json'] as { readonly components: readonly unknown[] };
  const selector = {
    id: 'selector',
    path: 'nvflare.app_common.widgets.intime_model_selector.IntimeModelSelector',
    args: { key_metric: 'accuracy' },
  };
  const client = {
    format_version: 2,
    executors: [
      {
        tasks: ['train'],
        executor: {
          path: 'learner.Learner',
          args: { train_seconds: job.trainSeconds ?? 0, fails_at: job.failsAt ?? '' },
        },
      },
    ],
    components: [],
  };
  const all = {
    ...files,
    'app/config/config_fed_server.json': { ...server, components: [...server.components, selector] },
    'app/config/config_fed_client.json': client,
    'app/custom/learner.py': await readFile(LEARNER, 'utf8'),
  };
  const folder = join(directory, job.name);
  for (const [path, content] of Object.entries(all)) {
    const file = join(folder, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content, null, 2));
  }
  return folder;
}
