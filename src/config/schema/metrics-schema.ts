import { z } from 'zod';
import { flag } from './value-schemas.ts';

export const metrics = z
  .strictObject({
    perEndpoint: flag(
      'Adds metrics of each endpoint, by pod and address, to those of each route. They end when the endpoint is gone. Per route there are at most as many as `upstream.subset` allows, with 11 series each.',
    ).prefault(false),
  })
  .prefault({})
  .meta({ title: 'object', description: 'What `/metrics` shows.' });
