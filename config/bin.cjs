#!/usr/bin/env node
// What npx starts: the source in a checkout, so that it is never an old build; else the build. Any Node can read this file, however old.
'use strict';
const { existsSync } = require('node:fs');
const { join } = require('node:path');

const [source, built] = [join(__dirname, '../src/main.ts'), join(__dirname, '../dist/main.cjs')];
const main = existsSync(source) && process.features.typescript ? source : built;
if (existsSync(main)) {
  process.argv[1] = main;
  if (main === source) import(main);
  else require(main);
} else {
  process.stderr.write(
    existsSync(source)
      ? `lazypirate: this is Node ${process.versions.node}, which cannot run TypeScript: run "npm ci", then "npx lazypirate" in this folder\n`
      : 'lazypirate: there is nothing to run here: copy the folder dist too\n',
  );
  process.exitCode = 1;
}
