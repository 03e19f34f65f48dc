import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { of } from 'rxjs';
import { expect, it, onTestFinished } from 'vitest';

import { countParts } from '../../lib/cli/count-parts.js';
import { DroppedJobs } from '../../lib/cli/flare-dropped-jobs.js';
import type { FlareSession, SubmitProgress } from '../../lib/flare/index.js';

async function dropped(files: number) {
  let submissions = 0;
  const submitJobWithProgress = () => {
    submissions += 1;
    return of<SubmitProgress>({ type: 'submitted', jobId: '7', totalBytes: 1 });
  };
  const session = { submitJobWithProgress } as unknown as FlareSession;
  const drops = new DroppedJobs(session, { maxBytes: 2 ** 28, isReadOnly: false });
  const server = createServer((request, response) => void drops.answer(request, response, true));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const head = 'Content-Disposition: form-data; name=';
  const parts = Array.from(
    { length: files },
    (_, index) => `--b\r\n${head}"job/${index}"; filename="f"\r\n\r\nx\r\n`,
  );
  const { port } = server.address() as AddressInfo;
  const response = await fetch(`http://127.0.0.1:${port}`, {
    method: 'POST',
    headers: { 'Content-Type': 'multipart/form-data; boundary=b' },
    body: `${parts.join('')}--b--\r\n`,
  });
  return { status: response.status, text: await response.text(), submissions };
}

it('submits what is dropped', async () => {
  expect(await dropped(3)).toMatchObject({ status: 200, submissions: 1 });
});

it('does not parse a job of too many files', async () => {
  const tooMany = expect.stringMatching(/^the job has more than 10000 files/) as string;
  const { status, text, submissions } = await dropped(10_001);
  expect(JSON.parse(text)).toMatchObject({ type: 'failed', text: tooMany });
  expect({ status, submissions }).toEqual({ status: 413, submissions: 0 });
});

it.each(['b', '"b"'])('counts parts that come byte by byte, of the boundary %s', (boundary) => {
  const count = countParts(`multipart/form-data; boundary=${boundary}`);
  const bytes = new TextEncoder().encode('--b\r\n\r\n--x\r\n--b\r\n\r\n-\r\n--b--\r\n');
  expect([...bytes].map((byte) => count(Uint8Array.of(byte))).at(-1)).toBe(2);
});
