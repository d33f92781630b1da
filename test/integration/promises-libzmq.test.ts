/* The promises once more on libzmq: under faults, and with bad peers. */
process.env['LAZYPIRATE_TRANSPORT'] = 'libzmq';
for (const name of ['bad-input', 'faults', 'promises']) await import(`./${name}.test.ts`);
