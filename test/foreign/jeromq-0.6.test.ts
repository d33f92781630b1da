import { interop } from './interop.ts';

interop('jeromq-0.6');
