import { randomUUID } from 'node:crypto';
import { type PromotionAnswer, readPlan, readPromotion, readTask, type SourceAnswer } from '../answers.ts';
import type { Following, Operations } from '../operations.ts';
import type { ApiClient } from './client.ts';
import { followPromotion, followTask } from './follow-work.ts';

export interface RollbackRequest {
  readonly serial: number;
  readonly tree?: string;
  readonly channel?: string;
  readonly repositories?: readonly string[];
  readonly reason: string;
}

/** What only a server does. */
export interface RemoteOperations extends Operations {
  rollback(
    request: RollbackRequest,
    following: Following,
    onProgress: (promotion: PromotionAnswer) => void,
  ): Promise<PromotionAnswer>;
}

/** Asks a server for the work, and follows it there. */
export function createRemoteOperations(client: ApiClient): RemoteOperations {
  const promotions = '/api/v1/promotions';
  return {
    sources: (signal) =>
      Array.fromAsync(client.list<SourceAnswer>('/api/v1/sources', {}, signal), ({ name }) => name),
    async sync(request, following, onProgress) {
      const task = readTask(await client.post('/api/v1/syncs', request, following.signal));
      return followTask(client, task, following, onProgress);
    },
    async planPromotion(request, signal) {
      return readPlan(await client.post(promotions, { ...request, dryRun: true }, signal));
    },
    async promote(request, { idempotencyKey, ifMatch }, following, onProgress) {
      const headers = {
        'idempotency-key': idempotencyKey,
        ...(ifMatch !== undefined && { 'if-match': `"${ifMatch}"` }),
      };
      const promotion = readPromotion(await client.post(promotions, request, following.signal, headers));
      return followPromotion(client, promotion, following, onProgress);
    },
    async publish(request, following, onProgress) {
      const task = readTask(await client.post('/api/v1/publications', request, following.signal));
      return followTask(client, task, following, onProgress);
    },
    async collect(request, following, onProgress) {
      const task = readTask(await client.post('/api/v1/collections', request, following.signal));
      return followTask(client, task, following, onProgress);
    },
    async rollback({ serial, ...request }, following, onProgress) {
      const headers = { 'idempotency-key': randomUUID() };
      const path = `/api/v1/publications/${serial}/rollback`;
      const promotion = readPromotion(await client.post(path, request, following.signal, headers));
      return followPromotion(client, promotion, following, onProgress);
    },
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}
