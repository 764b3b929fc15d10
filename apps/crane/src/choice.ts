/** The choice of a mirror alone, as its benchmark measures it. */
export { chooseMirror } from './choose/choose-mirror.ts';
export { createClients } from './client/clients.ts';
export { type MirrorOptions, type MirrorState, readMirrors } from './choose/mirror.ts';
