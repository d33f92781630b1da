import { parseDuration } from '../../config/values/units.ts';
import { Refusal } from './refusal.ts';

/** A parameter of a query. */
export interface Parameter<T> {
  /** What it must be: `a duration such as 250ms`. */
  form: string;
  /** Throws, or gives `undefined`, if it is not of that form. */
  parse(text: string): T | undefined;
}

export type Parameters = Readonly<Record<string, Parameter<unknown>>>;

/** What was given. */
export type Query<P extends Parameters> = {
  readonly [K in keyof P]: (P[K] extends Parameter<infer T> ? T : never) | undefined;
};

/** @throws {Refusal} with one sentence that says what is allowed */
export function parseQuery<P extends Parameters>(parameters: P, search: URLSearchParams): Query<P> {
  const names = Object.keys(parameters);
  const given: Record<string, unknown> = {};
  for (const [name, text] of search) {
    const parameter = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
    if (parameter === undefined) {
      const known = names.length === 0 ? 'none is allowed here' : `allowed here: ${names.join(', ')}`;
      throw new Refusal(400, `unknown parameter ${JSON.stringify(name)}; ${known}`);
    }
    if (Object.hasOwn(given, name)) throw new Refusal(400, `${name} is given twice`);
    given[name] = parsed(name, parameter, text);
  }
  return given as Query<P>;
}

function parsed(name: string, { form, parse }: Parameter<unknown>, text: string): unknown {
  let value: unknown;
  try {
    value = parse(text);
  } catch {
    // The form says it.
  }
  if (value === undefined) throw new Refusal(400, `${name} must be ${form}, not ${JSON.stringify(text)}`);
  return value;
}

export function anyText(form: string): Parameter<string> {
  return { form, parse: (text) => (text === '' ? undefined : text) };
}

export function oneOf<const T extends readonly string[]>(...values: T): Parameter<T[number]> {
  return {
    form: `one of ${values.join(', ')}`,
    parse: (text) => values.find((value) => value === text),
  };
}

/** In ms. */
export const duration: Parameter<number> = { form: 'a duration such as 250ms', parse: parseDuration };

export function whole(least: number, most: number): Parameter<number> {
  return {
    form: `a whole number from ${least} to ${most}`,
    parse: (text) => (/^\d{1,9}$/.test(text) ? within(least, Number(text), most) : undefined),
  };
}

/** From 0 to 1. */
export const share: Parameter<number> = {
  form: 'a number from 0 to 1',
  parse: (text) => (/^\d*\.?\d+$/.test(text) ? within(0, Number(text), 1) : undefined),
};

function within(least: number, value: number, most: number): number | undefined {
  return value >= least && value <= most ? value : undefined;
}
