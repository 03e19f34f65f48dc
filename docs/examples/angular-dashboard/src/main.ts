import { provideBrowserGlobalErrorListeners, provideZonelessChangeDetection } from '@angular/core';
import { bootstrapApplication } from '@angular/platform-browser';

import { Dashboard } from './app/dashboard';
import { provideHub } from './app/hub-connection';

await bootstrapApplication(Dashboard, {
  providers: [provideZonelessChangeDetection(), provideBrowserGlobalErrorListeners(), provideHub()],
});
