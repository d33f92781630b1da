import type { Config } from '../config/config.ts';
import type { RouteStatus } from '../proxy/status.ts';

/** What a probe answers, and why in a sentence for a person. */
export interface Health {
  isOk: boolean;
  reason: string;
}

/** Whether every route has bound its listener. */
export function startupHealth(routes: readonly RouteStatus[]): Health {
  if (routes.length === 0) return { isOk: false, reason: 'no route has been set up yet' };
  const unbound = namesOf(routes.filter((route) => route.listening === undefined));
  if (unbound !== '') return { isOk: false, reason: `not listening yet: ${unbound}` };
  return { isOk: true, reason: 'every route is listening' };
}

/**
 * Whether the app may be given work. Never while starting or draining; with the readiness `upstream` only while every route
 * has an endpoint that could be used: an ejected one may be the last that is there, and only a request brings it back.
 */
export function readyHealth(
  readiness: Config['admin']['readiness'],
  isDraining: boolean,
  routes: readonly RouteStatus[],
): Health {
  if (isDraining) return { isOk: false, reason: 'draining' };
  const startup = startupHealth(routes);
  if (!startup.isOk || readiness === 'listening') return startup;
  const cutOff = namesOf(routes.filter(({ isUsable }) => !isUsable));
  if (cutOff !== '') return { isOk: false, reason: `no endpoint is connected: ${cutOff}` };
  return { isOk: true, reason: 'every route has an endpoint that is connected' };
}

function namesOf(routes: readonly RouteStatus[]): string {
  return routes.map((route) => route.settings.name).join(', ');
}
