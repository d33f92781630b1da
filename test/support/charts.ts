import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { contentsOf, identityOf, kept } from './kept.ts';
import { LOCATION, writeSchemas } from './kubernetes-schemas.ts';
import { containersOf, type KubernetesObject, objectsOf, type PodSpec } from './objects.ts';
import { scratch } from './scratch.ts';
import { lacks, run } from './tools.ts';

const HELM = fileURLToPath(new URL('../../helm', import.meta.url));
/** A made-up image, because there is no default. */
export const IMAGE = 'registry.example.com/lazypirate';

/** For programs in Go that soon end: a fifth less work. */
const NO_COLLECTION = 'GOGC=off';

/** Why charts cannot be rendered here, or false. */
export const helmSkip = lacks('helm');

const { KUBERNETES_OPENAPI, KUBERNETES_CRDS } = process.env;

/** Why rendered objects cannot be validated here, or false. */
export const schemaSkip =
  helmSkip ||
  lacks('kubeconform') ||
  ((KUBERNETES_OPENAPI === undefined || KUBERNETES_CRDS === undefined) &&
    'KUBERNETES_OPENAPI names no OpenAPI document of Kubernetes, or KUBERNETES_CRDS no directories of resource definitions');

/** The OpenAPI document of each version of Kubernetes that is here, oldest first: those beside the one of KUBERNETES_OPENAPI. */
export function openApis(): { version: string; file: string }[] {
  const folder = dirname(KUBERNETES_OPENAPI ?? '');
  return readdirSync(folder)
    .filter((name) => /^1[.]\d+[.]\d+[.]json$/.test(name))
    .map((name) => ({ version: basename(name, '.json'), file: join(folder, name) }))
    .sort((one, other) => one.version.localeCompare(other.version, 'en', { numeric: true }));
}

const CRD_FOLDERS = (KUBERNETES_CRDS ?? '').split(':');
/** Exit code 1 means that an object is not valid, which is an answer too. */
const VALIDATE =
  'export "$3"; kubeconform -strict -verbose -output json -schema-location "$1" "$2" || [ $? -eq 1 ]';
const WRITE_SCHEMAS = new URL('./kubernetes-schemas.ts', import.meta.url);

/** Copies of the charts with their dependencies, and other files that a test needs. */
export class Charts {
  readonly directory = scratch();
  readonly demo = join(this.directory, 'lazypirate-demo');
  readonly library = join(this.directory, 'lazypirate');
  /** The kinds of objects whose schemas have been written, by OpenAPI document. */
  readonly #kinds = new Map<string, Set<string>>();
  readonly #program: string;
  /** Values that name the image. */
  readonly #image = join(this.directory, 'image.json');

  /** With a Helm of this name. */
  constructor(program = 'helm') {
    this.#program = program;
    writeFileSync(this.#image, JSON.stringify({ lazypirate: { image: { repository: IMAGE } } }));
    for (const chart of ['lazypirate', 'lazypirate-demo'])
      cpSync(join(HELM, chart), join(this.directory, chart), {
        recursive: true,
        filter: (path) => !path.includes('/charts') && !path.endsWith('Chart.lock'),
      });
    this.addLibrary(this.demo);
  }

  /** The chart that `helm create shop` makes, with the lines that the library's README says to add. */
  ownChart(): { chart: string; diff: string } {
    const chart = join(this.directory, 'shop');
    rmSync(chart, { recursive: true, force: true });
    this.helm('create', chart);
    const diff =
      /```diff\n([\s\S]*?)```/.exec(readFileSync(join(HELM, 'lazypirate/README.md'), 'utf8'))?.[1] ?? '';
    run('git', ['-C', chart, 'apply', '-'], diff);
    this.addLibrary(chart);
    return { chart, diff };
  }

  /** What `helm dependency build` puts into a chart like this one. */
  builtInto(chart: string): string[] {
    const like = join(this.directory, 'like');
    mkdirSync(like);
    cpSync(join(chart, 'Chart.yaml'), join(like, 'Chart.yaml'));
    this.helm('dependency', 'build', like);
    return readdirSync(join(like, 'charts'));
  }

  /** Instead of `helm dependency build`, whose archive says when it was made, and so is another one each time. */
  addLibrary(chart: string): void {
    cpSync(this.library, join(chart, 'charts/lazypirate'), { recursive: true });
  }

  helm(...args: string[]): string {
    return run('env', [
      NO_COLLECTION,
      ...['CACHE', 'CONFIG', 'DATA'].map((one) => `HELM_${one}_HOME=${join(this.directory, one)}`),
      this.#program,
      ...args,
    ]);
  }

  /** The output of `helm template` for the release `demo` in the namespace `shop`. */
  template(chart: string, values: object = {}, ...args: string[]): string {
    const options = ['--namespace', 'shop', '--kube-version', '1.34.0', ...args];
    return kept(this.#program, [contentsOf(chart), IMAGE, values, options], () => {
      const file = join(this.directory, 'values.json');
      writeFileSync(file, JSON.stringify(values));
      return this.helm('template', 'demo', chart, '--values', this.#image, '--values', file, ...options);
    });
  }

  render(chart: string, values: object = {}, ...args: string[]): KubernetesObject[] {
    return objectsOf(this.template(chart, values, ...args));
  }

  /** Every problem that the Kubernetes schemas find in these objects. */
  problems(yaml: string, openApi = KUBERNETES_OPENAPI ?? ''): string[] {
    const definitions = CRD_FOLDERS.flatMap((folder) =>
      readdirSync(folder).map((name) => join(folder, name)),
    );
    const schemas = [[openApi, ...definitions].map(identityOf), readFileSync(WRITE_SCHEMAS, 'utf8')];
    const report = kept('kubeconform', [VALIDATE, yaml, schemas], () => this.#validate(yaml, openApi));
    const { resources } = JSON.parse(report) as {
      resources: { kind: string; name: string; status: string; msg: string }[];
    };
    if (resources.length === 0) throw new Error('kubeconform has seen no object');
    return resources
      .filter(({ status }) => status !== 'statusValid')
      .map(({ kind, name, status, msg }) => `${kind} ${name}: ${status} ${msg}`);
  }

  #validate(yaml: string, openApi: string): string {
    const schemas = join(this.directory, 'schemas', basename(openApi));
    const known = this.#kinds.get(openApi) ?? new Set();
    const kinds = objectsOf(yaml).map(({ kind }) => kind);
    const unknown = new Set(kinds.filter((kind) => !known.has(kind)));
    if (unknown.size > 0) {
      mkdirSync(schemas, { recursive: true });
      writeSchemas(schemas, openApi, CRD_FOLDERS, unknown);
      this.#kinds.set(openApi, new Set([...known, ...unknown]));
    }
    const file = join(this.directory, 'objects.yaml');
    writeFileSync(file, yaml);
    return run('sh', ['-c', VALIDATE, 'sh', join(schemas, LOCATION), file, NO_COLLECTION]);
  }
}

/** Violations of the restricted Pod Security Standard (kubernetes.io/docs/concepts/security/pod-security-standards). */
export function restrictedProblems(pod: PodSpec): string[] {
  const hostFields = ['hostNetwork', 'hostPID', 'hostIPC'].filter((key) => pod[key]);
  const volumes = (pod.volumes ?? []).filter((volume) => {
    const [source] = Object.keys(volume).filter((key) => key !== 'name');
    return !['configMap', 'emptyDir', 'projected', 'secret', 'downwardAPI'].includes(source ?? '');
  });
  const containers = containersOf(pod).flatMap(({ name, securityContext = {}, ports = [] }) => {
    const { allowPrivilegeEscalation, capabilities, ...context } = {
      ...pod.securityContext,
      ...securityContext,
    } as Record<string, unknown>;
    const { drop, add } = (capabilities ?? {}) as { drop?: string[]; add?: string[] };
    const profile = (context['seccompProfile'] as { type?: string } | undefined)?.type;
    return [
      allowPrivilegeEscalation !== false && 'may escalate its privileges',
      context['privileged'] === true && 'is privileged',
      context['runAsNonRoot'] !== true && 'may run as root',
      context['runAsUser'] === 0 && 'runs as root',
      !drop?.includes('ALL') && 'does not drop all capabilities',
      (add?.length ?? 0) > 0 && 'adds capabilities',
      profile !== 'RuntimeDefault' && profile !== 'Localhost' && 'has no seccomp profile',
      ports.some((port) => 'hostPort' in port) && 'has a port of the host',
    ].flatMap((problem) => (problem === false ? [] : [`${name} ${problem}`]));
  });
  return [...hostFields, ...volumes.map(({ name }) => `volume ${name}`), ...containers];
}
