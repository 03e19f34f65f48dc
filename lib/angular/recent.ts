import { ErrorHandler, inject, type Signal, signal } from '@angular/core';
import { takeUntilDestroyed } from '@angular/core/rxjs-interop';
import type { Observable } from 'rxjs';

import { CommError, CommErrorCode } from '../comm-error.js';

/**
 * What `read` makes of the last `max` values of a stream, oldest first, until the injector is destroyed. A value for
 * which it throws is left out; the ErrorHandler of the application gets the error.
 *
 * @throws CommError `BAD_CONFIG` where `max` is no integer above 0
 */
export function recent<T, R>(
  stream$: Observable<T>,
  max: number,
  read: (value: T) => R,
): Signal<readonly R[]> {
  if (!Number.isInteger(max) || max < 1)
    throw new CommError(CommErrorCode.BAD_CONFIG, `max: expected an integer above 0, got ${max}`);
  const errors = inject(ErrorHandler);
  const kept = signal<readonly R[]>([]);
  stream$.pipe(takeUntilDestroyed()).subscribe((value) => {
    try {
      const item = read(value);
      kept.update((items) => [...items, item].slice(-max));
    } catch (error) {
      errors.handleError(error);
    }
  });
  return kept.asReadonly();
}
