/* The tests of the data path once more, on libzmq. */
process.env['LAZYPIRATE_TRANSPORT'] = 'libzmq';
await import('./data-path.test.ts');
