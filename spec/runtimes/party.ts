/**
 * A hub, a site or both in a process of its own, for a runtime that is not Node. Its only argument is a
 * {@link PartyOrder}. It prints what happens, one JSON line each, and ends when everything that it opened is closed.
 */
import { once } from 'node:events';

import { listen, type PartyOrder, talk } from './roles.js';

const [, , json = ''] = process.argv;
const order = JSON.parse(json) as PartyOrder;

if (order.role === 'site') {
  print(await said(order));
} else {
  const hub = await listen(order);
  print({ url: hub.url });
  if (order.role === 'both') print(await said(order));
  else await once(process.stdin, 'data');
  print({ heard: await hub.stop() });
  process.stdin.destroy();
}

async function said(site: PartyOrder): Promise<object> {
  try {
    return { said: await talk(site) };
  } catch (error) {
    return { failed: String(error) };
  }
}

function print(event: object): void {
  console.log(JSON.stringify(event));
}
