import { z } from 'zod';
import { tcpAddress } from '../../tcp-address.ts';
import { HOST_PORT_PATTERN, isLocal, parseHostPort } from '../values/address.ts';
import { directory, flag, oneOf, parsedText, rule, unquotedOff, whole } from './value-schemas.ts';

/** An address, or `off`. */
function addressOrOff(description: string) {
  const address = parsedText(parseHostPort, HOST_PORT_PATTERN, 'an address', description);
  const error = 'must be an address such as 127.0.0.1:9556, or off';
  return z
    .union([z.literal('off'), unquotedOff, address], { error })
    .meta({ title: 'an address or off', description });
}

export const admin = z
  .strictObject({
    listen: parsedText(
      parseHostPort,
      HOST_PORT_PATTERN,
      'an address',
      'Address of health and metrics, `HOST:PORT`. In a pod the default is `[::]:9555`: every address of the pod, including IPv4, so that probes and Prometheus can reach it.',
    ).prefault('127.0.0.1:9555'),
    inspect: addressOrOff(
      'Address of everything else, such as `/status`, `HOST:PORT`. `kubectl port-forward` and processes of the pod reach it on loopback. `off` closes it.',
    ).prefault('127.0.0.1:9556'),
    expose: flag(
      'Allows an `inspect` address that other machines can reach. They can then read everything there, without authentication. They still cannot change anything.',
    ).prefault(false),
    tapBodies: whole(
      'How many bytes of each request and reply `/tap` shows to whoever can reach it. With 0 bodies are never shown.',
      4_096,
      0,
    ).prefault(0),
    debugDirectory: directory(
      'Directory into which `POST /debug/profile` and `POST /debug/heap` write. Without it they write nothing. A heap snapshot holds bodies of messages and secret keys.',
    ).optional(),
    readiness: oneOf(
      ['listening', 'upstream'],
      'When `/readyz` reports ready: as soon as all listeners are bound, or only while every route has a usable endpoint.',
    ).prefault('listening'),
  })
  .refine(
    ({ inspect, expose }) =>
      typeof inspect !== 'object' ||
      typeof inspect?.host !== 'string' ||
      isLocal(tcpAddress(inspect.host, inspect.port)) ||
      expose === true,
    rule('can be reached from other machines; listen on 127.0.0.1, or set admin.expose: true', 'inspect'),
  )
  .prefault({})
  .meta({ title: 'object', description: 'What is served over HTTP, at two addresses.' });
