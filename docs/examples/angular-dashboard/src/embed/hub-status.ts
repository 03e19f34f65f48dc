import { AsyncPipe } from '@angular/common';
import { Component, type OnDestroy } from '@angular/core';
import { Communicator, Endpoint, Mode } from 'rxflare';
import { watchStats } from 'rxflare/monitor';

@Component({
  selector: 'app-hub-status',
  imports: [AsyncPipe],
  template: `
    @for (endpoint of (report$ | async)?.stats?.endpoints; track endpoint.name) {
      <p>{{ endpoint.name }} is {{ endpoint.state }}, {{ endpoint.received.messages }} messages so far</p>
    }
  `,
})
export class HubStatus implements OnDestroy {
  // A name of its own for each page: two endpoints under one name throw each other out.
  readonly #page = new Communicator(new Endpoint(`page-${Math.random().toString(36).slice(2)}`));
  readonly report$ = watchStats(this.#page, 'hub', 1_000);

  constructor() {
    this.#page.addConnector('http://localhost:8010', Mode.ACTIVE);
    void this.#page.start();
  }

  ngOnDestroy(): void {
    void this.#page.stop();
  }
}
