import {
  type PromotionAnswer,
  promotionHasEnded,
  readPromotion,
  readTask,
  type TaskAnswer,
  taskHasEnded,
} from '../answers.ts';
import type { Following } from '../operations.ts';
import type { ApiClient } from './client.ts';
import { followEvents } from './follow-events.ts';

/** Follows a task at the server until it has ended, where that is wanted. */
export function followTask(
  client: ApiClient,
  task: TaskAnswer,
  following: Following,
  onProgress: (task: TaskAnswer) => void,
): Promise<TaskAnswer> {
  const path = `/api/v1/tasks/${encodeURIComponent(task.id)}`;
  const follower = {
    path,
    read: readTask,
    hasEnded: taskHasEnded,
    comeBack: `see ${client.url}${path}`,
  };
  return follow(client, task, follower, following, onProgress);
}

/** Follows a promotion at the server until it has ended, where that is wanted. */
export function followPromotion(
  client: ApiClient,
  promotion: PromotionAnswer,
  following: Following,
  onProgress: (promotion: PromotionAnswer) => void,
): Promise<PromotionAnswer> {
  const follower = {
    path: `/api/v1/promotions/${encodeURIComponent(promotion.id)}`,
    read: readPromotion,
    hasEnded: promotionHasEnded,
    comeBack: `"gantry promotions show ${promotion.id} --wait" follows it again`,
  };
  return follow(client, promotion, follower, following, onProgress);
}

interface Follower<T> {
  readonly path: string;
  readonly read: (value: unknown) => T;
  readonly hasEnded: (record: T) => boolean;
  /** What somebody does who was interrupted. */
  readonly comeBack: string;
}

async function follow<T>(
  client: ApiClient,
  accepted: T,
  { path, read, hasEnded, comeBack }: Follower<T>,
  { wait, signal }: Following,
  onProgress: (record: T) => void,
): Promise<T> {
  if (!wait) return accepted;
  async function* open() {
    for await (const record of client.events(`${path}/events`, signal)) yield read(record);
  }
  try {
    return await followEvents(accepted, open, hasEnded, onProgress, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
    throw Object.assign(new Error(`interrupted: it goes on at the server, ${comeBack}`), {
      name: 'AbortError',
    });
  }
}
