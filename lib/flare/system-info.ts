import { isMatching, P } from 'ts-pattern';

import { badReply, type CommandReply } from './command-reply.js';

/** A site that the server counts as connected. */
export interface ClientInfo {
  readonly name: string;
  /** When the server heard of it last; absent where it does not say so. */
  readonly lastConnectTime: Date | undefined;
  /** Where its cell stands; absent before 2.7. */
  readonly fqcn: string | undefined;
}

/** What a server says of itself. */
export interface SystemInfo {
  readonly server: {
    /** `started` while a job runs, else `stopped`, in the words of the server. */
    readonly status: string;
    readonly startTime: Date | undefined;
  };
  readonly clients: readonly ClientInfo[];
  /** The jobs that run. */
  readonly jobs: readonly { readonly jobId: string; readonly appName: string }[];
}

/** Seconds since 1970, as Python counts. */
const seconds = P.optional(P.union(P.nullish, P.number));

const isStatus = isMatching({
  server_status: P.string,
  server_start_time: seconds,
  clients: P.optional(
    P.union(
      P.nullish,
      P.array({ client_name: P.string, client_last_conn_time: seconds, fqcn: P.optional(P.any) }),
    ),
  ),
  jobs: P.optional(P.union(P.nullish, P.array({ job_id: P.string, app_name: P.optional(P.any) }))),
});

/**
 * Reads what `check_status server` answers. Source: `Session._do_get_system_info` of `nvflare/fuel/flare_api/flare_api.py`.
 *
 * @throws FlareError `bad_reply`
 */
export function systemInfoIn({ meta }: CommandReply): SystemInfo {
  if (!isStatus(meta)) throw badReply('check_status', 'the server does not say how it is');
  return {
    server: { status: meta.server_status, startTime: dateOf(meta.server_start_time) },
    clients: (meta.clients ?? []).map(({ client_name: name, client_last_conn_time: time, fqcn }) => ({
      name,
      lastConnectTime: dateOf(time),
      fqcn: typeof fqcn === 'string' ? fqcn : undefined,
    })),
    jobs: (meta.jobs ?? []).map(({ job_id: jobId, app_name: appName }) => ({
      jobId,
      appName: typeof appName === 'string' ? appName : '',
    })),
  };
}

/** A time in seconds since 1970, where there is one, and a Date can have it. */
export function dateOf(time: number | null | undefined): Date | undefined {
  const date = new Date((time ?? Number.NaN) * 1_000);
  return Number.isNaN(date.getTime()) ? undefined : date;
}
