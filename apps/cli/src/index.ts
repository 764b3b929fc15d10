export * from './answers.ts';
export type * from './cli.ts';
export { CLIENT_COMMANDS } from './client-commands.ts';
export * from './remote/client.ts';
export type * from './operations.ts';
export * from './program.ts';
export * from './remote/remote-operations.ts';
