import { provideBrowserGlobalErrorListeners, provideZonelessChangeDetection } from '@angular/core';
import { bootstrapApplication } from '@angular/platform-browser';

import { providePage } from '../shared/page-endpoint';
import { Federation } from './federation';

/** Starts the page of a federation. */
export async function start(): Promise<void> {
  await bootstrapApplication(Federation, {
    providers: [provideZonelessChangeDetection(), provideBrowserGlobalErrorListeners(), providePage()],
  });
}
