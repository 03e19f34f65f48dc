import { isMatching, match, P } from 'ts-pattern';

import { quoted } from '../quoted.js';
import { FlareError, FlareStatus, isFlareStatus } from './flare-error.js';

/** One part of a reply. Source: `ProtoKey` and `validate_proto` of `nvflare/fuel/hci/proto.py`. */
export type ReplyItem =
  | {
      readonly type: 'string' | 'success' | 'error' | 'token' | 'shutdown' | 'command';
      readonly data: string;
    }
  | { readonly type: 'dict'; readonly data: Readonly<Record<string, unknown>> }
  | { readonly type: 'table'; readonly rows: readonly (readonly unknown[])[] };

/** What a server answers to a command. */
export interface CommandReply {
  readonly data: readonly ReplyItem[];
  /** What programs read; empty for some commands. */
  readonly meta: Readonly<Record<string, unknown>>;
}

const record = P.when(
  (value: unknown): value is Readonly<Record<string, unknown>> =>
    typeof value === 'object' && value !== null && !Array.isArray(value),
);

const isReply = isMatching({
  data: P.array(
    P.union(
      { type: P.union('string', 'success', 'error', 'token', 'shutdown', 'command'), data: P.string },
      { type: 'dict', data: record },
      { type: 'table', rows: P.array(P.array(P.any)) },
    ),
  ),
  meta: P.optional(P.union(P.nullish, record)),
});

/**
 * Reads the JSON of a reply.
 *
 * @param command - what was asked, for the error
 * @throws FlareError `bad_reply`. A server that refuses to say anything sends an empty success
 */
export function parseReply(command: string, payload: unknown): CommandReply {
  if (typeof payload !== 'string') throw nothingIn(command);
  const json = parseJson(payload);
  if (!isReply(json)) throw badReply(command, 'the server answered what is no reply to a command');
  const meta = json.meta ?? {};
  if (json.data.length === 0 && Object.keys(meta).length === 0) throw nothingIn(command);
  return { data: (json.data as readonly ReplyItem[]).map(withoutTokens), meta };
}

function nothingIn(command: string): FlareError {
  return badReply(command, 'the server answered nothing: it refuses this, or failed, and its log says why');
}

/** `check_status server` lists the tokens of sites, and a reader of these could speak as the sites. */
function withoutTokens(item: ReplyItem): ReplyItem {
  if (item.type !== 'table') return item;
  const [head = []] = item.rows;
  const at = head.indexOf('TOKEN');
  if (at === -1) return item;
  const hide = (row: readonly unknown[]): unknown[] => row.map((cell, index) => (index === at ? '…' : cell));
  return { type: 'table', rows: [head, ...item.rows.slice(1).map(hide)] };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A {@link FlareError} for a reply that says too little. */
export function badReply(command: string, text: string): FlareError {
  return new FlareError(FlareStatus.BAD_REPLY, `${command}: ${text}`);
}

/** Refusals of servers that send no status. Source: `ReplyKeyword` of `nvflare/fuel/hci/proto.py`. */
const TEXTS: readonly (readonly [RegExp, FlareStatus])[] = [
  [/session_inactive|invalid_session/, FlareStatus.SESSION_ENDED],
  [/not authenticated/, FlareStatus.NOT_AUTHENTICATED],
  [/not authorized|Authorization Error|NOT_AUTHORIZED/, FlareStatus.NOT_AUTHORIZED],
  [/undefined command|Unknown command/i, FlareStatus.NOT_SUPPORTED],
  [/no clients available/, FlareStatus.NO_CLIENTS],
  [/invalid client|unknown site|wrong server|invalid target/i, FlareStatus.INVALID_TARGET],
  [/must be running/, FlareStatus.JOB_NOT_RUNNING],
  [/no such job|does not exist|invalid job/i, FlareStatus.NO_SUCH_JOB],
  [/no responses? from clients/, FlareStatus.NO_REPLY],
  [/Failed to communicate/, FlareStatus.NO_REPLY],
  [/^Usage:|syntax error/i, FlareStatus.SYNTAX_ERROR],
];

/**
 * Why a server did not do what it was asked, where it did not.
 *
 * It did where no item is an error and `meta.status` is `ok` or absent, whatever its texts say. Otherwise `meta.status` decides,
 * but for a bare `error`: then the texts do by which NVFlare's own client knows a refusal, in `meta.info` and in errors.
 */
export function refusalOf(command: string, { data, meta }: CommandReply): FlareError | undefined {
  const { info } = meta;
  const status = meta.status === 'no_job_compoents' ? FlareStatus.NO_JOB_COMPONENTS : meta.status; // As 2.7 spells it.
  const errors = data.flatMap((item) => (item.type === 'error' ? [item.data] : []));
  const said = [typeof info === 'string' ? info : '', ...errors].find((text) => text.trim() !== '')?.trim();
  if (errors.length === 0 && (status === undefined || status === 'ok')) return undefined;
  // A bare `error` says less than its text.
  const known = isFlareStatus(status) && status !== FlareStatus.ERROR ? status : undefined;
  const texts = [said ?? '', ...errors].join('\n');
  const told = TEXTS.find(([pattern]) => pattern.test(texts))?.[1];
  const jobId = typeof meta.job_id === 'string' ? meta.job_id : undefined;
  const decided = infoStatus(info) ?? known ?? told ?? FlareStatus.ERROR;
  const words = said === undefined ? '' : `, ${quoted(said)}`;
  return new FlareError(decided, `${command}: the server answered ${decided}${words}`, {
    reason: said,
    jobId,
  });
}

/** An invalid target may be that there is none at all. */
function infoStatus(info: unknown): FlareStatus | undefined {
  return info === 'no clients available' ? FlareStatus.NO_CLIENTS : undefined;
}

/** All texts of a reply, one after the other. */
export function textIn({ data }: CommandReply): string {
  return data.map((item) => (item.type === 'string' ? item.data : '')).join('');
}

/** The first object of a reply; empty where it has none. */
export function dictIn({ data }: CommandReply): Readonly<Record<string, unknown>> {
  return data.find((item) => item.type === 'dict')?.data ?? {};
}

/** A value of JSON that should be a text, as one; `…` for an object, which may have no text. */
export function wordOf(value: unknown): string {
  return typeof value === 'object' && value !== null ? '…' : String(value);
}

/** The rows of all tables of a reply, without their heads, as texts. */
export function rowsIn({ data }: CommandReply): readonly (readonly string[])[] {
  return data.flatMap((item) =>
    match(item)
      .with({ type: 'table' }, ({ rows }) => rows.slice(1).map((row) => row.map(wordOf)))
      .otherwise(() => []),
  );
}
