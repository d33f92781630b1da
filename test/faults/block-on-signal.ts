/* Loaded into a sidecar before its own code: each SIGUSR2 blocks its event loop for 4 s. */
const cell = new Int32Array(new SharedArrayBuffer(4));
process.on('SIGUSR2', () => Atomics.wait(cell, 0, 0, 4_000));
