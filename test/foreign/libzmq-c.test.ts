import { interop } from './interop.ts';

interop('libzmq-c');
