import type { Config } from '../config/config.ts';
import type { RouteStatus } from '../proxy/status.ts';

/** The answer of a probe, and the reason as a sentence for users. */
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
 * Whether the pod is ready. Never while starting or draining. With `readiness: upstream`, only while every route has an endpoint
 * that could be used. An ejected one counts, because it may be the last one, and only a request can bring it back.
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
  return { isOk: true, reason: 'every route has a connected endpoint' };
}

function namesOf(routes: readonly RouteStatus[]): string {
  return routes.map((route) => route.settings.name).join(', ');
}
