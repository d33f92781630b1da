import { Counter, type Registry } from 'prom-client';
import { DROP_REASONS, type SpanCounts } from '../tracing/span-queue.ts';
import { byValue, Tally } from './series.ts';

/** The metrics of tracing. They stay at 0 without it. */
export function spanMetrics(registry: Registry): { counts: SpanCounts; publish(): void } {
  const exportedTotal = new Counter({
    name: 'lazypirate_spans_exported_total',
    help: 'Spans that the collector has taken.',
    registers: [registry],
  });
  const droppedTotal = new Counter({
    name: 'lazypirate_spans_dropped_total',
    help: 'Spans that the collector did not get: no room to wait (queue_full), not sent (export_failed), or refused (rejected).',
    labelNames: ['reason'],
    registers: [registry],
  });
  const exported = new Tally(exportedTotal, {});
  const dropped = byValue(DROP_REASONS, (reason) => new Tally(droppedTotal, { reason }));
  return {
    counts: {
      exported: (count) => exported.add(count),
      dropped: (reason, count) => dropped[reason].add(count),
    },
    publish() {
      for (const tally of [exported, ...Object.values(dropped)]) tally.publish();
    },
  };
}
