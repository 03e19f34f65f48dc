import { filter, firstValueFrom } from 'rxjs';
import { expect } from 'vitest';

import {
  type Communicator,
  type CommunicatorOptions,
  type DisconnectedEvent,
  Endpoint,
  EndpointState,
  Mode,
  textMessage,
  textOf,
} from '../../lib/index.js';
import { communicator, startListening, untilState } from '../support/communicators.js';

const BYSTANDER = 'bystander';

/** The app ID that the bystander speaks under. */
const BYSTANDER_APP_ID = 7;

/** A hub, and a site that must not notice what others do to the hub. */
export interface Stage {
  readonly hub: Communicator;
  readonly url: string;
  /** The end of the next connection that is not the bystander's. Ask before it happens. */
  nextEnd(): Promise<DisconnectedEvent>;
  /** The bystander has the connection that it had, and messages go both ways. */
  expectUndisturbed(): Promise<void>;
}

/** Opens a stage. `stopAll` of `communicators.ts` closes it. */
export async function openStage(
  scheme: string,
  options: CommunicatorOptions = {},
  connProps: Readonly<Record<string, string>> = {},
): Promise<Stage> {
  const hub = communicator(new Endpoint('hub', {}, connProps), options);
  hub.addConnector(`${scheme}://127.0.0.1:0`, Mode.PASSIVE);
  const url = await startListening(hub);
  const site = communicator(new Endpoint(BYSTANDER, {}, connProps));
  site.addConnector(url, Mode.ACTIVE);
  await site.start();
  const [{ connProps: joined }] = await Promise.all([untilState(hub, BYSTANDER), untilState(site, 'hub')]);
  return {
    hub,
    url,
    nextEnd: () =>
      firstValueFrom(
        hub.lifecycle$.pipe(
          filter((event): event is DisconnectedEvent => event.type === 'disconnected'),
          filter(({ endpointName }) => endpointName !== BYSTANDER),
        ),
      ),
    expectUndisturbed: async () => {
      const endpoint = hub.findEndpoint(BYSTANDER);
      expect(endpoint?.state).toBe(EndpointState.READY);
      expect(endpoint?.connProps.peer_addr).toBe(joined.peer_addr);
      await exchange(site, 'hub', hub);
      await exchange(hub, BYSTANDER, site);
    },
  };
}

async function exchange(from: Communicator, toName: string, to: Communicator): Promise<void> {
  const arrived = firstValueFrom(to.messages(BYSTANDER_APP_ID));
  from.send(toName, BYSTANDER_APP_ID, textMessage('undisturbed'));
  expect(textOf((await arrived).message)).toBe('undisturbed');
}
