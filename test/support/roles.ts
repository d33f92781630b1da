import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

export interface Rule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
}

/** The rules of the documented Role for a kind of discovery. */
export function rulesFor(select: 'service' | 'pods'): Rule[] {
  const file = new URL(`../../config/role-${select}.yaml`, import.meta.url);
  return (parse(readFileSync(file, 'utf8')) as { rules: Rule[] }).rules;
}
