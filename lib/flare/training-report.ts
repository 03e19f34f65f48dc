/** What logs and statistics tell of the training of a job. */
export interface TrainingReport {
  /** Why less is told than could be, for people: a server that has no such command, a user without the right. */
  readonly obstacle: string | null;
  /** Such as `FedAvg` or `ScatterAndGather`. */
  readonly workflow: string | null;
  readonly phase: 'starting' | 'training' | 'aggregating' | 'saving' | 'validating' | 'finished' | null;
  /** The round that runs or ran last, as NVFlare counts: the first is 0, unless the job says otherwise. */
  readonly round: number | null;
  /** How many rounds have been finished. */
  readonly finishedRounds: number;
  /** How many rounds there will be. */
  readonly rounds: number | null;
  /** By the time zone in which the server says that the job was submitted; `null` where it does not say so. */
  readonly roundStartTime: number | null;
  /** How long a finished round took, on average. */
  readonly meanRoundMs: number | null;
  /** How many updates the round has got, and how many it waits for. */
  readonly updates: { readonly received: number; readonly expected: number | null } | null;
  readonly metrics: readonly MetricSeries[];
  /** How many series beyond the limit were left out. */
  readonly omittedSeries: number;
  readonly best: { readonly metric: string; readonly value: number; readonly round: number | null } | null;
  /** What went wrong, the earliest first. */
  readonly faults: readonly Fault[];
  /** How many faults beyond the limit were left out. */
  readonly omittedFaults: number;
  /** What ended a job that failed, as far as that can be told; `null` for all others. */
  readonly failure: {
    readonly text: string;
    /** The sites that it hit; empty where that is unknown. */
    readonly sites: readonly string[];
  } | null;
}

/** A metric of one site, or of the global model. */
export interface MetricSeries {
  /** `null` for the aggregate. */
  readonly site: string | null;
  /** Such as `accuracy`; `validation metric` where the job does not say which. */
  readonly name: string;
  readonly axis: 'round' | 'step';
  /** In the order of `x`; of long series every second, fourth, … point. */
  readonly points: readonly (readonly [x: number, value: number])[];
}

/** A line that a part of a job logged as an error, or that the server tells of it. */
export interface Fault {
  /** `server`, or a site; `null` where that is unknown. */
  readonly site: string | null;
  /** As `roundStartTime`; a site is taken for one in the time zone of the server. */
  readonly at: number | null;
  readonly text: string;
}
