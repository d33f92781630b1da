/* Once more on libzmq: bad peers, and peers that stop or die. */
process.env['LAZYPIRATE_TRANSPORT'] = 'libzmq';
for (const name of ['bad-input', 'faults']) await import(`./${name}.test.ts`);
