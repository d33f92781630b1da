import { z } from 'zod';
import { formatDuration } from '../../duration.ts';
import { messageOf } from '../../errors.ts';
import { DURATION_PATTERN, formatSize, parseDuration, parseSize, SIZE_PATTERN } from '../values/units.ts';

/*
 * The kinds of values in the schema, each with its own error message. In a `meta`, everything besides title and description is
 * for JSON Schema, which cannot run a parser.
 */

const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
export const MiB = 1024 ** 2;

/** Reads a text with a parser. If it throws, its message is the problem. */
export function parsedText<T>(
  parse: (input: string) => T,
  pattern: string,
  title: string,
  description: string,
) {
  return z
    .string({ error: `must be ${title}` })
    .transform((input, context) => attempt(() => parse(input), context))
    .meta({ title, description, pattern });
}

function attempt<T>(parse: () => T, context: z.RefinementCtx): T {
  try {
    return parse();
  } catch (error) {
    context.addIssue({ code: 'custom', message: messageOf(error) });
    return z.NEVER;
  }
}

interface Unit {
  title: string;
  parse(input: string | number): number;
  format(value: number): string;
  pattern: string;
  /** The JSON type of a number without a unit. */
  type: 'number' | 'integer';
}

const DURATION: Unit = {
  title: 'duration',
  parse: parseDuration,
  format: formatDuration,
  pattern: DURATION_PATTERN,
  type: 'number',
};
const SIZE: Unit = {
  title: 'size',
  parse: parseSize,
  format: formatSize,
  pattern: SIZE_PATTERN,
  type: 'integer',
};

function bounded(
  { title, parse, format, pattern, type }: Unit,
  description: string,
  least: number,
  most: number,
) {
  const text = z.string().meta({ pattern });
  const number = z.number().meta({ type, minimum: least, maximum: most });
  return z
    .union([text, number], { error: `must be a ${title}, from ${format(least)} to ${format(most)}` })
    .transform((input, context) =>
      attempt(() => {
        const value = parse(input);
        if (value >= least && value <= most) return value;
        throw new Error(`must be from ${format(least)} to ${format(most)}, but is ${input}`);
      }, context),
    )
    .meta({ title, description: `${description} ${format(least)} to ${format(most)}.` });
}

export function duration(description: string, least = 1, most = HOUR) {
  return bounded(DURATION, description, least, most);
}

/** The word `off` without quotes. Tools that read YAML 1.1, such as Helm, turn it into `false`. */
export const unquotedOff = z.literal(false).transform(() => 'off' as const);

/** A duration from 1 ms on, or `off`. */
export function durationOrOff(description: string, most = HOUR) {
  const range = `${formatDuration(1)} to ${formatDuration(most)}`;
  return z
    .union([z.literal('off'), unquotedOff, duration(description, 1, most)], {
      error: `must be a duration, from ${range}, or off`,
    })
    .meta({ title: 'duration or off', description: `${description} ${range}, or \`off\`.` });
}

export function size(description: string, least: number, most: number) {
  return bounded(SIZE, description, least, most);
}

export function whole(description: string, most: number, least = 1) {
  const error = `must be a whole number from ${least} to ${most}`;
  return z
    .int({ error })
    .min(least, { error })
    .max(most, { error })
    .meta({ title: 'number', description: `${description} ${least} to ${most}.` });
}

/** A whole number of at least 1, or a certain word. */
export function wholeOr<const W extends string>(word: W, description: string, most: number) {
  const error = `must be a whole number from 1 to ${most}, or ${word}`;
  return z
    .union([z.number().meta({ type: 'integer', minimum: 1, maximum: most }), z.literal(word)], { error })
    .refine(
      (value) => value === word || (Number.isInteger(value) && Number(value) >= 1 && Number(value) <= most),
      {
        error,
      },
    )
    .meta({ title: `number or ${word}`, description: `${description} 1 to ${most}, or \`${word}\`.` });
}

export function share(description: string, most: number) {
  const error = `must be a number from 0 to ${most}`;
  return z
    .number({ error })
    .min(0, { error })
    .max(most, { error })
    .meta({ title: 'number', description: `${description} 0 to ${most}.` });
}

export function flag(description: string) {
  return z.boolean({ error: 'must be true or false' }).meta({ title: 'true or false', description });
}

export function oneOf<const T extends readonly [string, ...string[]]>(values: T, description: string) {
  return z
    .enum(values, { error: `must be one of ${values.join(', ')}` })
    .meta({ title: values.join(', '), description });
}

/** A text that matches a regular expression. */
export function name(form: RegExp, what: string, description: string) {
  const error = `must be ${what}`;
  return z.string({ error }).regex(form, { error }).meta({ title: 'text', description });
}

const PORT_NAME = /^(?=.*[a-z])[a-z0-9](?:-?[a-z0-9]){0,14}$/;

/** A port: a number, or a name that a pod or Service gives it. */
export function namedPort(description: string) {
  const isPort = (port: string | number) =>
    typeof port === 'number' ? Number.isInteger(port) && port >= 1 && port <= 65_535 : PORT_NAME.test(port);
  const error = 'must be a port from 1 to 65535, or the name of a port';
  const number = z.number().meta({ type: 'integer', minimum: 1, maximum: 65_535 });
  return z
    .union([number, z.string().meta({ pattern: PORT_NAME.source })], { error })
    .refine(isPort, { error })
    .meta({ title: 'number or text', description });
}

/** A file name. */
export function file(description: string) {
  return z
    .string({ error: 'must be the name of a file' })
    .min(1, { error: 'must be the name of a file' })
    .meta({ title: 'file', description });
}

/** The name of a directory. */
export function directory(description: string) {
  const error = 'must be the name of a directory';
  return z.string({ error }).min(1, { error }).meta({ title: 'directory', description });
}

/** Rules between keys are checked even if single keys are wrong, so that every problem is reported at once. */
export const despiteOthers = {
  when: ({ value }: { value: unknown }) => typeof value === 'object' && value !== null,
};

export function rule(error: string, ...path: string[]) {
  return { error, path, ...despiteOthers };
}
