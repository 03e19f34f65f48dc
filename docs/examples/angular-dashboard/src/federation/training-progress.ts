import { ChangeDetectionStrategy, Component, computed, inject, input } from '@angular/core';
import type { JobReport } from 'rxflare/flare/dashboard';

import { formatDuration } from '../shared/format';
import { FederationConnection } from './federation-connection';
import { inRoundMs, isStuck, leftMs } from './stuck-job';

/** How far the training of a job is: round of rounds, elapsed time, what it waits for. */
@Component({
  selector: 'rxf-training-progress',
  changeDetection: ChangeDetectionStrategy.OnPush,
  host: { class: 'card' },
  template: `
    <h3 class="visually-hidden">Progress</h3>
    <div class="line">
      <p class="rounds">
        @if (outcome() === 'waiting') {
          <span class="soft">It has not begun.</span>
        } @else if (training().rounds !== null) {
          {{ finished() }} <span class="soft">of</span> {{ training().rounds }}
          <span class="soft">rounds done</span>
        } @else {
          {{ finished() }}
          <span class="soft"
            >rounds done, of a number that
            {{ outcome() === 'running' ? 'is not told yet' : 'was not told' }}</span
          >
        }
      </p>
      <p class="phase">{{ phase() }}</p>
    </div>
    <progress
      [class.is-bad]="outcome() === 'failed'"
      [class.is-stopped]="outcome() === 'aborted'"
      [attr.value]="share()"
      max="1"
      aria-label="Rounds done"
      [attr.aria-valuetext]="spoken()"
    ></progress>
    @if (outcome() !== 'waiting') {
      <dl>
        @for (fact of facts(); track fact[0]) {
          <div>
            <dt>{{ fact[0] }}</dt>
            <dd [title]="fact[2] ?? ''">{{ fact[1] }}</dd>
          </div>
        }
      </dl>
    }
    @if (isStuck()) {
      <p class="obstacle">
        No site runs this job. Where the server was restarted meanwhile, the job never ends: submit it again.
      </p>
    }
    @if (training().obstacle; as text) {
      <p class="obstacle soft">{{ text }}</p>
    }
  `,
  styles: `
    :host {
      display: block;
      padding: 0.875rem 1rem;
    }

    .line {
      display: flex;
      flex-wrap: wrap;
      align-items: baseline;
      justify-content: space-between;
      gap: 0 1rem;
      margin-bottom: 0.5rem;
    }

    .rounds {
      font-size: 1.375rem;
      font-weight: 650;
      letter-spacing: -0.02em;
    }

    .rounds .soft {
      font-weight: 500;
      letter-spacing: 0;
    }

    .phase {
      color: var(--ink-soft);
      font-weight: 550;
    }

    dl {
      display: flex;
      flex-wrap: wrap;
      gap: 0.5rem 2rem;
      margin-top: 0.75rem;
      font-size: 0.875rem;
    }

    dt {
      color: var(--ink-soft);
      font-size: 0.75rem;
      font-weight: 550;
    }

    .obstacle {
      margin-top: 0.75rem;
      overflow-wrap: anywhere;
    }
  `,
})
export class TrainingProgress {
  readonly #connection = inject(FederationConnection);

  readonly report = input.required<JobReport>();

  readonly training = computed(() => this.report().training);
  readonly outcome = computed(() => this.report().job.outcome);
  readonly isStuck = computed(() => isStuck(this.report().job, this.#connection.system().value));
  readonly finished = computed(() => this.training().finishedRounds);
  /** `null` where nobody tells how many rounds there will be: then the bar shows no more than that something goes on. */
  readonly share = computed(() => {
    const { rounds } = this.training();
    if (this.outcome() === 'completed') return 1;
    if (rounds !== null && rounds > 0) return Math.min(1, this.finished() / rounds);
    return this.outcome() === 'running' ? null : 0;
  });
  readonly spoken = computed(
    () => `${this.finished()} of ${this.training().rounds ?? 'an unknown number of'} rounds`,
  );
  readonly phase = computed(() => {
    const { phase } = this.training();
    if (this.isStuck()) return 'no site runs this job';
    switch (this.outcome()) {
      case 'waiting':
        return 'waits for the server and the sites';
      case 'running':
        return phase === null || phase === 'finished' ? 'runs' : `${phase} …`;
      case 'completed':
        return 'completed';
      case 'aborted':
        return 'was aborted';
      case 'failed':
        return 'failed';
    }
  });
  readonly facts = computed<readonly (readonly [label: string, value: string, why?: string])[]>(() => {
    const { round, meanRoundMs, updates } = this.training();
    const isRunning = this.outcome() === 'running';
    const now = this.#connection.now();
    const spentMs = inRoundMs(this.training(), now);
    const restMs = this.isStuck() ? null : leftMs(this.training(), now);
    const facts: (readonly [string, string, string?])[] = [
      [
        isRunning ? 'Round now' : 'Last round',
        round === null ? 'unknown' : `${round}, counted from 0`,
        NUMBERS,
      ],
      ['A round takes', meanRoundMs === null ? 'unknown' : formatDuration(meanRoundMs), MEAN],
    ];
    if (!isRunning) return facts;
    return [
      ...facts,
      ['This round', spentMs === null ? 'unknown' : formatDuration(spentMs)],
      ['Left, about', restMs === null ? 'unknown' : formatDuration(restMs), MEAN],
      ['Updates', updates === null ? 'unknown' : `${updates.received} of ${updates.expected ?? 'unknown'}`],
    ];
  });
}

const NUMBERS = 'As NVFlare counts: the first round is 0, unless the job says otherwise.';
const MEAN = 'The mean of the rounds that are done.';
