import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Doors } from '../../../src/sidecar/doors.ts';

test('a door that a change has closed does not come back after the end', async () => {
  const open = new Set<string>();
  const doors = new Doors(async (_name, { host, port }) => {
    const address = `${host}:${port}`;
    open.add(address);
    return { address, close: async () => void open.delete(address) };
  });
  const adminAt = (host: string) => ({ listen: { host, port: 9555 }, inspect: undefined }) as never;
  await doors.open(adminAt('127.0.0.1'));
  const change = await doors.change(adminAt('127.0.0.1'), adminAt('0.0.0.0'), []);
  await doors.close();
  await change.abandon();
  assert.deepEqual([...open], []);
});

test('a door that is about to open when the end comes does not stay open', async () => {
  let isOpen = false;
  const opening = Promise.withResolvers<void>();
  const doors = new Doors(async () => {
    await opening.promise;
    isOpen = true;
    const close = async () => {
      isOpen = false;
    };
    return { address: '127.0.0.1:9555', close };
  });
  const listen = { host: '127.0.0.1', port: 9555 };
  const opened = doors.open({ listen, inspect: undefined } as never);
  await doors.close();
  opening.resolve();
  await opened;
  assert.equal(isOpen, false);
});
