import { spawnSync } from 'node:child_process';

/** The distribution's own Python first: a newer one before it on the PATH often lacks the module. */
export const python = ['/usr/bin/python3', 'python3'].find(
  (one) => spawnSync(one, ['-c', 'import zmq']).status === 0,
);

/** Why tests with pyzmq are skipped, or false. */
export const pythonSkip = python === undefined ? 'no python3 with zmq (python3-zmq) on this machine' : false;
