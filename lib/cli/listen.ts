import { firstValueFrom, merge } from 'rxjs';

import { CommError } from '../comm-error.js';
import { Endpoint } from '../endpoint.js';
import { Communicator } from '../index.js';
import { Mode } from '../transport/driver.js';
import { endRequested } from './end-requested.js';
import { narrate, narrateMessages } from './narrate.js';
import { Printer } from './printer.js';
import { asksForTls, type TlsOptions, tlsResources } from './tls-options.js';

interface ListenOptions extends TlsOptions {
  readonly name: string;
  readonly app: number;
  readonly echo: boolean;
  readonly json: boolean;
}

/** `rxflare listen`: a hub that prints what happens, until it is asked to end. */
export async function listenCommand(urls: readonly string[], options: ListenOptions): Promise<void> {
  const { name, app, echo, json } = options;
  const printer = new Printer(json);
  const hub = new Communicator(new Endpoint(name));
  for (const url of urls)
    hub.addConnector(url, Mode.PASSIVE, asksForTls(options), tlsResources(options, 'server'));
  merge(narrate(hub), narrateMessages(hub, app)).subscribe((output) => printer.print(output));
  if (echo) {
    hub.registerMessageReceiver(app, ({ endpoint, message }) => {
      if (!hub.send(endpoint, app, message)) return firstValueFrom(hub.drained(endpoint));
      return undefined;
    });
  }
  const ended = firstValueFrom(endRequested());
  await hub.start().catch((error: unknown) => {
    throw CommError.from(error);
  });
  await ended;
  await hub.stop();
}
