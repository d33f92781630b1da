import { lacks, run } from './tools.ts';

const [PROGRAM, ARGS, skip]: [string, string[], string | false] =
  lacks('kustomize') === false
    ? ['kustomize', ['build'], false]
    : ['kubectl', ['kustomize'], lacks('kubectl')];

/** Why nothing can be built with Kustomize here, or false. */
export const kustomizeSkip = skip;

/** What Kustomize makes of the kustomization.yaml in this folder. */
export function kustomize(folder: string): string {
  return run(PROGRAM, [...ARGS, folder]);
}
