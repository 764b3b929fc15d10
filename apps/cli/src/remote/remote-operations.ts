import { randomUUID } from 'node:crypto';
import {
  type PromotionAnswer,
  promotionHasEnded,
  readPlan,
  readPromotion,
  readTask,
  type SourceAnswer,
  type TaskAnswer,
  taskHasEnded,
} from '../answers.ts';
import type { Following, Operations } from '../operations.ts';
import type { ApiClient } from './client.ts';
import { followUntil } from './follow.ts';

export interface RollbackRequest {
  readonly serial: number;
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
  const followTask = (accepted: TaskAnswer, following: Following, onProgress: (task: TaskAnswer) => void) =>
    follow(
      client,
      `/api/v1/tasks/${encodeURIComponent(accepted.id)}`,
      accepted,
      readTask,
      taskHasEnded,
      following,
      onProgress,
    );
  const followPromotion = (
    accepted: PromotionAnswer,
    following: Following,
    onProgress: (promotion: PromotionAnswer) => void,
  ) => {
    const path = `/api/v1/promotions/${encodeURIComponent(accepted.id)}`;
    return follow(client, path, accepted, readPromotion, promotionHasEnded, following, onProgress);
  };
  return {
    sources: (signal) =>
      Array.fromAsync(client.list<SourceAnswer>('/api/v1/sources', {}, signal), ({ name }) => name),
    async sync(request, following, onProgress) {
      const task = readTask(await client.post('/api/v1/syncs', request, following.signal));
      return followTask(task, following, onProgress);
    },
    async planPromotion(request, signal) {
      return readPlan(await client.post('/api/v1/promotions', { ...request, dryRun: true }, signal));
    },
    async promote(request, idempotencyKey, following, onProgress) {
      const headers = { 'idempotency-key': idempotencyKey };
      const promotion = readPromotion(
        await client.post('/api/v1/promotions', request, following.signal, headers),
      );
      return followPromotion(promotion, following, onProgress);
    },
    async publish(following, onProgress) {
      const task = readTask(await client.post('/api/v1/publications', {}, following.signal));
      return followTask(task, following, onProgress);
    },
    async rollback({ serial, ...request }, following, onProgress) {
      const headers = { 'idempotency-key': randomUUID() };
      const path = `/api/v1/publications/${serial}/rollback`;
      const promotion = readPromotion(await client.post(path, request, following.signal, headers));
      return followPromotion(promotion, following, onProgress);
    },
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}

async function follow<T extends { readonly id: string }>(
  client: ApiClient,
  path: string,
  accepted: T,
  read: (value: unknown) => T,
  hasEnded: (record: T) => boolean,
  { wait, signal }: Following,
  onProgress: (record: T) => void,
): Promise<T> {
  if (!wait) return accepted;
  const look = async () => read(await client.get(path, {}, signal));
  try {
    return await followUntil(accepted, look, hasEnded, onProgress, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
    throw Object.assign(new Error(`interrupted: it goes on at the server, see ${client.url}${path}`), {
      name: 'AbortError',
    });
  }
}
