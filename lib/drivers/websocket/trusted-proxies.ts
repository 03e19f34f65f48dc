import type { IncomingHttpHeaders } from 'node:http';
import { BlockList, isIP } from 'node:net';

import { CommError, CommErrorCode } from '../../comm-error.js';

/** The names of subnets that Express's `trust proxy` knows too. */
const SUBNETS: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  uniquelocal: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
};

/** Finds the address of a client behind proxies that are trusted to report it. */
export class TrustedProxies {
  readonly #list = new BlockList();

  /**
   * @param proxies - addresses, subnets such as `10.0.0.0/8`, or the names `loopback`, `linklocal`, `uniquelocal`
   * @throws CommError `BAD_CONFIG` for anything else
   */
  constructor(proxies: readonly string[] = []) {
    for (const proxy of proxies) {
      for (const subnet of SUBNETS[proxy] ?? [proxy]) this.#add(subnet);
    }
  }

  /**
   * The nearest address that is no trusted proxy's, from the socket backwards through `X-Forwarded-For`, to which each
   * proxy adds whom it was asked by. What an untrusted one sends may be made up.
   */
  clientOf(socketAddress: string, headers: IncomingHttpHeaders): string {
    const forwarded = String(headers['x-forwarded-for'] ?? '');
    const hops = forwarded === '' ? [] : forwarded.split(',').map((hop) => hop.trim());
    let client = plain(socketAddress);
    while (this.#trusts(client)) {
      const hop = plain(hops.pop() ?? '');
      if (isIP(hop) === 0) break;
      client = hop;
    }
    return client;
  }

  #add(subnet: string): void {
    const [address = '', bits] = subnet.split('/');
    const family = isIP(address);
    const most = family === 6 ? 128 : 32;
    const prefix = bits === undefined ? most : Number(bits);
    if (family === 0 || bits === '' || !Number.isInteger(prefix) || prefix < 0 || prefix > most) {
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
