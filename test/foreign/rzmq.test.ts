import { interop } from './interop.ts';

interop('rzmq');
