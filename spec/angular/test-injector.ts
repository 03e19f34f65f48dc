import '@angular/compiler';

import {
  createEnvironmentInjector,
  EnvironmentInjector,
  ErrorHandler,
  type EnvironmentProviders,
  Injector,
  NgZone,
  PLATFORM_ID,
  type Provider,
  runInInjectionContext,
} from '@angular/core';
import { onTestFinished } from 'vitest';

/** An application as far as injection goes: without a document. */
export interface TestInjector {
  /** Calls a function in the injection context of the application. */
  run<T>(work: () => T): T;
  /** What went to the ErrorHandler. */
  readonly errors: readonly unknown[];
  /** How often something was to run outside the Angular zone. */
  readonly leftZone: () => number;
  /** Destroys the injector, as the end of the application does. */
  destroy(): void;
}

/** An injector with the providers of an application; the test destroys it at its end. */
export function testInjector(
  providers: readonly (Provider | EnvironmentProviders)[],
  platform: 'browser' | 'server' = 'browser',
): TestInjector {
  const errors: unknown[] = [];
  let leftZone = 0;
  const runOutsideAngular = <T>(work: () => T): T => {
    leftZone += 1;
    return work();
  };
  const angular = [
    { provide: PLATFORM_ID, useValue: platform },
    { provide: NgZone, useValue: { runOutsideAngular } },
    { provide: ErrorHandler, useValue: { handleError: (error: unknown) => errors.push(error) } },
  ];
  const root = Injector.create({ providers: angular });
  if (!(root instanceof EnvironmentInjector)) throw new Error('expected one that can be a parent');
  const injector = createEnvironmentInjector([...providers], root);
  let isDestroyed = false;
  const destroy = (): void => {
    if (!isDestroyed) injector.destroy();
    isDestroyed = true;
  };
  onTestFinished(destroy);
  return {
    run: (work) => runInInjectionContext(injector.get(Injector), work),
    errors,
    leftZone: () => leftZone,
    destroy,
  };
}
