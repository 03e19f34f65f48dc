/** What `attach` of the Node entry's Communicator takes beside the server. */
export interface AttachOptions {
  /** Where sites and pages connect. Default: `/f3`, where all clients connect whose URL has no path. */
  readonly path?: string;
  /**
   * The origins of web pages that may connect, such as `https://app.example.com`. Default: all. A browser sends its page's
   * origin; other programs send none, and are not restricted.
   */
  readonly origins?: readonly string[];
  /**
   * Proxies in front of the server that report in `X-Forwarded-For` who asked them: addresses, subnets such as `10.0.0.0/8`,
   * or `loopback`, `linklocal`, `uniquelocal`, as in Express's `trust proxy`. Default: none.
   */
  readonly trustedProxies?: readonly string[];
}
