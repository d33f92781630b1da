/*
 * What a release is called, what is new in it, and its npm package. All of it comes from the repository, and nothing is built here.
 *
 *     node config/release.ts names TAG OWNER/REPOSITORY [REGISTRY]    lines of NAME=VALUE; fails if the tag and the versions differ
 *     node config/release.ts notes                                    what the changelog says of this version
 *     node config/release.ts package OWNER/REPOSITORY DIRECTORY       makes the npm package of dist
 */
import { cpSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
/** Beside dist. bin.cjs is what npx starts, and stands where it looks for dist from. */
const PACKED = ['LICENSE', 'README.md', 'config/bin.cjs', 'config/lazypirate.service', 'config/schema.json'];
/** Of package.json; the rest is for those who develop it. */
const KEPT = ['version', 'description', 'keywords', 'license', 'type', 'bin', 'engines'];

interface Chart {
  name: string;
  version: string;
  appVersion: string;
  dependencies?: { name: string; version: string }[];
}

/** Every version that the repository names, by where it does. */
export function versionsIn(root: string): Map<string, string> {
  const read = (file: string) => readFileSync(join(root, file), 'utf8');
  const manifest = (file: string) => (JSON.parse(read(file)) as { version: string }).version;
  const versions = new Map(['package.json', 'package-lock.json'].map((file) => [file, manifest(file)]));
  for (const file of globSync('helm/*/Chart.yaml', { cwd: root }).sort()) {
    const { version, appVersion, dependencies = [] } = parse(read(file)) as Chart;
    versions.set(`${file}: version`, version).set(`${file}: appVersion`, appVersion);
    for (const one of dependencies) versions.set(`${file}: dependency ${one.name}`, one.version);
  }
  return versions;
}

/** How the image, the charts and the package of a release are called. All names are in lower case, since registries have no others. */
export function namesOf(
  tag: string,
  repository: string,
  registry: string,
  root: string,
): Map<string, string> {
  const versions = versionsIn(root);
  const differing = [...versions].filter(([, version]) => tag !== `v${version}`);
  if (differing.length > 0) {
    const lines = differing.map(([where, version]) => `  ${where} has ${version}`);
    throw new Error(`the tag ${tag} is not the version of everything:\n${lines.join('\n')}`);
  }
  const version = tag.slice(1);
  notesOf(version, readFileSync(join(root, 'CHANGELOG.md'), 'utf8'));
  const image = `${registry}/${repository.toLowerCase()}`;
  return new Map([
    ['version', version],
    ['image', image],
    ['charts', `${image}/charts`],
    ['package', packageNameOf(repository)],
    ['prerelease', String(version.includes('-'))],
  ]);
}

function packageNameOf(repository: string): string {
  const [owner = '', name = ''] = repository.toLowerCase().split('/');
  if (owner === '' || name === '') throw new Error(`${repository} is not OWNER/REPOSITORY`);
  return `@${owner}/${name}`;
}

/** The section of a version, without its heading. */
export function notesOf(version: string, changelog: string): string {
  const sections = changelog.split(/^## /m).slice(1);
  const section = sections.find((one) => /^\[?([^\s\]]+)/.exec(one)?.[1] === version);
  if (section === undefined) throw new Error(`CHANGELOG.md has no section "## ${version}"`);
  const notes = section.slice(section.indexOf('\n')).trim();
  if (notes === '') throw new Error(`CHANGELOG.md says nothing about ${version}`);
  return `${notes}\n`;
}

/** Puts beside dist, which is there already, what makes a package of it. dist has all that it needs, so it depends on nothing. */
function makePackage(repository: string, directory: string): void {
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<string, unknown>;
  const page = `https://github.com/${repository}`;
  const published = {
    name: packageNameOf(repository),
    ...Object.fromEntries(KEPT.map((key) => [key, manifest[key]])),
    // Provenance is refused if this is not where the package was built.
    repository: { type: 'git', url: `git+${page}.git` },
    homepage: `${page}#readme`,
    bugs: `${page}/issues`,
    publishConfig: { access: 'public' },
  };
  for (const file of PACKED) cpSync(join(ROOT, file), join(directory, file));
  writeFileSync(join(directory, 'package.json'), `${JSON.stringify(published, null, 2)}\n`);
}

function main([command, ...args]: string[]): void {
  const [first = '', second = '', registry = 'ghcr.io'] = args;
  if (command === 'names')
    for (const [name, value] of namesOf(first, second, registry, ROOT)) console.log(`${name}=${value}`);
  else if (command === 'notes') {
    const version = versionsIn(ROOT).get('package.json') ?? '';
    process.stdout.write(notesOf(version, readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8')));
  } else if (command === 'package') makePackage(first, second);
  else throw new Error('names, notes or package?');
}

if (import.meta.main) {
  try {
    main(process.argv.slice(2));
  } catch (error) {
    console.error(`release: ${(error as Error).message}`);
    process.exitCode = 1;
  }
}
