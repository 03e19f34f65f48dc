import { type ApplicationConfig, Component, DOCUMENT, inject, signal } from '@angular/core';
import { toSignal } from '@angular/core/rxjs-interop';
import { catchError, EMPTY } from 'rxjs';
import { Endpoint } from 'rxflare';
import { injectCommunicator, provideCommunicator } from 'rxflare/angular';
import { watchStats } from 'rxflare/monitor';

export const appConfig: ApplicationConfig = {
  providers: [
    provideCommunicator(() => ({
      // A name of its own for each page: two endpoints under one name evict each other.
      endpoint: new Endpoint(`page-${Math.random().toString(36).slice(2)}`),
      urls: [inject(DOCUMENT).location.origin],
    })),
  ],
};

@Component({
  selector: 'app-root',
  template: `
    @if (error(); as text) {
      <p role="alert">{{ text }}</p>
    } @else if (report(); as report) {
      @if (report.status !== 'live') {
        <p role="alert">The hub is {{ report.status }}. It was like this before:</p>
      }
      @for (endpoint of report.stats.endpoints; track endpoint.name) {
        <p>{{ endpoint.name }} is {{ endpoint.state }}, {{ endpoint.received.messages }} messages so far</p>
      }
    } @else {
      <p>Connecting …</p>
    }
  `,
})
export class App {
  readonly error = signal('');
  readonly report = toSignal(
    watchStats(injectCommunicator(), 'hub', 1_000).pipe(
      catchError((error: unknown) => {
        this.error.set(String(error)); // Such as REFUSED: this page may not watch.
        return EMPTY;
      }),
    ),
  );
}
