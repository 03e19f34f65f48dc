import { DOCUMENT, inject, Injectable } from '@angular/core';

const KEY = 'rxflare-session';

/**
 * Whether the hub lets this page in. The link that the hub printed has a code behind its `#`, which is good once: it is
 * exchanged for a session. A reload keeps the session; another tab needs a link of its own. A hub without links, such
 * as the one in hub.ts, knows no sessions and lets every page in.
 */
@Injectable({ providedIn: 'root' })
export class PageAccess {
  readonly #window = inject(DOCUMENT).defaultView ?? window;
  readonly #base: string;

  constructor() {
    const { origin, pathname } = this.#window.location;
    this.#base = `${origin}${pathname.replace(/[^/]*$/, '')}`;
    // A new link in the same tab changes only what is behind the `#`, which loads nothing.
    this.#window.addEventListener('hashchange', () => {
      if (this.#window.location.hash !== '') this.#window.location.reload();
    });
  }

  /** Exchanges the link, where there is one. Returns whether the hub lets the page in. */
  async open(): Promise<boolean> {
    const { location, history, sessionStorage } = this.#window;
    const link = location.hash.slice(1);
    // A used link is of no use to those who read the address later.
    history.replaceState(null, '', `${location.pathname}${location.search}`);
    if (link === '') return this.isGood();
    const response = await fetch(this.urlOf('session'), { method: 'POST', body: link });
    if (response.ok) sessionStorage.setItem(KEY, await response.text());
    return response.ok || this.isGood();
  }

  /** Where the WebSocket of the hub is. */
  get hubUrl(): string {
    const session = this.#session;
    return `${this.#base}${session === '' ? '' : `${session}/`}f3`;
  }

  /** Where something is that lies beside the page. */
  urlOf(path: string): string {
    return `${this.#base}${path}`;
  }

  /** What shows the session in the header `Authorization`. */
  get authorization(): string {
    return `Bearer ${this.#session}`;
  }

  /** Asks whether the hub still lets the page in. Rejects where it does not answer. */
  async isGood(): Promise<boolean> {
    const headers = { Authorization: this.authorization };
    const { status } = await fetch(this.urlOf('session'), { headers });
    return status !== 401;
  }

  get #session(): string {
    return this.#window.sessionStorage.getItem(KEY) ?? '';
  }
}
