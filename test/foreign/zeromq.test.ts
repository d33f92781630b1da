import { interop } from './interop.ts';

interop('zeromq');
