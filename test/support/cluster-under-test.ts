import { run } from './tools.ts';

/** Totals that the demo app prints. */
export interface Totals {
  requests: number;
  replies: number;
  failures: number;
  slowestMs: number;
  done?: true;
}

/** One namespace of the cluster that the current kubeconfig names, through kubectl and helm. */
export class Namespace {
  readonly name: string;

  /** Pods in it have to meet the restricted Pod Security Standard. */
  constructor(name: string) {
    this.name = name;
    run('kubectl', ['create', 'namespace', name]);
    run('kubectl', ['label', 'namespace', name, 'pod-security.kubernetes.io/enforce=restricted']);
  }

  /** Waits until everything in it is gone. */
  delete(): void {
    run('kubectl', ['delete', 'namespace', this.name, '--wait', '--timeout=120s']);
  }

  kubectl(...args: string[]): string {
    return run('kubectl', ['--namespace', this.name, ...args]);
  }

  helm(...args: string[]): string {
    return run('helm', ['--namespace', this.name, ...args]);
  }

  /** Names of the ready pods with this name label. */
  pods(name: string): string[] {
    const { items } = JSON.parse(
      this.kubectl('get', 'pods', '--selector', `app.kubernetes.io/name=${name}`, '--output', 'json'),
    ) as { items: Pod[] };
    return items.filter(isReady).map(({ metadata }) => metadata.name);
  }

  restarts(pod: string): number {
    const { status } = JSON.parse(this.kubectl('get', 'pod', pod, '--output', 'json')) as Pod;
    const all = [...(status.containerStatuses ?? []), ...(status.initContainerStatuses ?? [])];
    return all.reduce((sum, { restartCount }) => sum + restartCount, 0);
  }

  /** What the app in this pod has counted so far, as of the last second. */
  totals(pod: string): Totals {
    const lines = this.kubectl('logs', pod, '--container=app', '--tail=20').trim().split('\n');
    const last = lines.map((line) => JSON.parse(line)).findLast((line) => 'requests' in line);
    if (last === undefined) throw new Error(`${pod} has printed no totals`);
    return last as Totals;
  }

  /** The value of a metric of the sidecar in this pod; series that begin with `name` are summed. */
  metric(pod: string, name: string): number {
    const page = this.kubectl(
      'get',
      '--raw',
      `/api/v1/namespaces/${this.name}/pods/${pod}:9555/proxy/metrics`,
    );
    const lines = page.split('\n').filter((line) => line.startsWith(name) && !line.startsWith('#'));
    if (lines.length === 0) throw new Error(`${pod} has no metric ${name}`);
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  /** What a service account of it may do here, one line each, without what every account may. */
  permissions(account: string): string[] {
    const list = (name: string) =>
      this.kubectl(
        'auth',
        'can-i',
        '--list',
        '--no-headers',
        `--as=system:serviceaccount:${this.name}:${name}`,
      )
        .split('\n')
        .map((line) => line.trim().replaceAll(/\s+/g, ' '))
        .filter(Boolean);
    const common = new Set(list('nobody-in-particular'));
    return list(account).filter((line) => !common.has(line));
  }
}

interface ContainerStatus {
  restartCount: number;
}

interface Pod {
  metadata: { name: string; deletionTimestamp?: string };
  status: {
    conditions?: { type: string; status: string }[];
    containerStatuses?: ContainerStatus[];
    initContainerStatuses?: ContainerStatus[];
  };
}

function isReady({ metadata, status }: Pod): boolean {
  const ready = status.conditions?.find(({ type }) => type === 'Ready');
  return metadata.deletionTimestamp === undefined && ready?.status === 'True';
}
