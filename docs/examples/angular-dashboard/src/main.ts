import { provideBrowserGlobalErrorListeners, provideZonelessChangeDetection } from '@angular/core';
import { bootstrapApplication } from '@angular/platform-browser';

import { Dashboard } from './app/dashboard';

await bootstrapApplication(Dashboard, {
  providers: [provideZonelessChangeDetection(), provideBrowserGlobalErrorListeners()],
});
