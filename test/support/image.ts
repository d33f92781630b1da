import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { scratch } from './scratch.ts';
import { lacks, run } from './tools.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const DOCKERFILE = readFileSync(join(ROOT, 'Dockerfile'), 'utf8');
/** The base images in the Dockerfile, by tag and, where it is there, digest. The last one is that of the sidecar's image. */
const BASES = [...DOCKERFILE.matchAll(/^FROM (?:--\S+ )?(\S+?:[^@\s]+)(@\S+)?/gm)].map(
  ([, name = '', digest = '']) => ({ name, digest }),
);
export const BASE = BASES.at(-1)?.name ?? '';

/** Why no image can be built and run here, or false. */
export function imageSkip(): string | false {
  const lacking = lacks('buildah', 'podman', 'runc');
  if (lacking !== false) return lacking;
  if (process.getuid?.() !== 0) return 'building and running containers needs root here';
  const absent = BASES.find(
    ({ name, digest }) =>
      spawnSync('podman', ['image', 'exists', name]).status !== 0 &&
      (spawnSync('podman', ['pull', '--quiet', name + digest], { timeout: 120_000 }).status !== 0 ||
        spawnSync('podman', ['tag', name + digest, name]).status !== 0),
  );
  return absent !== undefined && `${absent.name} is not here and cannot be pulled`;
}

/** Builds the Dockerfile under this name. */
export function buildImage(name: string): void {
  const folder = scratch();
  // By their tags, because a stand-in of a base image has another digest.
  const dockerfile = join(folder, 'Dockerfile');
  writeFileSync(dockerfile, DOCKERFILE.replace(/^(FROM .*?)@\S+/gm, '$1'));
  const npmrc = join(folder, 'npmrc');
  const authorities = process.env['NODE_EXTRA_CA_CERTS'];
  writeFileSync(npmrc, authorities ? 'cafile=/run/authorities.pem\n' : '');
  run('buildah', [
    'bud',
    '--isolation=chroot',
    '--timestamp=0',
    '--build-arg=VERSION=1.2.3',
    '--build-arg=REVISION=abc',
    '--build-arg=SOURCE=https://example.com/lazypirate',
    `--secret=id=npmrc,src=${npmrc}`,
    ...(authorities ? [`--volume=${authorities}:/run/authorities.pem:ro`] : []),
    `--file=${dockerfile}`,
    `--tag=${name}`,
    ROOT,
  ]);
}

/** Options for `podman run`, as in a restricted pod. */
export const RESTRICTED = [
  '--runtime=runc',
  '--rm',
  '--network=host',
  '--read-only',
  '--read-only-tmpfs=false',
  // The real base image has no shell and no other program. Of a stand-in they are hidden.
  '--tmpfs=/usr/bin:ro,size=4k,notmpcopyup',
  '--cap-drop=ALL',
  '--security-opt=no-new-privileges',
  // Podman's defaults would raise the limits, which not every machine allows.
  '--ulimit=nofile=1024:4096',
  '--ulimit=nproc=4096:4096',
];
