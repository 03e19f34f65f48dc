import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { build, stop } from 'esbuild';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** As far below the root as `dist`, since the command finds its package and its page from where it is. */
const COMPILED = join(ROOT, '.compiled');
/** Set for all processes of a run whose programs are compiled. */
const MARK = 'RXFLARE_COMPILED';

/** What specs start again and again. */
const PROGRAMS = {
  'cli/main': 'lib/cli/main.ts',
  'soak/party': 'spec/soak/party.ts',
  'soak/balancer': 'spec/soak/cluster/balancer.ts',
  'cellnet/slow-stream': 'spec/cellnet/slow-stream.ts',
  'adversary/hub-program': 'spec/adversary/hub-program.ts',
  'cluster/replica-program': 'spec/cluster/replica-program.ts',
  'runtimes/party': 'spec/runtimes/party.ts',
};
/** What the programs of the guides import. */
const ENTRIES = [
  'lib/index.ts',
  'lib/angular/index.ts',
  'lib/cellnet/index.ts',
  'lib/cluster/index.ts',
  'lib/drivers/index.ts',
  'lib/flare/index.ts',
  'lib/flare/dashboard/index.ts',
  'lib/fobs/index.ts',
  'lib/metrics/index.ts',
  'lib/monitor/index.ts',
  'lib/nest/index.ts',
  'lib/nest/microservices/index.ts',
  'lib/testing/index.ts',
];

/** Compiles the programs and entries once for all spec files: each process would take a second longer to do so. */
export default async function compile(): Promise<void> {
  const options = {
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    absWorkingDir: ROOT,
  } as const;
  // What a command loads late is loaded late here too: packages that are optional for one.
  const programs = { entryPoints: PROGRAMS, splitting: true, chunkNames: 'cli/[name]-[hash]' };
  await build({ ...options, outdir: COMPILED, ...programs });
  await build({ ...options, outdir: COMPILED, entryPoints: ENTRIES, outbase: 'lib', splitting: true });
  await stop();
  const paths = { rxflare: [join(COMPILED, 'index.js')], 'rxflare/*': [join(COMPILED, '*', 'index.js')] };
  // tsx takes decorators in files that are included only: those of the guides, which are in a temporary directory.
  const config = { compilerOptions: { paths, experimentalDecorators: true }, include: [`${tmpdir()}/**/*`] };
  await writeFile(join(COMPILED, 'tsconfig.json'), JSON.stringify(config));
  process.env[MARK] = 'yes';
}

/** The arguments with which Node runs one of the programs: compiled, or from its sources. */
export function programArgs(name: keyof typeof PROGRAMS): readonly string[] {
  if (process.env[MARK] !== undefined) return [join(COMPILED, `${name}.js`)];
  return ['--import', 'tsx', join(ROOT, PROGRAMS[name])];
}

/** The `tsconfig.json` by which tsx finds `rxflare`: compiled, or from its sources. */
export function programsConfig(): string {
  return join(process.env[MARK] === undefined ? ROOT : COMPILED, 'tsconfig.json');
}
