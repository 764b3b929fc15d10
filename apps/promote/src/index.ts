export * from './promote-service.ts';
export type * from './api/known-source.ts';
export { createPullTokens, type PullTokens } from './api/pull-tokens/pull-tokens.ts';
