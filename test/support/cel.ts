import { runInNewContext } from 'node:vm';

/**
 * What a CEL expression comes to, as far as the policies use the language: it is translated into JavaScript. That the API server takes
 * the expressions is another matter, and not told by this.
 */
export function evaluate(expression: string, names: Record<string, unknown>): unknown {
  const script = expression
    .replace(/\b(Object[.\w]*|JSONPatch)\{/g, '{')
    .replace(/[.][?](\w+)/g, '?.$1')
    .replace(/\[[?]/g, '?.[')
    .replace(/(object[^\s=]*?)[.]orValue\(([^)]*)\)/g, '($1 ?? $2)')
    .replace(/[.]exists\((\w+), /g, '.some(($1) => ')
    .replace(/\bhas\(([^)]*)\)/g, '($1 !== undefined)')
    // Only lists are added.
    .replace(/\s*[+] \(/g, '.concat(')
    .replace(/^[+] \[([\s\S]*?)^\]/gm, '.concat([$1])');
  // By JSON, because what another realm makes equals nothing here.
  const result: unknown = runInNewContext(`(${script})`, names);
  return JSON.parse(JSON.stringify(result));
}
