export { type Crane, startCrane } from './crane.ts';
export type { MirrorOptions } from './mirror.ts';
export type { CraneLogger, CraneOptions } from './options.ts';
export { composeStatic, type StaticServer } from './static/compose-static.ts';
export type { StaticPart } from './static/site.ts';
