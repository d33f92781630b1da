import { interop } from './interop.ts';

interop('zmq4');
