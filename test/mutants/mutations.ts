import { parseAst } from 'rolldown/parseAst';

/** One small change that a test should notice. */
export interface Mutation {
  /** Where the smallest piece of code around it starts: only if that is run, the change can be noticed. */
  readonly at: number;
  readonly line: number;
  /** The line as it is and as it becomes, without indentation. A change of several lines has them joined. */
  readonly was: string;
  readonly becomes: string;
  /** The whole file with the change. */
  readonly mutated: string;
}

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly by: string;
}

type PlacedEdit = Edit & { readonly at: number };

/** A node of the syntax tree. ESTree has about 150 kinds; the few that matter here are told apart by `type`. */
interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

const OPERATORS: Record<string, readonly string[]> = {
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '===': ['!=='],
  '!==': ['==='],
  '+': ['-'],
  '-': ['+'],
  '*': ['/'],
  '/': ['*'],
  '%': ['*'],
  '**': ['*'],
  '&': ['|'],
  '|': ['&'],
  '^': ['&'],
  '<<': ['>>'],
  '>>': ['<<'],
  '>>>': ['<<'],
  '&&': ['||'],
  '||': ['&&'],
  '??': ['&&'],
  '++': ['--'],
  '--': ['++'],
  '+=': ['-='],
  '-=': ['+='],
  '*=': ['/='],
  '/=': ['*='],
  '??=': ['='],
};

const METHODS: Record<string, string> = {
  min: 'max',
  max: 'min',
  floor: 'ceil',
  ceil: 'floor',
  some: 'every',
  every: 'some',
  startsWith: 'endsWith',
  shift: 'pop',
  pop: 'shift',
};

/** All mutations of a TypeScript file, in the order of the text. Types and strings stay: the compiler and reviews look after them. */
export function mutationsOf(source: string): Mutation[] {
  const edits: PlacedEdit[] = [];
  walk(parseAst(source, { lang: 'ts' }) as unknown as Node, source, edits);
  return edits
    .sort((a, b) => a.start - b.start || a.end - b.end)
    .map(({ at, start, end, by }) => {
      const from = source.lastIndexOf('\n', start - 1) + 1;
      const to = source.indexOf('\n', end);
      return {
        at,
        line: source.slice(0, start).split('\n').length,
        was: joined(source.slice(from, to)),
        becomes: joined(source.slice(from, start) + by + source.slice(end, to)),
        mutated: source.slice(0, start) + by + source.slice(end),
      };
    });
}

function joined(lines: string): string {
  return lines.replace(/\s+/g, ' ').trim();
}

function walk(node: Node, source: string, edits: PlacedEdit[]): void {
  edits.push(...editsOf(node, source).map((edit) => ({ at: node.start, ...edit })));
  for (const [key, value] of Object.entries(node)) {
    // Of what only TypeScript has, expressions alone are run: `x as T`, `x!`.
    if (node.type.startsWith('TS') && key !== 'expression') continue;
    if (key === 'right' && isForCompiler(node)) continue;
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) walk(child, source, edits);
  }
}

function editsOf(node: Node, source: string): Edit[] {
  const { start, end } = node;
  switch (node.type) {
    case 'BinaryExpression':
    case 'LogicalExpression':
    case 'AssignmentExpression':
      return operator(node, (node['left'] as Node).end, (node['right'] as Node).start, source);
    case 'UpdateExpression':
      return node['prefix'] === true
        ? operator(node, start, start + 2, source)
        : operator(node, end - 2, end, source);
    case 'UnaryExpression':
      return node['operator'] === '!' ? [{ start, end: start + 1, by: '' }] : [];
    case 'Literal':
      return literal(node);
    case 'IfStatement':
    case 'ConditionalExpression':
      return ['true', 'false'].map((by) => ({ ...position(node['test']), by }));
    case 'WhileStatement':
      return [{ ...position(node['test']), by: 'false' }];
    case 'ExpressionStatement':
      return [{ start, end, by: ';' }];
    case 'ThrowStatement':
    case 'BreakStatement':
    case 'ContinueStatement':
      return [{ start, end, by: ';' }];
    case 'MemberExpression':
      return member(node, source);
    default:
      return [];
  }
}

/** `array[at] ?? 0`: the compiler wants it, because it does not know that the index is in range. */
function isForCompiler({ operator, left, right }: Node): boolean {
  if (operator !== '??') return false;
  return (left as Node)['computed'] === true && ['Literal', 'UnaryExpression'].includes((right as Node).type);
}

function operator(node: Node, from: number, to: number, source: string): Edit[] {
  const name = String(node['operator']);
  const start = source.indexOf(name, from);
  if (start < 0 || start + name.length > to) return [];
  return (OPERATORS[name] ?? []).map((by) => ({ start, end: start + name.length, by }));
}

function literal({ start, end, value }: Node): Edit[] {
  if (typeof value === 'boolean') return [{ start, end, by: String(!value) }];
  if (typeof value !== 'number') return [];
  // A large or fractional number is mostly a measure, a small one counts.
  return [{ start, end, by: String(Number.isInteger(value) && value < 10 ? value + 1 : value * 2) }];
}

function member(node: Node, source: string): Edit[] {
  const { start, end } = position(node['property']);
  const by = METHODS[source.slice(start, end)];
  const swapped = by === undefined || node['computed'] === true ? [] : [{ start, end, by }];
  if (node['optional'] !== true) return swapped;
  const mark = source.lastIndexOf('?.', start);
  return [...swapped, { start: mark, end: mark + 2, by: node['computed'] === true ? '' : '.' }];
}

function position(node: unknown): { start: number; end: number } {
  const { start, end } = node as Node;
  return { start, end };
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value;
}
