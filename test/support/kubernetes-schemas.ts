import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';

type Json = Record<string, unknown>;

interface GroupVersionKind {
  group: string;
  version: string;
  kind: string;
}

const EITHER = {
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': { type: ['string', 'integer'] },
  'io.k8s.apimachinery.pkg.api.resource.Quantity': { type: ['string', 'number'] },
};

/** The schema location for kubeconform, in the directory that `writeSchemas` has filled. */
export const LOCATION = '{{ .ResourceKind }}{{ .KindSuffix }}.json';

/**
 * Writes a JSON schema for each of these kinds of objects: for Kubernetes from its OpenAPI document, and for custom resources from their
 * definitions. Unknown keys are refused, as with `kubectl apply --validate=strict`.
 */
export function writeSchemas(
  directory: string,
  openApi: string,
  customResources: readonly string[],
  wanted: ReadonlySet<string>,
): void {
  const { definitions } = JSON.parse(readFileSync(openApi, 'utf8')) as { definitions: Record<string, Json> };
  const strict = new Map<string, unknown>(Object.entries(EITHER));
  for (const [name, definition] of Object.entries(definitions)) {
    const kinds = (definition['x-kubernetes-group-version-kind'] ?? []) as GroupVersionKind[];
    for (const kind of kinds.filter((one) => wanted.has(one.kind))) {
      const schema = { $ref: `#/definitions/${name}`, definitions: reachable(definitions, name, strict) };
      writeFileSync(join(directory, fileOf(kind)), JSON.stringify(schema));
    }
  }
  const files = customResources.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)));
  for (const file of files.filter((one) => one.endsWith('.yaml'))) {
    for (const definition of definitionsIn(file, wanted)) writeCustomResource(directory, definition);
  }
}

function writeCustomResource(directory: string, definition: Json | null): void {
  if (definition?.['kind'] !== 'CustomResourceDefinition') return;
  const { group, names, versions } = definition['spec'] as {
    group: string;
    names: { kind: string };
    versions: { name: string; schema: { openAPIV3Schema: Json } }[];
  };
  for (const { name, schema } of versions) {
    const strict = strictly(schema.openAPIV3Schema);
    // A definition only says that metadata is an object.
    ((strict as Json)['properties'] as Json)['metadata'] = { type: 'object' };
    writeFileSync(
      join(directory, fileOf({ group, version: name, kind: names.kind })),
      JSON.stringify(strict),
    );
  }
}

/** The group as kubeconform names it: its first word, none for the core group. */
function fileOf({ group, version, kind }: GroupVersionKind): string {
  return `${[kind, group.split('.')[0], version].filter(Boolean).join('-').toLowerCase()}.json`;
}

/** The definition, but objects with listed keys allow no others. */
function strictly(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(strictly);
  if (typeof node !== 'object' || node === null) return node;
  const { format, ...rest } = node as Json;
  if (rest['x-kubernetes-int-or-string']) return {};
  const closed = Object.fromEntries(
    Object.entries(rest)
      .filter(([key]) => !key.startsWith('x-kubernetes-'))
      .map(([key, value]) => [key, strictly(value)]),
  );
  const isOpen = rest['additionalProperties'] !== undefined || rest['x-kubernetes-preserve-unknown-fields'];
  const isObject = typeof rest['properties'] === 'object' && (rest['type'] ?? 'object') === 'object';
  return isObject && !isOpen ? { ...closed, additionalProperties: false } : closed;
}

/** The strict form of a definition, and of those that it names. Each is made once. */
function reachable(
  definitions: Record<string, Json>,
  from: string,
  strict: Map<string, unknown>,
): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  const visit = (name: string): void => {
    if (name in found) return;
    found[name] = strict.get(name) ?? strictly(definitions[name]);
    strict.set(name, found[name]);
    for (const [, next = ''] of JSON.stringify(found[name]).matchAll(/"#\/definitions\/([^"]+)"/g))
      visit(next);
  };
  visit(from);
  return found;
}

/** They are the same for each version of Kubernetes. */
const definitionsOf = new Map<string, (Json | null)[]>();

/** The custom resources that a file defines, if it defines a kind that is wanted: to parse all files takes seconds. */
function definitionsIn(file: string, wanted: ReadonlySet<string>): (Json | null)[] {
  const known = definitionsOf.get(file);
  if (known !== undefined) return known;
  const text = readFileSync(file, 'utf8');
  // `spec.names.kind`
  if (![...text.matchAll(/^ {4}kind: (\S+)$/gm)].some(([, kind = '']) => wanted.has(kind))) return [];
  const found = parseAllDocuments(text).map((document) => document.toJSON() as Json | null);
  definitionsOf.set(file, found);
  return found;
}
