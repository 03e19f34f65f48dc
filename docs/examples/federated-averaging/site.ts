/** A site: trains on its own flowers whenever the hub asks, and never shows them to anyone. */
import { firstValueFrom } from 'rxjs';
import { Communicator, Endpoint, Mode } from 'rxflare';

import { Apps } from './apps.js';
import { shard } from './iris.js';
import { fromBytes, toBytes, train } from './model.js';

const [name = 'site-1', url = '', index = '0', sites = '3'] = process.argv.slice(2);
const flowers = shard(Number(index), Number(sites));

const site = new Communicator(new Endpoint(name, { samples: flowers.length }));
site.addConnector(url, Mode.ACTIVE);

site.registerMessageReceiver(Apps.TRAIN, ({ endpoint: hub, message: { headers, payload } }) => {
  const start = fromBytes(payload);
  if (start === undefined) throw new TypeError('expected weights');
  const weights = train(start, flowers);
  site.send(hub, Apps.UPDATE, {
    headers: { round: headers?.round, samples: flowers.length },
    payload: toBytes(weights),
  });
});

const done = firstValueFrom(site.messages(Apps.DONE));
await site.start();
await done;
await site.stop();
