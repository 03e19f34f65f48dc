import type { experimental } from '@grpc/grpc-js';
import { lookup } from 'node:dns/promises';

import type { GrpcJs } from './grpc-js.js';

/** Targets of this scheme are resolved here. */
export const TARGET_SCHEME = 'rxflare';

/** The channel option that carries the AbortSignal of a connection attempt. */
export const SIGNAL_OPTION = 'rxflare.signal';

type Address = Extract<experimental.SubchannelAddress, { port: number }>;

let registered: GrpcJs | undefined;

/**
 * Teaches grpc-js to look up `rxflare:host:port`. Its own lookup hides what went wrong, and leaves its TCP connection
 * to an address that does not answer open for minutes after the channel was closed. Addresses are options of
 * node:net to grpc-js, so one can carry the signal that ends the attempt.
 */
export function registerResolver(grpc: GrpcJs): void {
  if (registered === grpc) return;
  registered = grpc;
  const {
    registerResolver: register,
    splitHostPort,
    statusOrFromError,
    statusOrFromValue,
  } = grpc.experimental;

  class Resolver implements experimental.Resolver {
    static getDefaultAuthority(target: experimental.GrpcUri): string {
      return target.path;
    }

    readonly #target: experimental.HostPort | null;
    readonly #listener: experimental.ResolverListener;
    readonly #signal: unknown;
    #isResolving = false;

    constructor(
      target: experimental.GrpcUri,
      listener: experimental.ResolverListener,
      options: Readonly<Record<string, unknown>>,
    ) {
      this.#target = splitHostPort(target.path);
      this.#listener = listener;
      this.#signal = options[SIGNAL_OPTION];
    }

    updateResolution(): void {
      if (this.#isResolving) return;
      this.#isResolving = true;
      void this.#resolve().then((endpoints) => {
        if (this.#isResolving) this.#listener(endpoints, {}, null, '');
      });
    }

    destroy(): void {
      this.#isResolving = false;
    }

    async #resolve(): Promise<experimental.StatusOr<experimental.Endpoint[]>> {
      const { host = '', port = 0 } = this.#target ?? {};
      try {
        const found = await lookup(host, { all: true });
        const addresses = found.map(({ address }): Address & { signal: unknown } => ({
          host: address,
          port,
          signal: this.#signal,
        }));
        return statusOrFromValue(addresses.map((address) => ({ addresses: [address] })));
      } catch (error) {
        const details = error instanceof Error ? error.message : String(error);
        return statusOrFromError({ code: grpc.status.UNAVAILABLE, details });
      }
    }
  }

  register(TARGET_SCHEME, Resolver);
}
