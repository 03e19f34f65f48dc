import {
  afterNextRender,
  ChangeDetectionStrategy,
  Component,
  type ElementRef,
  inject,
  Injector,
  signal,
  viewChild,
} from '@angular/core';

/** What a person is asked. */
export interface Question {
  readonly title: string;
  /** What happens then. */
  readonly text: string;
  /** The button that agrees: what it does, not `OK`. */
  readonly agree: string;
  readonly decline: string;
  /** It cannot be undone. */
  readonly isDangerous: boolean;
}

/** Asks a person before something is done. The browser gives the focus back to what had it. */
@Component({
  selector: 'rxf-confirm',
  changeDetection: ChangeDetectionStrategy.OnPush,
  template: `
    <dialog
      #dialog
      aria-labelledby="confirm-title"
      aria-describedby="confirm-text"
      (close)="closed()"
      (click)="clickOutside($event)"
    >
      @if (question(); as asked) {
        <form method="dialog">
          <h2 id="confirm-title">{{ asked.title }}</h2>
          <p id="confirm-text">{{ asked.text }}</p>
          <div class="actions">
            <button type="submit" autofocus>{{ asked.decline }}</button>
            <button
              type="button"
              [class.danger]="asked.isDangerous"
              [class.primary]="!asked.isDangerous"
              (click)="agree()"
            >
              {{ asked.agree }}
            </button>
          </div>
        </form>
      }
    </dialog>
  `,
  styles: `
    dialog {
      width: min(28rem, calc(100vw - 2rem));
      padding: 0;
      border: 1px solid var(--line);
      border-radius: var(--radius);
      background: var(--card);
      color: var(--ink);
      box-shadow: 0 8px 40px #0005;
    }

    dialog::backdrop {
      background: #0009;
    }

    form {
      display: grid;
      gap: 0.75rem;
      padding: 1.25rem;
    }

    h2 {
      font-size: 1.0625rem;
      overflow-wrap: anywhere;
    }

    p {
      color: var(--ink-soft);
      overflow-wrap: anywhere;
    }

    .actions {
      display: flex;
      flex-wrap: wrap;
      justify-content: flex-end;
      gap: 0.5rem;
      margin-top: 0.5rem;
    }
  `,
})
export class Confirm {
  readonly #injector = inject(Injector);
  private readonly dialog = viewChild.required<ElementRef<HTMLDialogElement>>('dialog');

  readonly question = signal<Question | undefined>(undefined);
  #done: () => void = () => undefined;

  /** Asks; `done` is called where the person agrees. */
  ask(question: Question, done: () => void): void {
    this.#done = done;
    this.question.set(question);
    // Once its buttons are there: the first of them gets the focus.
    afterNextRender(() => this.dialog().nativeElement.showModal(), { injector: this.#injector });
  }

  agree(): void {
    const done = this.#done;
    this.dialog().nativeElement.close();
    done();
  }

  closed(): void {
    this.#done = () => undefined;
    this.question.set(undefined);
  }

  clickOutside(event: Event): void {
    if (event.target === this.dialog().nativeElement) this.dialog().nativeElement.close();
  }
}
