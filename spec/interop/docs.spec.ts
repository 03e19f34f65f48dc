import { afterAll, describe, inject, it } from 'vitest';

import { blocks } from '../docs/blocks.js';
import { play } from '../docs/play.js';
import { scenesOf } from '../docs/scenes.js';
import { makeWorkspace } from '../docs/workspace.js';

const workspace = await makeWorkspace();
afterAll(() => workspace.remove());

const missing = inject('interopObstacle') !== '';

describe.skipIf(missing)('the Python programs in the guides', { concurrent: true, timeout: 180_000 }, () => {
  it.each(scenesOf(blocks).filter(({ needs }) => needs === 'python'))('run: $place', (scene) =>
    play(scene, workspace),
  );
});
