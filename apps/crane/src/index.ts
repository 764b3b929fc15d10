export { type Crane, startCrane } from './crane.ts';
export type { MirrorOptions } from './mirror.ts';
export type { CraneLogger, CraneOptions } from './options.ts';
export {
  composeStatic,
  STATIC_SERVERS,
  type StaticOptions,
  type StaticPart,
  type StaticServer,
} from './static/index.ts';
