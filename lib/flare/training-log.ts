import type { Fault, TrainingReport } from './training-report.js';
import { TrainingSeries } from './training-series.js';

/** What is longer is cut: a line of a log has a model in it at times. */
const MAX_LINE = 8_192;

/** The most faults that are kept: the first ones, since the others often follow from them. */
const MAX_FAULTS = 50;
const MAX_FAULT_LENGTH = 2_000;

/** The most names of sites, of one line. */
const MAX_SITES = 10_000;

/** What the metric of NVFlare's model selector is called where the job does not say it. */
export const UNNAMED_METRIC = 'validation metric';

/** What a log tells of a training. Its times are by the clock of the server, as if that were UTC. */
export type LoggedTraining = Pick<
  TrainingReport,
  | 'workflow'
  | 'phase'
  | 'round'
  | 'finishedRounds'
  | 'roundStartTime'
  | 'meanRoundMs'
  | 'updates'
  | 'metrics'
  | 'omittedSeries'
  | 'best'
  | 'faults'
  | 'omittedFaults'
> & {
  /** Why the server gave up, and whose result that was, where it says so. */
  readonly fatal: { readonly text: string; readonly site: string | null } | null;
};

/**
 * `2026-11-26 12:52:00,689 - FedAvg - INFO - [identity=…, peer=site-1, …] - text`. Source: `log_config.json` of
 * `nvflare/fuel/utils`, and `FLComponent._fire` of `nvflare/apis/fl_component.py` for the brackets.
 */
const HEAD =
  /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d),(\d{3}) - (\S+) - ([A-Z]+) - (?:(\[identity=[^\]]*\]) - ?)?(.*)$/;

/** Each line of interest, and what it says. Sources: `nvflare/app_common/workflows`, `widgets/intime_model_selector.py`. */
const PATTERNS = {
  workflow: /^Workflow \S+ \(<class '(?:[\w]+\.)*(\w+)'>\) started$/,
  roundStarted: /^Round (\d+) started\.?$/,
  roundFinished: /^Round (\d+) finished\.?$/,
  finished: /^Finished \w+(?: Training)?\.$/,
  aggregating: /^(?:Start aggregation\.|[Aa]ggregating \d+ update\(s\) at round \d+)$/,
  saving: /^Start persist model on server\.$/,
  validating: /^Beginning model validation with clients: /,
  sampled: /^Sampled clients: \[(.*)\]$/,
  aggregated: /^Aggregated (\d+)\/(\d+) results$/,
  contribution: /^Contribution from \S+ ACCEPTED by the aggregator at round (\d+)\.$/,
  ofSite: /^validation metric (\S+) from client (\S+)$/,
  best: /^new best validation metric at round (\d+): (\S+)$/,
  global: /^Round (\d+) global metrics: \{(.*)\}$/,
  fatal: /^Aborting current RUN due to FATAL_SYSTEM_ERROR received: (.*)$/,
} as const;

/** Of a Python `dict` of numbers. */
const NUMBERS = /'([^']{1,128})': (?:[\w.]+\()?(-?\d[\d.]*(?:e[-+]?\d+)?)/g;

/** The log of the server's part of a job, read as it grows. It holds a bounded amount, whatever is logged. */
export class TrainingLog {
  readonly #series = new TrainingSeries();
  #rest = '';
  #at: number | null = null;
  #state: Omit<LoggedTraining, 'metrics' | 'omittedSeries' | 'meanRoundMs'> = {
    workflow: null,
    phase: null,
    round: null,
    finishedRounds: 0,
    roundStartTime: null,
    updates: null,
    best: null,
    faults: [],
    omittedFaults: 0,
    fatal: null,
  };
  #roundMs = 0;
  #timedRounds = 0;
  #isRoundOpen = false;
  /** Whether the lines that follow belong to a fault. */
  #inFault = false;

  /** Reads what was added. The last line waits for its end. */
  add(text: string): void {
    let from = 0;
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', from)) {
      const line = this.#rest + text.slice(from, Math.min(end, from + MAX_LINE));
      this.#rest = '';
      from = end + 1;
      this.#line(line.slice(0, MAX_LINE).trimEnd());
    }
    this.#rest = (this.#rest + text.slice(from, from + MAX_LINE)).slice(0, MAX_LINE);
  }

  /** What the log has told so far. */
  read(): LoggedTraining {
    return {
      ...this.#state,
      meanRoundMs: this.#timedRounds === 0 ? null : Math.round(this.#roundMs / this.#timedRounds),
      metrics: this.#series.all(),
      omittedSeries: this.#series.omitted,
    };
  }

  #line(line: string): void {
    const head = HEAD.exec(line);
    if (head === null) {
      if (this.#inFault) this.#moreOfFault(line);
      else this.#event(line.trim());
      return;
    }
    const [, day = '', time = '', ms = '', , level = '', brackets = '', text = ''] = head;
    // By the clock of the server, whose time zone it does not name: here as if that were UTC.
    const at = Date.parse(`${day}T${time}.${ms}Z`);
    this.#at = Number.isNaN(at) ? null : at;
    this.#inFault = level === 'ERROR' || level === 'CRITICAL';
    if (this.#inFault) this.#fault(text, /\bpeer=([^,\]]+)/.exec(brackets)?.[1] ?? null);
    else this.#event(text);
  }

  #event(text: string): void {
    // Once the server has given up, FedAvg still starts a round, and ends with none.
    if (text === '' || text.length > MAX_LINE / 2 || this.#state.fatal !== null) return;
    const found = firstMatch(text);
    if (found === undefined) return;
    const { kind, groups } = found;
    const [first = '', second = ''] = groups;
    switch (kind) {
      case 'workflow':
        this.#series.restart();
        this.#become({ workflow: first, phase: 'starting' });
        break;
      case 'roundStarted':
        this.#startRound(Number(first));
        break;
      case 'roundFinished':
        this.#finishRound();
        break;
      case 'finished':
        this.#finishRound();
        this.#become({ phase: 'finished' });
        break;
      case 'aggregating':
      case 'saving':
      case 'validating':
        this.#become({ phase: kind });
        break;
      case 'sampled': {
        const expected = first === '' ? 0 : first.split(',', MAX_SITES).length;
        this.#become({ updates: { received: 0, expected } });
        break;
      }
      case 'aggregated':
        this.#become({ updates: { received: Number(first), expected: Number(second) } });
        break;
      case 'contribution': {
        const { received, expected } = this.#state.updates ?? { received: 0, expected: null };
        this.#become({ updates: { received: received + 1, expected } });
        break;
      }
      case 'ofSite':
        this.#series.add(second, UNNAMED_METRIC, this.#state.round ?? 0, Number(first));
        break;
      case 'best':
        this.#series.add(null, UNNAMED_METRIC, Number(first), Number(second));
        if (Number.isFinite(Number(second)))
          this.#become({ best: { metric: UNNAMED_METRIC, value: Number(second), round: Number(first) } });
        break;
      case 'global':
        for (const [, name = '', value] of second.matchAll(NUMBERS))
          this.#series.add(null, name, Number(first), Number(value));
        break;
      case 'fatal':
        break;
    }
  }

  #startRound(round: number): void {
    // FedAvg does not say when a round has ended.
    this.#finishRound();
    this.#isRoundOpen = true;
    this.#become({ round, phase: 'training', roundStartTime: this.#at, updates: null });
  }

  #finishRound(): void {
    if (!this.#isRoundOpen) return;
    this.#isRoundOpen = false;
    const { roundStartTime, finishedRounds } = this.#state;
    if (roundStartTime !== null && this.#at !== null) {
      this.#roundMs += Math.max(0, this.#at - roundStartTime);
      this.#timedRounds += 1;
    }
    this.#become({ finishedRounds: finishedRounds + 1 });
  }

  #fault(text: string, peer: string | null): void {
    const fatal = PATTERNS.fatal.exec(text)?.[1];
    if (fatal !== undefined && this.#state.fatal === null) {
      const named = /^Result from (\S+) is bad/.exec(fatal)?.[1] ?? peer;
      this.#become({ fatal: { text: fatal.slice(0, MAX_FAULT_LENGTH), site: named } });
    }
    const { faults, omittedFaults } = this.#state;
    if (faults.length >= MAX_FAULTS) {
      this.#become({ omittedFaults: omittedFaults + 1 });
      this.#inFault = false;
      return;
    }
    const fault: Fault = { site: peer ?? 'server', at: this.#at, text: text.slice(0, MAX_FAULT_LENGTH) };
    this.#become({ faults: [...faults, fault] });
  }

  /** Of a traceback its last line says what happened; what is indented says where. */
  #moreOfFault(line: string): void {
    if (line === '' || /^\s/.test(line)) return;
    const { faults } = this.#state;
    const last = faults.at(-1);
    if (last === undefined) return;
    const text = last.text.startsWith('Traceback ') ? line : `${last.text}\n${line}`;
    this.#become({ faults: [...faults.slice(0, -1), { ...last, text: text.slice(0, MAX_FAULT_LENGTH) }] });
  }

  #become(change: Partial<LoggedTraining>): void {
    this.#state = { ...this.#state, ...change };
  }
}

type Kind = keyof typeof PATTERNS;

const KINDS = Object.entries(PATTERNS) as readonly (readonly [Kind, RegExp])[];

function firstMatch(
  text: string,
): { readonly kind: Kind; readonly groups: readonly (string | undefined)[] } | undefined {
  for (const [kind, pattern] of KINDS) {
    const match = pattern.exec(text);
    if (match !== null) return { kind, groups: match.slice(1) };
  }
  return undefined;
}
