import { interop } from './interop.ts';

interop('pyzmq');
