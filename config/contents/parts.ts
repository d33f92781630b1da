import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { IN_THE_ADDON } from './in-the-addon.ts';

const PACKAGES = fileURLToPath(new URL('../../node_modules', import.meta.url));

/** Something by others that is in the build. */
export interface Part {
  name: string;
  version: string;
  /** An SPDX expression. */
  license: string;
  /** What its licence and its NOTICE file want to have said. */
  text: string;
  /** A package URL, as inventories of software name it. */
  purl: string;
}

/** Licences that let anybody ship the part, changed or not, with nothing more than a notice and, for MPL-2.0, a link to its source. */
const ALLOWED = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT', 'MPL-2.0'];

/** Packages without a module of their own in it: a part of jsonpath-plus, headers of zeromq's addon, and the bundler's own lines. */
const WITHOUT_MODULES = [
  'jsep',
  '@jsep-plugin/assignment',
  '@jsep-plugin/regex',
  'node-addon-api',
  'rolldown',
].map((name) => join(PACKAGES, name));

/** Files with the text of a licence, or with what the licence of a package wants to have passed on. */
const TEXT = /^(?!.*node_modules\/)(.*\/)?(licen[cs]e|copying|notice)([-._](?!([cm]?[jt]s)$)[^/]*)?$/i;

/** Every package that a module is from, and what is in it besides. */
export function partsOf(moduleIds: readonly string[]): Part[] {
  const ofModules = moduleIds.flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id) ?? []);
  const packages = new Set([...ofModules, ...WITHOUT_MODULES]);
  return [...[...packages].sort().map(packageIn), ...IN_THE_ADDON];
}

function packageIn(directory: string): Part {
  const manifest = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
  const { name, version, license } = manifest as Record<'name' | 'version' | 'license', string>;
  const texts = readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((file) => TEXT.test(file))
    .sort()
    .map((file) => readFileSync(join(directory, file), 'utf8').trim());
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
  return { name, version, license: String(license), text: texts.join('\n\n'), purl };
}

/** Why the parts may not be shipped; nothing if they may. */
export function problemsOf(parts: readonly Part[]): string[] {
  return parts.flatMap(({ name, version, license, text }) => {
    const refused = license.split(' AND ').filter((one) => !ALLOWED.includes(one));
    return [
      ...refused.map((one) => `${name} ${version} has the licence ${one}, which is not on the list`),
      ...(text === '' ? [`${name} ${version} comes without the text of its licence`] : []),
    ];
  });
}

/** The notice that is shipped with the parts: a list, and the text of each. */
export function noticeOf(parts: readonly Part[]): string {
  const list = parts.map(({ name, version, license }) => `  ${name} ${version}: ${license}\n`);
  const texts = parts.map((part) => `${part.name} ${part.version}: ${part.license}\n\n${part.text}\n`);
  const intro = `lazypirate is under the Apache License 2.0; see LICENSE. It contains:

${list.join('')}
The zeromq-*.node files are the addon of zeromq, which contains node-addon-api, libzmq, libsodium and sha1. In the container image there is
Node.js too, with its licence in /nodejs/LICENSE, and packages of Debian, with theirs in /usr/share/doc/*/copyright.
`;
  return [intro, ...texts].join(`\n${'-'.repeat(80)}\n\n`);
}

/** The same list for programs that look for known vulnerabilities: they cannot see what is inside a bundle. In CycloneDX. */
export function inventoryOf(parts: readonly Part[], version: string): string {
  const own = `pkg:generic/lazypirate@${version}`;
  const component = (one: Part) => ({
    type: 'library',
    'bom-ref': one.purl,
    name: one.name,
    version: one.version,
    purl: one.purl,
    licenses: [{ expression: one.license }],
  });
  const inventory = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      component: { type: 'application', 'bom-ref': own, name: 'lazypirate', version, purl: own },
    },
    components: parts.map(component),
  };
  return `${JSON.stringify(inventory, null, 2)}\n`;
}
