import { check } from './check.ts';
import type { Command } from './command.ts';
import { demo } from './demo.ts';
import { explain } from './explain.ts';
import { inject } from './inject.ts';
import { schema } from './schema.ts';
import { send } from './send.ts';
import { serve } from './serve.ts';
import { status } from './show-status.ts';
import { tap } from './tap.ts';

/** Every command but `run`, which loads none of them: a sidecar starts sooner and takes less memory without their code. */
export const TOOLS: readonly Command[] = [check, status, explain, tap, inject, schema, send, serve, demo];
