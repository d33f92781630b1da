#!/usr/bin/env node
// What npx starts: the build, or a word on how to come by one. It is read by any Node, however old.
'use strict';
const { existsSync } = require('node:fs');
const { join } = require('node:path');

const main = join(__dirname, '../dist/main.cjs');
if (existsSync(main)) {
  process.argv[1] = main;
  require(main);
} else {
  process.stderr.write('lazypirate: not built yet: run "npm ci && npm run build" first\n');
  process.exitCode = 1;
}
