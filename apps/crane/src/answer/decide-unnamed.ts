import { type Answer, errorAnswer, jsonAnswer } from './answer.ts';
import { mirrorsAnswer } from './mirror-list.ts';
import { REFUSALS } from './refusals.ts';
import type { NamedRoute, Route } from './route.ts';
import type { Site } from './site.ts';

const BASE = jsonAnswer('base', '{}', ['Cache-Control', 'no-cache']);
const NO_CATALOG = errorAnswer('catalog', 404, 'UNSUPPORTED', 'the catalogue of names is not public here');

/** The answer to a request whose route names no repository. */
export function decideUnnamed(route: Exclude<Route, NamedRoute>, site: Site): Answer {
  if (route.kind === 'refused') return REFUSALS[route.refusal];
  if (route.kind === 'page' || route.kind === 'search' || route.kind === 'ping')
    return REFUSALS['no such endpoint'];
  if (route.kind === 'mirrors') return mirrorsAnswer(site.mirrors, site.redirectFileHosts?.());
  return route.kind === 'base' ? BASE : NO_CATALOG;
}
