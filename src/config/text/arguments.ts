import { type ParseArgsConfig, parseArgs } from 'node:util';
import { ConfigError, codeOf, messageOf } from '../../errors.ts';
import { nearest } from './spelling.ts';

/**
 * Parses the arguments of a command.
 *
 * @throws {ConfigError} with one line that says what is wrong and where to look
 */
export function parseArguments<T extends ParseArgsConfig>(
  command: string,
  config: T,
): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    const words = wordsOf(error, Object.keys(config.options ?? {}));
    const where = words.endsWith('?') ? '' : `; try lazypirate ${command} --help`;
    throw new ConfigError([`${words}${where}`], { cause: error });
  }
}

/**
 * Reads one value. An error message starts with the name of its argument.
 *
 * @throws {ConfigError}
 */
export function parseValue<T>(name: string, parse: (text: string) => T, text: string): T {
  try {
    return parse(text);
  } catch (error) {
    throw new ConfigError([`${name}: ${messageOf(error)}`], { cause: error });
  }
}

function wordsOf(error: unknown, options: readonly string[]): string {
  const message = messageOf(error);
  // The first quoted text: -x, '-c, --config <value>', or something that is not an option.
  const quoted = /'([^']*)'/.exec(message)?.[1] ?? '';
  const flag = /--[\w-]+/.exec(quoted)?.[0] ?? quoted;
  switch (codeOf(error)) {
    case 'ERR_PARSE_ARGS_UNKNOWN_OPTION': {
      const near = nearest(options, flag);
      return `unknown option ${flag}${near === undefined ? '' : `; did you mean --${near}?`}`;
    }
    case 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE':
      return message.includes('does not take an argument')
        ? `${flag} takes no value`
        : `${flag} needs a value`;
    case 'ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL': {
      const isFile = options.includes('config') && /\.ya?ml$/.test(quoted);
      return `unexpected argument ${quoted}${isFile ? `; did you mean --config ${quoted}?` : ''}`;
    }
    default:
      return message;
  }
}
