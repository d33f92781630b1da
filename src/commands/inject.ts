import { addAbortSignal } from 'node:stream';
import { parseArguments } from '../config/text/arguments.ts';
import { decodeText, readWholeText, tooLong } from '../config/text/text-file.ts';
import { ConfigError, messageOf, UserError } from '../errors.ts';
import { addSidecars, removeSidecars } from '../inject/sidecars.ts';
import type { InputFile } from '../inject/source.ts';
import type { Command, Terminal } from './command.ts';
import { needOutput } from './needed-output.ts';

const help = `Usage: lazypirate inject [--only KIND/NAME]... [OPTIONS] FILE...
       lazypirate inject [--only KIND/NAME]... --remove FILE...

Reads Kubernetes YAML or JSON, and writes it to standard output with the sidecar in each Pod, Deployment, StatefulSet, DaemonSet,
ReplicaSet, ReplicationController, Job and CronJob that asks for it. It adds the ConfigMap that the sidecar needs, and, for
EndpointSlices, Role and RoleBinding. Everything else stays as it is, with its comments. A FILE of - is standard input.

Annotations of the pod template ask for it (of the pod itself, if it is a Pod):
  lazypirate/upstream   service/NAME:PORT or service/NAMESPACE/NAME:PORT (EndpointSlices), dns/NAME:PORT, or
                        tcp://IP:PORT,... (fixed addresses), or ipc:///run/lazypirate/NAME.sock (a server in the pod)
  lazypirate/listen     address the app connects to (tcp://127.0.0.1:5555). With ipc:///run/lazypirate/NAME.sock, the directory
                        is mounted into every container of the pod, except init containers
  lazypirate/route      name of the route in metrics and logs (the name of the Service, or upstream)
  lazypirate/config     a ConfigMap of your own, with a whole configuration in its key config.yaml, instead of those three. If
                        it is in the input too, it is checked, and the Role that it needs is added
  lazypirate/discovery  disabled: no route of a ConfigMap that is not in the input uses EndpointSlices or pods, so the sidecar
                        needs no token
  lazypirate/image      image of the sidecar, instead of --image

Options:
      --image IMAGE       image of the sidecar. None is published: build the Dockerfile and push the image
      --upstream, --listen, --route, --config
                          the same for every object of the input, without annotations. An annotation wins
      --only KIND/NAME    --upstream, --listen, --route, --config and --remove are for this object only. Can be repeated. If
                          several namespaces have one of that name, NAMESPACE/KIND/NAME
      --kubernetes VERSION
                          version of the cluster: an error if it is too old. Native sidecars need 1.29
      --no-native         an ordinary container instead of a native sidecar, for Kubernetes 1.27 and 1.28
      --remove            takes out what inject has added

An object that already has the sidecar is updated to this version and to what it asks for now, so running it twice changes
nothing. What was done is printed to standard error.

Example: lazypirate inject --image registry.example.com/lazypirate:0.1.0 app.yaml | kubectl apply -f -

Exit code 0; 2 if something cannot be done: then it prints file, line and reason for each, and no YAML; 1 if it cannot print the YAML.
`;

const BYTES_MOST = 16 * 1024 * 1024;

export const inject: Command = {
  name: 'inject',
  summary: 'add the sidecar to Kubernetes YAML',
  help,
  repeatable: ['only'],
  async run(args, terminal) {
    const text = { type: 'string' } as const;
    const { values, positionals } = parseArguments('inject', {
      args,
      options: {
        ...{ image: text, upstream: text, listen: text, route: text, config: text, kubernetes: text },
        only: { type: 'string', multiple: true },
        'no-native': { type: 'boolean' },
        remove: { type: 'boolean' },
      },
      allowPositionals: true,
    });
    const { only = [], remove = false, kubernetes, 'no-native': isOrdinary = false, ...flags } = values;
    if (remove) refuseBeside({ ...flags, kubernetes, 'no-native': isOrdinary || undefined });
    if (kubernetes !== undefined) checkVersion(kubernetes, isOrdinary);
    needOutput(terminal);
    const files = await filesOf(positionals, terminal);
    const done = remove
      ? removeSidecars(files, only)
      : addSidecars(files, { flags, only, isNative: !isOrdinary });
    terminal.stdout.write(done.text);
    for (const note of done.notes) terminal.stderr.write(`${note}\n`);
    return 0;
  },
};

function refuseBeside(flags: Record<string, unknown>): void {
  const given = Object.keys(flags).filter((key) => flags[key] !== undefined);
  if (given.length > 0) throw new ConfigError([`--${given[0]} has no meaning with --remove`]);
}

function checkVersion(text: string, isOrdinary: boolean): void {
  const [, major = '', minor = ''] = /^v?(\d{1,3})\.(\d{1,4})(?:[.+-].*)?$/.exec(text) ?? [];
  if (major === '') throw new ConfigError([`--kubernetes: ${text} is not a version: write 1.34`]);
  const isBefore = (least: number) => Number(major) < 1 || (Number(major) === 1 && Number(minor) < least);
  if (isBefore(27))
    throw new ConfigError([`--kubernetes ${text}: lazypirate needs Kubernetes 1.27 or later`]);
  if (!isOrdinary && isBefore(29))
    throw new ConfigError([
      `--kubernetes ${text}: it has no native sidecars, which come with 1.29: add --no-native, which makes it an ordinary container`,
    ]);
}

async function filesOf(names: readonly string[], terminal: Terminal): Promise<InputFile[]> {
  if (names.length === 0)
    throw new ConfigError(['no file is named; - is standard input; try lazypirate inject --help']);
  const files: InputFile[] = [];
  const problems: string[] = [];
  for (const name of names) {
    try {
      files.push(
        name === '-' ? await standardInput(terminal) : { name, text: readWholeText(name, BYTES_MOST) },
      );
    } catch (error) {
      if (error instanceof UserError) throw error;
      problems.push(`${name}: cannot be read: ${messageOf(error)}`);
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return files;
}

async function standardInput({ stdin, stderr, interrupted }: Terminal): Promise<InputFile> {
  if (stdin.isTTY) stderr.write('Type or paste the YAML; Ctrl-D on a new line ends it.\n');
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of addAbortSignal(interrupted, stdin)) {
      chunks.push(Buffer.from(chunk));
      length += chunk.length;
      if (length > BYTES_MOST) throw tooLong(BYTES_MOST);
    }
  } catch (error) {
    if (interrupted.aborted) throw new UserError(['interrupted; nothing was written'], 1, { cause: error });
    throw error;
  }
  return { name: 'stdin', text: decodeText(Buffer.concat(chunks), true) };
}
