import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { scratch } from './scratch.ts';
import { lacks, run } from './tools.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const DOCKERFILE = readFileSync(join(ROOT, 'Dockerfile'), 'utf8');
/** The base images in the Dockerfile, by tag and digest. The last one is that of the sidecar's image. */
const BASES = [...DOCKERFILE.matchAll(/^FROM (?:--\S+ )?([^@\s]+)(@\S+)/gm)].map(
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
  // By their tags, because a stand-in of a base image has another digest.
  const dockerfile = DOCKERFILE.replace(/^(FROM .*?)@\S+/gm, '$1');
  const [start = ''] = INSTALLED.exec(dockerfile) ?? [];
  if (start === '')
    throw new Error('the Dockerfile does not begin with a stage that installs its dependencies');
  bud(name, dockerfile.replace(start, `FROM ${dependencies(start)} AS build\n`));
}

/** The first stage, until its dependencies are there. */
const INSTALLED = /^FROM .* AS build\n(?:.*\n)*?RUN .*npm ci .*\n/m;
const DEPENDENCIES = 'localhost/lazypirate-dependencies';

/** An image of what this makes, which takes most of the time of a build and depends on few files: it is kept until they change. */
function dependencies(dockerfile: string): string {
  const hash = createHash('sha256').update(dockerfile);
  for (const { name } of BASES) hash.update(run('podman', ['image', 'inspect', '--format={{.Id}}', name]));
  for (const file of ['package.json', 'package-lock.json']) hash.update(readFileSync(join(ROOT, file)));
  const name = `${DEPENDENCIES}:${hash.digest('hex').slice(0, 16)}`;
  if (spawnSync('podman', ['image', 'exists', name]).status === 0) return name;
  bud(name, dockerfile);
  const kept = run('podman', ['images', '--format={{.Repository}}:{{.Tag}}', DEPENDENCIES])
    .trim()
    .split('\n');
  // One that is in use stays.
  for (const old of kept.filter((one) => one !== name)) spawnSync('podman', ['rmi', old]);
  return name;
}

function bud(name: string, dockerfile: string): void {
  const folder = scratch();
  writeFileSync(join(folder, 'Dockerfile'), dockerfile);
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
    `--file=${join(folder, 'Dockerfile')}`,
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
