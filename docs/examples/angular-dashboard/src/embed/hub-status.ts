import { type ApplicationConfig, Component } from '@angular/core';
import { toSignal } from '@angular/core/rxjs-interop';
import { Endpoint } from 'rxflare';
import { injectCommunicator, provideCommunicator } from 'rxflare/angular';
import { watchStats } from 'rxflare/monitor';

export const config: ApplicationConfig = {
  providers: [
    provideCommunicator({
      // A name of its own for each page: two endpoints under one name evict each other.
      endpoint: new Endpoint(`page-${Math.random().toString(36).slice(2)}`),
      urls: ['http://localhost:8010'],
    }),
  ],
};

@Component({
  selector: 'app-hub-status',
  template: `
    @for (endpoint of report()?.stats?.endpoints; track endpoint.name) {
      <p>{{ endpoint.name }} is {{ endpoint.state }}, {{ endpoint.received.messages }} messages so far</p>
    }
  `,
})
export class HubStatus {
  readonly report = toSignal(watchStats(injectCommunicator(), 'hub', 1_000));
}
