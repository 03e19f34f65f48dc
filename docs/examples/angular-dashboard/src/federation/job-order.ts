import type { JobSummary } from 'rxflare/flare/dashboard';

/** What the jobs can be sorted by. */
export type JobOrder = 'name' | 'state' | 'submitter' | 'submitted' | 'duration';

/** A column of the table. */
export interface Column {
  readonly label: string;
  readonly order: JobOrder;
  /** It begins with the highest: the latest, the longest. */
  readonly isDown: boolean;
  readonly isNumber?: boolean;
}

export const COLUMNS: readonly Column[] = [
  { label: 'Job', order: 'name', isDown: false },
  { label: 'State', order: 'state', isDown: false },
  { label: 'Submitter', order: 'submitter', isDown: false },
  { label: 'Submitted', order: 'submitted', isDown: true },
  { label: 'Duration', order: 'duration', isDown: true, isNumber: true },
];

/** Whether a text is a {@link JobOrder}. */
export function isOrder(text: string): text is JobOrder {
  return COLUMNS.some(({ order }) => order === text);
}

/** The jobs in an order; reversed, the other way. Among equals the latest is first. */
export function inJobOrder(
  jobs: readonly JobSummary[],
  order: JobOrder,
  isReversed: boolean,
): readonly JobSummary[] {
  const compare = COMPARE[order];
  const factor = isReversed ? -1 : 1;
  return [...jobs].sort((a, b) => factor * compare(a, b) || COMPARE.submitted(a, b));
}

/** What needs attention is first. */
const STATES: readonly string[] = ['running', 'waiting', 'failed', 'aborted', 'completed'];

const COMPARE: Readonly<Record<JobOrder, (a: JobSummary, b: JobSummary) => number>> = {
  name: (a, b) => byText(a.name, b.name),
  state: (a, b) => STATES.indexOf(a.outcome) - STATES.indexOf(b.outcome) || byText(a.status, b.status),
  submitter: (a, b) => byText(a.submitter ?? '', b.submitter ?? ''),
  submitted: (a, b) => (b.submitTime ?? 0) - (a.submitTime ?? 0),
  duration: (a, b) => (b.durationMs ?? -1) - (a.durationMs ?? -1),
};

function byText(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
