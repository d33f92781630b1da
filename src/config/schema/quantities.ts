import { blanksRemoved, DURATION_PATTERN, SIZE_PATTERN } from '../values/units.ts';
import { jsonSchema } from './config-schema.ts';

type Path = readonly PropertyKey[];

/** A value, and what it was taken for. */
interface Rewritten {
  path: Path;
  now: string;
}

interface SchemaNode {
  properties?: Record<string, SchemaNode>;
  items?: SchemaNode;
  oneOf?: SchemaNode[];
  anyOf?: SchemaNode[];
  pattern?: string;
}

/** It takes a while to make. */
let schema: SchemaNode | undefined;
const PATTERNS = [DURATION_PATTERN, SIZE_PATTERN];

/** The durations and sizes with blanks that today's version refuses. */
export function quantitiesWithBlanks(config: unknown): Rewritten[] {
  schema ??= jsonSchema() as SchemaNode;
  return quantitiesIn(config, [schema], []);
}

/** @param nodes what the schema says of this value */
function quantitiesIn(value: unknown, nodes: readonly SchemaNode[], path: Path): Rewritten[] {
  const forms = nodes.flatMap(formsOf);
  if (forms.length === 0) return [];
  if (typeof value === 'object' && value !== null)
    return Object.entries(value).flatMap(([key, one]) => {
      const [part, below] = Array.isArray(value)
        ? [Number(key), forms.flatMap(({ items }) => items ?? [])]
        : [key, forms.flatMap(({ properties }) => new Map(Object.entries(properties ?? {})).get(key) ?? [])];
      return quantitiesIn(one, below, [...path, part]);
    });
  const pattern = forms.map((one) => one.pattern ?? '').find((one) => PATTERNS.includes(one));
  const now = pattern === undefined ? undefined : blanksRemoved(value, new RegExp(pattern));
  return now === undefined ? [] : [{ path, now }];
}

function formsOf(node: SchemaNode): SchemaNode[] {
  return [node, ...[...(node.oneOf ?? []), ...(node.anyOf ?? [])].flatMap(formsOf)];
}
