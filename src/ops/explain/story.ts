import type { AttemptRecord, RequestRecord } from '../record.ts';
import { counted, length, nameOf } from './words.ts';

/** What happened to a request, in sentences. */
export function story(record: RequestRecord): string[] {
  return [arrival(record), ...waiting(record), ...attempts(record), ending(record)];
}

function arrival({ id, route, at, from, process, requestBytes }: RequestRecord): string {
  const source = from === null ? '' : ` from ${from}${process === null ? '' : ` (${process})`}`;
  return `Request ${id} came to route ${route} at ${at}${source}, with ${counted(requestBytes, 'byte')}.`;
}

function waiting({ attempts: all, waitedMs }: RequestRecord): string[] {
  if (all.length === 0) return [`It waited ${length(waitedMs)} and was never sent.`];
  return waitedMs < 1 ? [] : [`It waited ${length(waitedMs)} until it could be sent.`];
}

function attempts({ attempts: all, attemptsOmitted = 0 }: RequestRecord): string[] {
  const omitted =
    attemptsOmitted === 0 ? [] : [`${counted(attemptsOmitted, 'attempt')} before these are not kept.`];
  return [...omitted, ...all.map((one, index) => attempt(one, attemptsOmitted + index + 1))];
}

function attempt(one: AttemptRecord, number: number): string {
  const where = nameOf({ address: one.endpoint, pod: one.pod });
  return `Attempt ${number} went to ${where} after ${length(one.sentMs)}: ${resultWords(one)}.`;
}

function resultWords({ result, ms, executed }: AttemptRecord): string {
  switch (result) {
    case 'ok':
      return `the reply came after ${length(ms)}`;
    case 'timeout':
      return `no reply within ${length(ms)}`;
    case 'lost':
      return `its connection dropped after ${length(ms)}, before the reply`;
    case 'unsent':
      return 'its connection was gone before it was sent, so the server never saw it';
    case 'protocol':
      return `after ${length(ms)} the server sent something that is not a reply`;
    case 'cancelled':
      return `after ${length(ms)} nobody waited for it any more${executed === 'no' ? ', and it had not been sent' : ''}`;
  }
}

function ending(record: RequestRecord): string {
  const { outcome, cause, message, elapsedMs, replyBytes } = record;
  const after = `After ${length(elapsedMs)}`;
  const isLate = cause === 'ok' && record.attempts.every(({ result }) => result !== 'ok');
  const late = isLate ? ' It was the late reply to an attempt that had timed out.' : '';
  if (outcome === 'ok') return `${after} the app got the reply, of ${counted(replyBytes, 'byte')}.${late}`;
  const why = message === null ? '' : `: ${message}`;
  if (outcome !== 'client_gone')
    return `${after} the app got the failure ${outcome.toUpperCase()}${why}. ${executedWords(record)}`;
  if (cause === 'ok') return `${after} the app had left, and got nothing. The reply had come.`;
  return `${after} the app had left, and got nothing (${cause.toUpperCase()}${why}). ${executedWords(record)}`;
}

function executedWords({ executed }: RequestRecord): string {
  switch (executed) {
    case 'no':
      return 'No server has executed it.';
    case 'maybe':
      return 'A server may have executed it.';
    case 'yes':
      return 'A server has executed it.';
  }
}
