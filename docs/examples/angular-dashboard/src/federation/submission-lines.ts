import type { SubmissionLine } from 'rxflare/flare/dashboard';

/** What fetch says of it is for programmers. */
const BROKEN =
  'The connection to the back end broke. Look whether the job is in the list before you submit it again.';

/** The lines of the answer to a submission, as they come. Throws an error for people where the last is missing. */
export async function* submissionLines(response: Response): AsyncGenerator<SubmissionLine> {
  if (response.status === 401) throw new Error('The back end lets this page in no more: open a new link.');
  let last: SubmissionLine | undefined;
  for await (const text of linesOf(response)) {
    last = JSON.parse(text) as SubmissionLine;
    yield last;
  }
  if (last === undefined)
    throw new Error(`The back end does not take the job: ${response.status} ${response.statusText}.`);
  if (last.type === 'sending') throw new Error(BROKEN);
}

/** An error as it is told to people who submit. */
export function submissionError(error: unknown): unknown {
  return error instanceof TypeError ? new Error(BROKEN) : error;
}

/** Lines of JSON that have come whole. */
async function* linesOf(response: Response): AsyncGenerator<string> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value = '', done } = (await reader?.read()) ?? { done: true };
    if (done) return;
    const lines = `${rest}${value}`.split('\n');
    rest = lines.pop() ?? '';
    yield* lines.filter((line) => line.startsWith('{'));
  }
}
