import { z } from 'zod';
import { COLLECTOR_PATTERN, parseCollector } from '../values/collector.ts';
import { file, flag, parsedText, rule, share, whole } from './value-schemas.ts';

/** The most that is looked through to find the frame. */
const FRAMES_MOST = 16;

export const tracing = z
  .strictObject({
    endpoint: parsedText(
      parseCollector,
      COLLECTOR_PATTERN,
      'a URL',
      'Where an OpenTelemetry collector receives OTLP over HTTP: `http://otel-collector.observability:4318`. Spans are sent to `/v1/traces` there.',
    ).optional(),
    sample: share(
      'Share of the requests that are traced. Requests that fail, are slow (`log.slow`) or need more than one attempt are traced in any case. If the app tells a parent, its sampled flag decides instead.',
      1,
    ).prefault(1),
    headersFile: file(
      'HTTP headers for the collector, such as its token: one `Name: value` a line. Read again on each reload.',
    ).optional(),
    parentFrame: whole(
      'Body frame in which apps may put a W3C `traceparent`; 0 is the first. A frame with anything else in it is an ordinary part of the request.',
      FRAMES_MOST - 1,
      0,
    ).optional(),
    stripParent: flag(
      'Does not send the `traceparent` on to the upstream, unless it is all that the request holds.',
    ).prefault(false),
  })
  .refine(
    ({ parentFrame, stripParent }) => stripParent !== true || parentFrame !== undefined,
    rule('needs parentFrame: which frame to strip', 'stripParent'),
  )
  .optional()
  .meta({
    title: 'object',
    description:
      'Sends OpenTelemetry spans of requests and attempts. Off without an endpoint, here or in the standard variables (`OTEL_EXPORTER_OTLP_ENDPOINT`). With it, the durations in `/metrics` have exemplars (trace ids). Prometheus stores them with `--enable-feature=exemplar-storage`, and asks for their format, OpenMetrics, by itself.',
  });
