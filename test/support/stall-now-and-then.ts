/*
 * Loaded into a process before its own code: makes it stand still now and then, as on a machine that gives it no CPU, and uses none
 * meanwhile. Only its event loop; threads of libraries go on.
 */
const LONGEST_MS = 1_500;
const PAUSE_MS = 3_000;
const cell = new Int32Array(new SharedArrayBuffer(4));
const { setTimeout, Math: maths } = { setTimeout: globalThis.setTimeout, Math: { random: Math.random } };

function stall(): void {
  Atomics.wait(cell, 0, 0, maths.random() * LONGEST_MS);
  plan();
}

function plan(): void {
  setTimeout(stall, maths.random() * PAUSE_MS).unref();
}

plan();
