import type { CommErrorCode } from '../comm-error.js';
import type { Diagnosis } from '../monitor/diagnosis.js';

/**
 * How the command ended. A signal ends with `OK` what goes on until one comes, and with 128 and its number, as a shell has
 * it, what is there for a result and has none yet.
 */
export const ExitCode = {
  OK: 0,
  FAILED: 1,
  USAGE: 2,
  UNREACHABLE: 3,
  REFUSED: 4,
  TLS: 5,
  NOT_F3: 6,
  TIMEOUT: 7,
  ANSWERED: 8,
  JOB: 9,
  INTERRUPTED: 130,
  TERMINATED: 143,
} as const;

/** One of the values of {@link ExitCode}. */
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** Each exit code in plain words. */
export const EXIT_MEANINGS: Readonly<Record<ExitCode, string>> = {
  [ExitCode.OK]: 'all is well, or a signal ended what goes on until one comes',
  [ExitCode.FAILED]: 'any other failure, such as a full disk',
  [ExitCode.USAGE]:
    'cannot work as given: an unknown option, a bad URL, a missing file, a port that is taken',
  [ExitCode.UNREACHABLE]: 'no connection: no such host, no route, nothing listens there, or it was lost',
  [ExitCode.REFUSED]: 'the peer turned us away',
  [ExitCode.TLS]: 'a certificate, or TLS on one side only',
  [ExitCode.NOT_F3]: 'something else has that port, or another transport',
  [ExitCode.TIMEOUT]: 'no answer in time',
  [ExitCode.ANSWERED]: 'the cell or server that was asked answered with an error',
  [ExitCode.JOB]: 'the job that was followed did not complete',
  [ExitCode.INTERRUPTED]: 'Ctrl-C (SIGINT) came before the result',
  [ExitCode.TERMINATED]: 'SIGTERM came before the result',
};

const EXIT_CODES: Readonly<Record<Diagnosis, ExitCode>> = {
  'bad-request': ExitCode.USAGE,
  'name-not-resolved': ExitCode.UNREACHABLE,
  refused: ExitCode.UNREACHABLE,
  unreachable: ExitCode.UNREACHABLE,
  'timed-out': ExitCode.TIMEOUT,
  'no-answer': ExitCode.TIMEOUT,
  'certificate-not-trusted': ExitCode.TLS,
  'certificate-expired': ExitCode.TLS,
  'certificate-of-another': ExitCode.TLS,
  'client-certificate-wanted': ExitCode.TLS,
  'own-certificate-not-trusted': ExitCode.TLS,
  'tls-wanted': ExitCode.TLS,
  'not-tls': ExitCode.TLS,
  'other-transport': ExitCode.NOT_F3,
  'not-f3': ExitCode.NOT_F3,
  'own-name': ExitCode.REFUSED,
  'handshake-refused': ExitCode.REFUSED,
  'connection-lost': ExitCode.UNREACHABLE,
  failed: ExitCode.FAILED,
};

const BY_ERROR: Readonly<Partial<Record<CommErrorCode, ExitCode>>> = {
  BAD_CONFIG: ExitCode.USAGE,
  NOT_SUPPORTED: ExitCode.USAGE,
  REFUSED: ExitCode.REFUSED,
  TIMEOUT: ExitCode.TIMEOUT,
};

/** The exit code after an error that is not about a connection. */
export function exitCodeOfError(code: CommErrorCode): ExitCode {
  return BY_ERROR[code] ?? ExitCode.FAILED;
}

/** The exit code after a connection that failed. */
export function exitCodeOf(diagnosis: Diagnosis): ExitCode {
  return EXIT_CODES[diagnosis];
}
