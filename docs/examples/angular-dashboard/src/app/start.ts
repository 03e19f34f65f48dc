import { provideBrowserGlobalErrorListeners, provideZonelessChangeDetection } from '@angular/core';
import { bootstrapApplication } from '@angular/platform-browser';

import { providePage } from '../shared/page-endpoint';
import { Dashboard } from './dashboard';

/** Starts the page of a hub. */
export async function start(): Promise<void> {
  await bootstrapApplication(Dashboard, {
    providers: [provideZonelessChangeDetection(), provideBrowserGlobalErrorListeners(), providePage()],
  });
}
