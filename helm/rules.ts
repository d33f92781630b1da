import { jsonSchema } from '../src/config/schema/config-schema.ts';
import { formatSize } from '../src/config/values/units.ts';
import { formatDuration } from '../src/duration.ts';

/*
 * What the templates check of the configuration, because a JSON schema cannot: the range of a duration or size that is written with a unit,
 * the order of two of them, and the form of values that are templates themselves until Helm fills them in.
 */

export interface Node {
  title?: string;
  type?: string;
  const?: unknown;
  default?: unknown;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  properties?: Record<string, Node>;
  items?: Node;
  anyOf?: Node[];
}

interface Rule {
  path: string[];
  pattern: string;
  /** In ms or bytes. */
  least?: number;
  most?: number;
  /** Words in place of a value of that form. */
  except: string[];
  words: string;
}

/** Of the two keys of one object, which is not to be above the other. */
const ORDERED = [
  ['drain', 'quiet', 'timeout'],
  ['routes', 'backoff', 'base', 'max'],
  ['routes', 'ejection', 'base', 'max'],
  ['routes', 'heartbeat', 'interval', 'timeout'],
  ['routes', 'limits', 'messageBytes', 'queueBytes'],
];

const WORDS: Record<string, string> = {
  'admin.listen': 'an address HOST:PORT, such as 0.0.0.0:9555',
  'admin.inspect': 'an address HOST:PORT, such as 127.0.0.1:9556, or off',
  listen: 'an address, such as tcp://127.0.0.1:5555 or ipc:///run/lazypirate/orders.sock',
  'upstream.endpoints': 'an address tcp://IP:PORT or ipc:///PATH',
};

/** Rules of the whole, and of each route. */
export function rules(): Record<string, unknown> {
  const { properties: { routes, ...others } = {} } = jsonSchema() as Node;
  return {
    top: of({ properties: others }, []),
    routes: of(routes?.items ?? {}, []),
    ordered: ORDERED.map((path) => {
      const [less = '', more = ''] = path.slice(-2);
      const object = path.at(-3) ?? '';
      const scope = path.length > 3 ? routes?.items : { properties: others };
      return {
        isOfRoute: path.length > 3,
        object,
        less,
        more,
        defaults: defaults(scope?.properties?.[object]),
      };
    }),
  };
}

/** What a regular expression of Go can say of it: there is no look-ahead, and at most 1,000 of anything. It takes no less. */
export function forGo(pattern: string): string {
  const lookahead = /\(\?[!=](?:[^()]|\([^()]*\))*\)/g;
  return pattern.replace(lookahead, '').replace(/\{0,\d{4,}\}/g, '*');
}

function of(node: Node, path: string[]): Rule[] {
  const alternatives = flat(node);
  const below = alternatives.flatMap(({ properties = {}, items }) => [
    ...Object.entries(properties).flatMap(([key, value]) => of(value, [...path, key])),
    ...(items ? of(items, path) : []),
  ]);
  const pattern = alternatives.find((one) => one.pattern !== undefined)?.pattern;
  if (pattern === undefined) return below;
  const form = forGo(pattern);
  const except = alternatives.flatMap((one) => (typeof one.const === 'string' ? [one.const] : []));
  const { minimum, maximum } = alternatives.find((one) => one.minimum !== undefined) ?? {};
  const [, kind] = /^(duration|size)/.exec(node.title ?? '') ?? [];
  if (kind === undefined || minimum === undefined || maximum === undefined)
    return [{ path, pattern: form, except, words: WORDS[path.join('.')] ?? `of the form ${form}` }, ...below];
  const format = kind === 'size' ? formatSize : formatDuration;
  const range = `a ${kind} from ${format(minimum)} to ${format(maximum)}`;
  const words = [range, ...except].join(', or ');
  return [{ path, pattern: form, least: minimum, most: maximum, except, words }, ...below];
}

function flat(node: Node): Node[] {
  return [node, ...(node.anyOf ?? []).flatMap(flat)];
}

function defaults(node: Node = {}): Record<string, unknown> {
  const properties = flat(node).find((one) => one.properties)?.properties ?? {};
  return Object.fromEntries(
    Object.entries(properties).flatMap(([key, value]) =>
      value.default === undefined ? [] : [[key, value.default]],
    ),
  );
}
