import { EMPTY, filter, firstValueFrom, skip, take, toArray } from 'rxjs';
import { afterAll, afterEach, describe, expect, inject, it } from 'vitest';

import {
  type Communicator,
  Endpoint,
  EndpointState,
  type MessageHeaders,
  Mode,
  type ReceivedMessage,
} from '../../lib/index.js';
import { FrameType, frameType } from '../../lib/wire/prefix.js';
import { testCertificates } from '../support/certificates.js';
import { communicator, nextEvent, stopAll, untilState } from '../support/communicators.js';
import { isEndpoint, isMessage, NvflarePeer, type PeerFields } from '../support/nvflare-peer.js';
import { pattern, sha256 } from '../support/pattern.js';
import {
  type Cell,
  CELLS,
  credentials,
  describeCell,
  expectedCommonName,
  freshUrl,
  maxPayloadToPython,
  namesOf,
  noticesCleanEnd,
} from './cells.js';
import { recordResults, type ResultRow } from './results.js';

const APP = 7;
const MIB = 1024 ** 2;
/** 0 bytes to 64 MiB, with the sizes around the places where buffers end. */
const SIZES = [0, 1, 100, 65_535, 65_536, MIB, 64 * MIB];

const HEADERS = {
  topic: 'weights',
  ünïcode: '✓',
  round: 3,
  negative: -5,
  large: 2 ** 40,
  largest: 2n ** 64n - 1n,
  least: -(2n ** 63n),
  ratio: 0.25,
  nothing: null,
  yes: true,
  raw: Uint8Array.of(0, 1, 255),
  nested: { list: [1, 'two', { three: 3 }] },
} satisfies MessageHeaders & PeerFields;

const passed = new Map<Cell, Set<string>>();
const peers: NvflarePeer[] = [];

/** Proves transports against real NVFlare peers: every version, security and listening side that there is. */
export function interopSuite(schemes: readonly string[]): void {
  const cells = CELLS.filter(({ scheme }) => schemes.includes(scheme)).map(
    (cell) => [describeCell(cell), cell] as const,
  );
  afterAll(() => recordResults('Interop with real NVFlare', [...passed].map(rowOf)));
  describe.skipIf(inject('interopObstacle') !== '').each(cells)('NVFlare %s', (_title, cell) => {
    const names = namesOf(cell);
    const done = new Set<string>();
    passed.set(cell, done);

    afterEach(async () => {
      await stopAll();
      await Promise.all(peers.splice(0).map((peer) => peer.kill()));
    });

    it('shakes hands and exchanges properties', async () => {
      const { python, typescript } = await join(cell);
      const seen = await untilState(typescript, names.python);
      expect(seen.properties).toEqual({ language: 'python', level: 2 });
      expect(seen.connProps.peer_addr).not.toBe('');
      expect(seen.connProps.peer_cn).toBe(expectedCommonName(cell));
      const { properties } = await python.next(isEndpoint(names.typescript, 'READY'));
      expect(properties).toMatchObject({ language: 'typescript', level: 3 });
      done.add('handshake');
    });

    it('carries messages from Python, with and without headers, 0 bytes to 64 MiB', async () => {
      const { python, typescript } = await join(cell);
      await python.next(isEndpoint(names.typescript, 'READY'));
      for (const headers of [HEADERS, null]) {
        for (const size of SIZES) {
          const arrived = firstValueFrom(typescript.messages(APP));
          const hash = await python.send({ to: names.typescript, app: APP, headers, size, seed: 5 });
          const { endpoint, message } = await arrived;
          expect(endpoint.name).toBe(names.python);
          expect(message.headers).toEqual(headers ?? undefined);
          expect(message.payload?.length ?? 0).toBe(size);
          expect(sha256(message.payload)).toBe(hash);
        }
      }
      done.add('receive');
    });

    it('carries messages to Python, with and without headers, 0 bytes to 64 MiB', async () => {
      const { python, typescript } = await join(cell);
      for (const headers of [HEADERS, undefined]) {
        for (const size of SIZES) {
          if (size > maxPayloadToPython(cell)) continue;
          const payload = pattern(size, 9);
          await typescript.sendAll(names.python, APP, [{ headers, payload }]);
          const message = await python.next(isMessage(names.typescript), 60_000);
          expect(message.headers).toEqual(headers ?? null);
          expect(message).toMatchObject({ bytes: size, sha256: sha256(payload), payloadNone: size === 0 });
        }
      }
      done.add('send');
    });

    it('loses no message that is sent as soon as the endpoint is READY', async () => {
      const { python, typescript } = await join(cell, (site) => {
        site.registerMonitor(({ state }) => {
          if (state === EndpointState.READY)
            for (let n = 0; n < 50; n += 1) site.send(names.python, APP, { headers: { n } });
        });
      });
      const received = firstValueFrom(
        python.events.pipe(filter(isMessage(names.typescript)), take(50), toArray()),
      );
      const numbers = (await received).map(({ headers }) => Number(headers?.n));
      expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, n) => n));
      await python.receive(APP + 1, true);
      const echoes = firstValueFrom(typescript.messages(APP + 1));
      typescript.send(names.python, APP + 1, { headers: { last: true } });
      expect((await echoes).message.headers).toEqual({ last: true });
      done.add('at once');
    });

    it.each([
      { title: 'answers the PING of Python', type: FrameType.PING, heartbeatIntervalMs: 0 },
      { title: 'has its PING answered', type: FrameType.PONG, heartbeatIntervalMs: 300 },
    ])('$title', async ({ type, heartbeatIntervalMs }) => {
      const { typescript } = await join(cell, undefined, { heartbeatIntervalMs, heartbeatTimeoutMs: 5_000 });
      const frames$ = typescript.findConnector(handles.get(typescript) ?? '')?.frames$ ?? EMPTY;
      // The second one proves that the first was not the end.
      await firstValueFrom(
        frames$.pipe(
          filter((frame) => frameType(frame) === type),
          skip(1),
        ),
      );
      expect(typescript.findEndpoint(names.python)?.state).toBe(EndpointState.READY);
      done.add(type === FrameType.PING ? 'PING' : 'PONG');
    });

    it('is there again after Python is killed and restarted', async () => {
      const { python, typescript, url } = await join(cell);
      await python.kill();
      await untilState(typescript, names.python, EndpointState.DISCONNECTED);
      const again = await startPython(cell, url);
      await untilState(typescript, names.python);
      await expectEcho(typescript, again, names.python);
      done.add('Python restarts');
    });

    it('is there again after TypeScript is stopped and restarted', async () => {
      const { python, typescript, url } = await join(cell);
      await python.next(isEndpoint(names.typescript, 'READY'));
      await typescript.stop();
      if (noticesCleanEnd(cell)) await python.next(isEndpoint(names.typescript, 'DISCONNECTED'));
      const again = await startTypescript(cell, url);
      await untilState(again, names.python);
      if (noticesCleanEnd(cell)) await python.next(isEndpoint(names.typescript, 'READY'));
      await expectEcho(again, python, names.python);
      done.add('TypeScript restarts');
    });
  });
}

function rowOf([{ version, scheme, security, listener }, done]: readonly [
  Cell,
  ReadonlySet<string>,
]): ResultRow {
  const facts = { nvflare: version, transport: scheme, security, listens: listener };
  return { facts, proved: Object.fromEntries([...done].map((column) => [column, ''])) };
}

const handles = new Map<Communicator, string>();

/** Starts both sides, the listener first, and waits until TypeScript sees Python. */
async function join(cell: Cell, prepare?: (typescript: Communicator) => void, options = {}) {
  const url = await freshUrl(cell);
  const first = cell.listener === 'python' ? await startPython(cell, url) : undefined;
  const typescript = await startTypescript(cell, url, prepare, options);
  const python = first ?? (await startPython(cell, url));
  await untilState(typescript, namesOf(cell).python);
  return { python, typescript, url };
}

async function startPython(cell: Cell, url: string): Promise<NvflarePeer> {
  const name = namesOf(cell).python;
  const peer = await NvflarePeer.start({
    version: cell.version,
    name,
    properties: { language: 'python', level: 2 },
    connProps: credentials(cell, name, await testCertificates()),
    heartbeatSeconds: 1,
  });
  peers.push(peer);
  await peer.receive(APP);
  await (cell.listener === 'python' ? peer.listen(url) : peer.connect(url));
  return peer;
}

async function startTypescript(
  cell: Cell,
  url: string,
  prepare: (typescript: Communicator) => void = () => undefined,
  options = {},
): Promise<Communicator> {
  const name = namesOf(cell).typescript;
  const connProps = credentials(cell, name, await testCertificates());
  const endpoint = new Endpoint(name, { language: 'typescript', level: 3 }, connProps);
  const typescript = communicator(endpoint, options);
  const mode = cell.listener === 'typescript' ? Mode.PASSIVE : Mode.ACTIVE;
  handles.set(typescript, typescript.addConnector(url, mode));
  prepare(typescript);
  const listening = mode === Mode.PASSIVE ? nextEvent(typescript, 'listening') : undefined;
  await typescript.start();
  await listening;
  return typescript;
}

/** One message there and back. */
async function expectEcho(
  typescript: Communicator,
  python: NvflarePeer,
  name: string,
): Promise<ReceivedMessage> {
  await python.receive(APP + 1, true);
  const back = firstValueFrom(typescript.messages(APP + 1));
  typescript.send(name, APP + 1, { payload: pattern(1000) });
  const received = await back;
  expect(received.message.payload).toEqual(pattern(1000));
  return received;
}
