import { afterEach, describe, expect, it, vi } from 'vitest';

import { checkClusterOptions, type ClusterOptions } from '../../lib/cli/cluster-options.js';
import { CommErrorCode } from '../../lib/index.js';

const CLUSTER: ClusterOptions = { cluster: 'nats://127.0.0.1:4222', clusterName: 'fl' };
const OWN: ClusterOptions = { clusterName: 'fl', workers: 2, natsServer: 'nats-server', natsStore: 'nats' };

afterEach(() => vi.unstubAllEnvs());

describe('the options of a cluster', () => {
  it.each([[{}], [CLUSTER], [{ ...CLUSTER, workers: 2 }], [OWN]])('go together: %j', (options) => {
    expect(() => checkClusterOptions(options, { '--dashboard': false })).not.toThrow();
  });

  it.each<[ClusterOptions, string]>([
    [{ clusterName: 'fl' }, 'expected --cluster with --cluster-name'],
    [{ natsCaCert: 'ca.pem' }, 'expected --cluster with --nats-ca-cert'],
    [{ workers: 2 }, 'expected --cluster with --workers, or --nats-server'],
    [{ cluster: 'nats://127.0.0.1' }, 'expected --cluster-name: replicas of one name are one hub'],
    [
      { clusterName: 'fl', natsServer: 'nats-server', natsStore: 'nats' },
      'expected --workers with --nats-server',
    ],
    [{ ...CLUSTER, natsStore: 'nats' }, 'expected --nats-server and --nats-store together'],
    [{ ...CLUSTER, ...OWN }, 'expected --cluster or --nats-server, got both'],
  ])('are refused where they do not: %j', (options, message) => {
    expect(() => checkClusterOptions(options)).toThrow(
      expect.objectContaining({ code: CommErrorCode.BAD_CONFIG, message }),
    );
  });

  it('may have the URL in the environment', () => {
    vi.stubEnv('RXFLARE_CLUSTER', 'nats://127.0.0.1:4222');
    expect(() => checkClusterOptions({ clusterName: 'fl' })).not.toThrow();
    expect(() => checkClusterOptions({})).toThrow('expected --cluster-name');
  });

  it('refuse workers beside what is of one process', () => {
    const check = (options: ClusterOptions) => () => checkClusterOptions(options, { '--dashboard': true });
    expect(check(CLUSTER)).not.toThrow();
    expect(check({ ...CLUSTER, workers: 2 })).toThrow('--dashboard is of one process');
  });
});
