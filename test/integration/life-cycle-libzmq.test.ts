/* What changes while a route is running, once more on libzmq: reloads, other endpoints, other connections. */
process.env['LAZYPIRATE_TRANSPORT'] = 'libzmq';
for (const name of ['hedge', 'life-cycle', 'live-policy', 'names', 'relist', 'succession'])
  await import(`./${name}.test.ts`);
