import { from, lastValueFrom, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';

import {
  submissionError,
  submissionLines,
} from '../../docs/examples/angular-dashboard/src/federation/submission-lines.js';

const SENDING = { type: 'sending', sentBytes: 1, totalBytes: 2 } as const;
const SUBMITTED = { type: 'submitted', jobId: 'a' } as const;

/** An answer in parts, as a network may cut it. */
function answer(parts: readonly string[], status = 200): Response {
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start: (controller) => {
      for (const part of parts) controller.enqueue(new TextEncoder().encode(part));
      controller.close();
    },
  });
  return new Response(body, { status, statusText: 'No' });
}

const read = (response: Response) => lastValueFrom(from(submissionLines(response)).pipe(toArray()));

describe('the answer to a submission', () => {
  it('is read line by line, wherever it is cut', async () => {
    const text = [SENDING, SUBMITTED].map((line) => `${JSON.stringify(line)}\n`).join('');
    expect(await read(answer([text.slice(0, 9), text.slice(9, 50), text.slice(50)]))).toEqual([
      SENDING,
      SUBMITTED,
    ]);
  });

  it.each([
    ['after a line', `${JSON.stringify(SENDING)}\n`],
    ['within a line', `${JSON.stringify(SENDING)}\n{"type":"submi`],
  ])('is no success where it ends %s', async (_, text) => {
    await expect(read(answer([text]))).rejects.toThrow('Look whether the job is in the list');
  });

  it.each([
    [401, 'open a new link'],
    [413, 'does not take the job: 413 No'],
  ])('tells why it is none with status %d', async (status, text) => {
    await expect(read(answer(['no'], status))).rejects.toThrow(text);
  });

  it('says for people that the connection broke', () => {
    expect(submissionError(new TypeError('fetch failed'))).toMatchObject({
      message: expect.stringMatching(/^The connection to the back end broke/) as string,
    });
    const other = new Error('other');
    expect(submissionError(other)).toBe(other);
  });
});
