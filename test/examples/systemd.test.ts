/* The example with systemd, as its page says: its blocks of commands are pasted into a shell of root, with stand-ins for systemd alone. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { build } from '../support/built.ts';
import { copyOf, EXAMPLES, pathWith } from '../support/example.ts';
import { commandsOn } from '../support/pages.ts';
import { Shell, shellSkip } from '../support/pasted.ts';
import { scratch } from '../support/scratch.ts';
import { lacks, run } from '../support/tools.ts';

const PYTHON = '/usr/bin/python3';
const pythonSkip =
  spawnSync(PYTHON, ['-c', 'import zmq']).status !== 0 && `${PYTHON} has no zmq: install python3-zmq`;

/** What is written to these stays in the shell. */
const OWN_FOLDERS = `mount -t tmpfs none /run
cp -a /etc /run && mount --bind /run/etc /etc
mount -t tmpfs none /opt
`;
/** What it leaves behind, if it is not removed. */
const LEFT = '/run/*.pid /opt/* /etc/lazypirate* /etc/systemd/system/{lazypirate,shop,orders}*';
/** Starts a unit as systemd does, without what shields it; restarts it once, after a `kill`. */
const SYSTEMCTL = `start() {
  unit=$(echo "$1" | sed 's/@.*/@/') instance=\${1#*@}
  file=/etc/systemd/system/$unit.service
  of() { sed -n "s/^$1=//p" "$file" | sed "s/%i/$instance/g; s|^/usr/bin/node|${process.execPath}|"; }
  env $(of Environment) $(of ExecStart) &
  echo $! > "/run/$1.pid"
}
case "$1" in
  daemon-reload) ;;
  disable) shift 2; for unit in "$@"; do kill "$(cat "/run/$unit.pid")" && rm "/run/$unit.pid"; done ;;
  enable) shift 2; for unit in "$@"; do start "$unit"; done ;;
  kill) kill -KILL "$(cat "/run/$3.pid")"; start "$3" ;;
  *) exit 1 ;;
esac`;
/** As `npm run build` in the repository. */
const NPM = `case "$*" in *"run build") cp -r ${dirname(build())} ../../../dist ;; esac`;
/** What the units print goes to the shell, so there is no journal. */
const PROGRAMS = {
  npm: NPM,
  journalctl: 'exit 0',
  systemctl: SYSTEMCTL,
  node: `exec ${process.execPath} "$@"`,
};

test('the example with systemd: a server is killed, another one is added, no order is missing, and all of it is removed', {
  skip: shellSkip() || pythonSkip,
}, async (t) => {
  const shell = new Shell(t, copyOf('systemd'), { PATH: pathWith(PROGRAMS) });
  const [install = '', kill = '', change = '', remove = '', ...more] = commandsOn(
    join(EXAMPLES, 'systemd/README.md'),
  );
  assert.deepEqual(more, []);
  shell.paste(OWN_FOLDERS);
  shell.paste(install);
  await Promise.all([7001, 7002].map((port) => shell.prints(new RegExp(`^order \\d+: (done by ${port})$`))));
  const ordersNow = () => shell.program.stdout.filter((line) => line.startsWith('order ')).length;
  const before = ordersNow();
  await shell.program.line((line) =>
    Number(/^7001 works on order (\d+)$/.exec(line)?.[1]) > before ? true : undefined,
  );
  shell.paste(kill);
  await shell.prints(/^(WORKING|DEGRADED) /);
  shell.paste(change);
  await shell.prints(/^order \d+: (done by 7003)$/);
  const orders = shell.program.stdout.filter((line) => line.startsWith('order '));
  assert.deepEqual(
    orders.map((line) => line.replace(/ by 700[123]$/, '')),
    Array.from({ length: orders.length }, (_, at) => `order ${at + 1}: done`),
  );
  shell.paste(remove);
  shell.paste(`shopt -s nullglob; echo left: ${LEFT}\n`);
  assert.equal(await shell.prints(/^left:(.*)$/), '');
});

/** Why units cannot be verified here, or false. Without that option, it fails for errors in units of the machine too. */
function analyzeSkip(): string | false {
  const lacking = lacks('systemd-analyze');
  if (lacking !== false) return lacking;
  const isOld = !run('systemd-analyze', ['--help']).includes('--recursive-errors');
  return isOld && 'systemd-analyze has no --recursive-errors: systemd 250 is needed';
}

test('the units of the example with systemd are valid', { skip: analyzeSkip() }, () => {
  const folder = join(scratch(), 'units');
  mkdirSync(folder);
  for (const file of globSync(['config/*.service', 'config/examples/systemd/*.service'], {
    cwd: join(EXAMPLES, '../..'),
  })) {
    const text = readFileSync(join(EXAMPLES, '../..', file), 'utf8');
    // Of programs it looks whether they are there.
    writeFileSync(
      join(folder, file.split('/').at(-1) ?? ''),
      text.replaceAll(/\/usr\/bin\/(node|python3)/g, process.execPath),
    );
  }
  cpSync(join(folder, 'orders@.service'), join(folder, 'orders@7001.service'));
  for (const unit of ['shop.service', 'orders@7001.service'])
    run('systemd-analyze', ['verify', '--recursive-errors=no', join(folder, unit)]);
});
