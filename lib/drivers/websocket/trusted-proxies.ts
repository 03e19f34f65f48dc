import type { IncomingHttpHeaders } from 'node:http';
import { BlockList, isIP } from 'node:net';

import { CommError, CommErrorCode } from '../../comm-error.js';

/** The names of subnets that Express's `trust proxy` knows too. */
const SUBNETS: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
};

/** The address of a client that a trusted proxy reports as none. It is no address, so that no check takes it for one. */
const UNKNOWN = 'unknown';

/** Finds the address of a client behind proxies that are trusted to report it. */
export class TrustedProxies {
  readonly #list = new BlockList();

  /**
   * @param proxies - addresses, subnets such as `10.0.0.0/8`, or the names `loopback`, `linklocal`, `uniquelocal`
   * @throws CommError `BAD_CONFIG` for anything else
   */
  constructor(proxies: readonly string[] = []) {
    for (const proxy of proxies) {
      for (const subnet of (Object.hasOwn(SUBNETS, proxy) ? SUBNETS[proxy] : undefined) ?? [proxy])
        this.#add(subnet);
    }
  }

  /**
   * The nearest address that is no trusted proxy's, from the socket backwards through `X-Forwarded-For`, to which each
   * proxy adds whom it was asked by, perhaps with a port. What an untrusted one sends may be made up. `unknown` where a
   * trusted one sends no address.
   */
  clientOf(socketAddress: string, headers: IncomingHttpHeaders): string {
    const forwarded = headers['x-forwarded-for'];
    const hops = forwarded === undefined ? [] : String(forwarded).split(',');
    let client = plain(socketAddress);
    while (this.#trusts(client)) {
      const hop = hops.pop();
      if (hop === undefined) break;
      client = withoutPort(hop.trim());
      if (isIP(client) === 0) return UNKNOWN;
    }
    return client;
  }

  #add(subnet: string): void {
    const [address = '', bits, ...rest] = subnet.split('/');
    const family = isIP(address);
    const most = family === 6 ? 128 : 32;
    const prefix = bits === undefined ? most : Number(bits);
    if (family === 0 || rest.length > 0 || !/^\d+$/.test(bits ?? '0') || prefix > most) {
      const detail = `expected an address, a subnet or one of ${Object.keys(SUBNETS).join(', ')}, got ${JSON.stringify(subnet)}`;
      throw new CommError(CommErrorCode.BAD_CONFIG, `trustedProxies: ${detail}`);
    }
    this.#list.addSubnet(address, prefix, family === 6 ? 'ipv6' : 'ipv4');
  }

  #trusts(address: string): boolean {
    const family = isIP(address);
    return family !== 0 && this.#list.check(address, family === 6 ? 'ipv6' : 'ipv4');
  }
}

/** IPv4 as IPv4, also where it came in on a socket for both families. */
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '');
}

/** A hop as an address, also where the proxy adds a port: `1.2.3.4:5`, `[2001:db8::1]:5`. */
function withoutPort(hop: string): string {
  return plain(hop.replace(/^(\d+(?:\.\d+){3}):\d+$/, '$1').replace(/^\[([^\]]*)\](?::\d+)?$/, '$1'));
}
