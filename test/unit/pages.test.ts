import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PAGES = globSync(['*.md', '{.github,config,helm,src,test}/**/*.md'], {
  cwd: ROOT,
  exclude: ['**/node_modules/**'],
});

/** As GitHub makes them from headings. */
function anchorsOf(page: string): string[] {
  const headings = readFileSync(page, 'utf8').matchAll(/^#+ (.*)$/gm);
  return [...headings].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

test('every link of a page to another page, and to a heading in it, leads somewhere', () => {
  assert.ok(PAGES.length > 10);
  const broken: string[] = [];
  let links = 0;
  for (const page of PAGES) {
    const text = readFileSync(join(ROOT, page), 'utf8').replace(/^```[\s\S]*?^```/gm, '');
    for (const [, link = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(link)) continue;
      links++;
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? join(ROOT, page) : join(ROOT, dirname(page), path);
      const isFound = existsSync(target) && !relative(ROOT, target).startsWith('..');
      if (!isFound || (anchor !== undefined && !anchorsOf(target).includes(anchor)))
        broken.push(`${page}: ${link}`);
    }
  }
  assert.ok(links > 50);
  assert.deepEqual(broken, []);
});

test('the forms and workflows are YAML, and each form asks for something', () => {
  const files = globSync('.github/**/*.yml', { cwd: ROOT });
  assert.ok(files.length >= 5);
  for (const file of files) {
    const form = parse(readFileSync(join(ROOT, file), 'utf8'));
    if (/ISSUE_TEMPLATE\/(?!config)/.test(file)) {
      assert.ok(form.name && form.description, file);
      assert.ok(
        form.body.some((part: { validations?: { required: boolean } }) => part.validations?.required),
      );
    }
  }
});
