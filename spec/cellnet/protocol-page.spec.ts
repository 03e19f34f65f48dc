import { readFileSync } from 'node:fs';

import { expect, it } from 'vitest';

import { Header } from '../../lib/cellnet/headers.js';
import { ReturnCode } from '../../lib/cellnet/return-code.js';
import { STREAM_CHANNEL, StreamHeader, StreamTopic } from '../../lib/cellnet/stream-headers.js';

const page = readFileSync(new URL('../../docs/protocol-cells.md', import.meta.url), 'utf8');

it('names each header of cells and streams, and no other', () => {
  const named = new Set(page.match(/\b(?:cn|sm)__\w+/g));
  const ours = [...Object.values(Header), ...Object.values(StreamHeader)];
  // An invitation that is ignored.
  const places = [STREAM_CHANNEL, ...Object.values(StreamTopic), 'cn__conn_url'];
  expect([...named].sort()).toEqual([...ours, ...places].sort());
});

it.each(Object.values(ReturnCode))('names the return code %s', (code) => {
  expect(page).toContain(`\`${code}\``);
});
