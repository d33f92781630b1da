import { messageOf } from '../../errors.ts';
import { readText } from './text-file.ts';

const READABLE_BY_ALL = 0o004;
/** What RFC 9110 allows: a token, then visible text. */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
/** The most wrong lines that are reported. */
const WRONG_LINES_MOST = 20;

interface HeadersFile {
  /** By names in lower case. */
  headers: Record<string, string>;
  /** These show no values, which may be secrets. */
  problems: string[];
  warning: string | undefined;
}

export function isHeader(name: string, value: string): boolean {
  return NAME.test(name) && VALUE.test(value);
}

/** Reads HTTP headers, one `Name: value` a line. Empty lines, and lines that start with `#`, are skipped. */
export function readHeaders(file: string): HeadersFile {
  const headers: Record<string, string> = {};
  const problems: string[] = [];
  let warning: string | undefined;
  try {
    const { text, mode } = readText(file);
    if ((mode & READABLE_BY_ALL) !== 0)
      warning = `${file}: the headers are readable by everybody (mode ${mode.toString(8)})`;
    for (const [index, line] of text.split('\n').entries()) {
      if (/^\s*(#|$)/.test(line)) continue;
      const colon = Math.max(0, line.indexOf(':'));
      const [name, value] = [line.slice(0, colon), line.slice(colon + 1).trim()];
      if (isHeader(name, value)) headers[name.toLowerCase()] = value;
      else if (problems.length < WRONG_LINES_MOST)
        problems.push(`${file}:${index + 1} is not a header (Name: value)`);
    }
  } catch (error) {
    problems.push(`${file} cannot be read: ${messageOf(error)}`);
  }
  return { headers, problems, warning };
}
