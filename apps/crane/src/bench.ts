/** A face for the benchmark of the choice of a mirror, which is too quick to be measured through a socket. */
export { chooseMirror } from './choose/choose-mirror.ts';
export { createClients } from './client/clients.ts';
export { type MirrorOptions, type MirrorState, readMirrors } from './choose/mirror.ts';
