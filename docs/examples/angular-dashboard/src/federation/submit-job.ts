import {
  ChangeDetectionStrategy,
  Component,
  computed,
  DestroyRef,
  DOCUMENT,
  inject,
  output,
  signal,
  viewChild,
} from '@angular/core';
import { takeUntilDestroyed } from '@angular/core/rxjs-interop';
import { MAX_DROPPED_BYTES, type SubmissionLine } from 'rxflare/flare/dashboard';
import { fromEvent } from 'rxjs';

import { Confirm } from '../shared/confirm';
import { formatBytes } from '../shared/format';
import { chosenFolder, droppedFolder, type JobFolder } from './dropped-folder';
import { FederationConnection, textOf } from './federation-connection';

/** Takes the folder of a job, dropped anywhere on the page or chosen with a button, asks, and submits it. */
@Component({
  selector: 'rxf-submit-job',
  changeDetection: ChangeDetectionStrategy.OnPush,
  imports: [Confirm],
  host: { class: 'card', '[class.is-over]': 'isOver()' },
  templateUrl: './submit-job.html',
  styleUrl: './submit-job.css',
})
export class SubmitJob {
  readonly #connection = inject(FederationConnection);
  readonly #destroyed = inject(DestroyRef);
  private readonly confirm = viewChild.required(Confirm);

  /** A person wants to see the job. */
  readonly open = output<string>();

  readonly isOver = signal(false);
  readonly fault = signal('');
  /** The name of what is being submitted, or was. */
  readonly name = signal('');
  readonly line = signal<SubmissionLine | undefined>(undefined);
  readonly isBusy = signal(false);
  readonly share = computed(() => {
    const line = this.line();
    return line?.type === 'sending' && line.totalBytes > 0 ? line.sentBytes / line.totalBytes : undefined;
  });
  readonly submitted = computed(() => {
    const line = this.line();
    return line?.type === 'submitted' ? line.jobId : undefined;
  });

  readonly progress = computed(() => {
    const line = this.line();
    return line?.type === 'sending'
      ? `${formatBytes(line.sentBytes)} of ${formatBytes(line.totalBytes)}`
      : 'to the back end …';
  });

  readonly #maxBytes = computed(() => this.#connection.system().value?.maxJobBytes ?? MAX_DROPPED_BYTES);

  constructor() {
    const document = inject(DOCUMENT);
    const on = (type: 'dragover' | 'dragleave' | 'drop', handle: (event: DragEvent) => void): void => {
      fromEvent<DragEvent>(document, type).pipe(takeUntilDestroyed()).subscribe(handle);
    };
    on('dragover', (event) => {
      if (event.dataTransfer?.types.includes('Files') !== true) return;
      event.preventDefault(); // Without it the browser would open what is dropped.
      this.isOver.set(true);
    });
    on('dragleave', (event) => {
      if (event.relatedTarget === null) this.isOver.set(false);
    });
    on('drop', (event) => {
      event.preventDefault();
      this.isOver.set(false);
      const items = event.dataTransfer?.items;
      if (items !== undefined)
        droppedFolder(items, this.#maxBytes()).then(
          (folder) => this.#ask(folder),
          (error: unknown) => this.#refuse(error),
        );
    });
  }

  /** Takes the folder that was chosen with the button. */
  choose(input: HTMLInputElement): void {
    try {
      if (input.files !== null && input.files.length > 0)
        this.#ask(chosenFolder(input.files, this.#maxBytes()));
    } catch (error) {
      this.#refuse(error);
    }
    input.value = ''; // The same folder can be chosen again.
  }

  #refuse(error: unknown): void {
    this.line.set(undefined);
    this.fault.set(textOf(error));
  }

  #ask(folder: JobFolder): void {
    if (this.isBusy()) {
      this.fault.set(`“${this.name()}” is still being submitted: take “${folder.name}” after it.`);
      return;
    }
    const count = folder.files.length === 1 ? '1 file' : `${folder.files.length} files`;
    this.confirm().ask(
      {
        title: `Submit “${folder.name}”?`,
        text: `${count}, ${formatBytes(folder.bytes)}. The back end signs them in the name of its user. The job runs as soon as the server and enough sites can take it.`,
        agree: 'Submit the job',
        decline: 'Cancel',
        isDangerous: false,
      },
      () => this.#submit(folder),
    );
  }

  #submit(folder: JobFolder): void {
    this.fault.set('');
    this.line.set(undefined);
    this.name.set(folder.name);
    this.isBusy.set(true);
    this.#connection
      .submit(folder.files)
      .pipe(takeUntilDestroyed(this.#destroyed))
      .subscribe({
        next: (line) => {
          this.line.set(line);
          if (line.type !== 'sending') this.fault.set('');
          if (line.type === 'failed') this.fault.set(`“${folder.name}” was not submitted. ${line.text}`);
        },
        error: (error: unknown) => {
          this.isBusy.set(false);
          this.#refuse(error);
        },
        complete: () => this.isBusy.set(false),
      });
  }
}
