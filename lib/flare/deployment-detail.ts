import type { JobMeta } from './described-job.js';

/** What came of deploying a job to one site, or to `server`. */
export interface Deployed {
  readonly site: string;
  readonly isOk: boolean;
  /** In the words of the server. */
  readonly text: string;
}

/** Reads `job_deploy_detail`: `site-1: OK`. Source: `JobRunner._deploy_job` of `nvflare/private/fed/server/job_runner.py`. */
export function deploymentOf({ deployDetail }: JobMeta): readonly Deployed[] {
  return deployDetail.map((line) => {
    const [, site = '', text = line] = /^([^\s:]+): (.*)$/s.exec(line) ?? [];
    return { site, isOk: text === 'OK' || text === 'ok', text };
  });
}

/** The sites that a job was deployed to, by name: the server names them as they came. */
export function participantsOf(meta: JobMeta): readonly string[] {
  const names = deploymentOf(meta).map(({ site }) => site);
  const sites = [...new Set(names)].filter((name) => name !== '' && name !== 'server');
  return sites.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}
