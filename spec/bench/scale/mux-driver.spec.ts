import { firstValueFrom, toArray } from 'rxjs';
import { describe, expect, it, onTestFinished } from 'vitest';

import { parseUrl } from '../../../lib/transport/url.js';
import { type ContractSubject, driverContract } from '../../contract/driver-contract.js';
import { encodedHead, pair } from '../../contract/pair.js';
import { MuxDriver } from './mux-driver.js';

const subject: ContractSubject = {
  driver: new MuxDriver(),
  listenParams: () => Promise.resolve(parseUrl('mux://127.0.0.1:0')),
  connectParams: (url) => parseUrl(url),
};

/** What is measured over it would mean little if it were no driver. */
driverContract('mux', subject);

describe('a connection on a socket of many', () => {
  it('ends behind the frames that came before somebody read', async () => {
    const made = await pair(subject);
    onTestFinished(() => made.release());
    const { active, passive } = made;
    active.send(encodedHead(1, 0));
    active.send(encodedHead(2, 0));
    await active.close();
    expect(await firstValueFrom(passive.frames$.pipe(toArray()))).toHaveLength(2);
  });
});
