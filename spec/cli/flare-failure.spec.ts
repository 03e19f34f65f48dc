import { expect, it } from 'vitest';

import { messageForCommand } from '../../lib/cli/flare-failure.js';
import { FlareError, FlareStatus } from '../../lib/flare/index.js';

it.each([
  [new FlareError(FlareStatus.NO_SUCH_JOB, 'none'), 'none: rxflare flare jobs lists the jobs of the study'],
  [new FlareError(FlareStatus.IN_USE, 'another download'), 'another download'],
  [
    new FlareError(FlareStatus.LOGIN_REFUSED, 'no', { reason: "AUTH_UNKNOWN_STUDY: unknown study 'x'" }),
    'no: give a study of this server that the user belongs to',
  ],
  [
    new FlareError(FlareStatus.LOGIN_REFUSED, 'no', { reason: 'REJECT' }),
    'no: use the startup kit that the project of this server made for the user',
  ],
])('a command says what to do in commands: %s', (error, message) => {
  expect(messageForCommand(error)).toBe(message);
});
