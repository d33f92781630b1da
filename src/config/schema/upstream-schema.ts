import { z } from 'zod';
import { ENDPOINT_PATTERN, parseEndpoint } from '../values/address.ts';
import { duration, name, namedPort, parsedText, rule, whole, wholeOr } from './value-schemas.ts';

const endpoints = z
  .array(
    parsedText(
      parseEndpoint,
      ENDPOINT_PATTERN,
      'an address',
      'Address of an endpoint: tcp://IP:PORT or ipc:///PATH',
    ),
    { error: 'must be a list of addresses' },
  )
  .min(1, { error: 'must name at least one address' })
  .refine((all) => new Set(all).size === all.length, { error: 'names an address twice' })
  .meta({
    title: 'list of addresses',
    uniqueItems: true,
    description:
      'Addresses of the endpoints: `tcp://IP:PORT` or `ipc:///PATH`. If a reload changes the list, connections to those that stay in it are kept.',
  });

const LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

const kubernetes = z
  .strictObject({
    service: name(LABEL, 'the name of a Service', 'Service whose EndpointSlices to watch.').optional(),
    podSelector: name(
      /^[\x21-\x7e][\x20-\x7e]{0,1023}$/,
      'a label selector, such as app=orders',
      'Label selector of the pods to watch, instead of `service`.',
    ).optional(),
    namespace: name(
      LABEL,
      'the name of a namespace',
      "Namespace of the Service or the pods. Default: the pod's own namespace; outside a cluster, that of the current context.",
    ).optional(),
    port: namedPort('Port of the pods: its name in the Service or in the container, or its number.'),
  })
  .refine(
    ({ service, podSelector }) => (service === undefined) !== (podSelector === undefined),
    rule('must have exactly one of service, podSelector'),
  )
  .meta({
    title: 'object',
    description:
      'Finds endpoints through the Kubernetes API: the EndpointSlices of a Service, or pods by label.',
  });

const dns = z
  .strictObject({
    name: name(
      /^(?!(\d+\.){3}\d+$)(?=.{1,253}$)[A-Za-z0-9_]([-A-Za-z0-9_]{0,62})(\.[-A-Za-z0-9_]{1,63})*\.?$/,
      'a DNS name',
      'Name whose A and AAAA records are the endpoints, such as `orders-headless.shop.svc`.',
    ),
    port: whole('Port of the endpoints.', 65_535),
    interval: duration('How often to look up the name.', 100).prefault('5s'),
  })
  .meta({ title: 'object', description: 'Finds endpoints through DNS: all addresses of a name.' });

export const upstream = z
  .strictObject({
    endpoints: endpoints.optional(),
    kubernetes: kubernetes.optional(),
    dns: dns.optional(),
    subset: wholeOr(
      'all',
      'Most endpoints to connect to. If there are more, each sidecar connects to its own subset, chosen by its `POD_NAME`, and the rest are on standby.',
      100_000,
    ).prefault(64),
  })
  .refine(
    ({ endpoints, kubernetes, dns }) =>
      [endpoints, kubernetes, dns].filter((source) => source !== undefined).length === 1,
    rule('must have exactly one of endpoints, kubernetes, dns'),
  )
  .meta({ title: 'object', description: 'Where the endpoints come from.' });
