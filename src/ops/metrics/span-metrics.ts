import { Counter, type Registry } from 'prom-client';
import { DROP_REASONS, type SpanCounts } from '../tracing/span-queue.ts';

/** The metrics of tracing. They stay at 0 without it. */
export function spanMetrics(registry: Registry): SpanCounts {
  const exported = new Counter({
    name: 'lazypirate_spans_exported_total',
    help: 'Spans that the collector has taken.',
    registers: [registry],
  });
  const dropped = new Counter({
    name: 'lazypirate_spans_dropped_total',
    help: 'Spans that the collector did not get: no room to wait (queue_full), not sent (export_failed), or refused (rejected).',
    labelNames: ['reason'],
    registers: [registry],
  });
  for (const reason of DROP_REASONS) dropped.inc({ reason }, 0);
  return {
    exported: (count) => exported.inc(count),
    dropped: (reason, count) => dropped.inc({ reason }, count),
  };
}
