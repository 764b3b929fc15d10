import type { Route } from './route.ts';
import { APPROVAL_ROUTES } from './routes/approvals.ts';
import { auditRoutes } from './routes/audit.ts';
import { CANDIDATE_ROUTES } from './routes/candidates.ts';
import { CHANNEL_ROUTES } from './routes/channels.ts';
import { COLLECTION_ROUTES } from './routes/collections.ts';
import { CONTENT_ROUTES } from './routes/content.ts';
import { DECISION_ROUTES } from './routes/decisions.ts';
import { DIFF_ROUTES } from './routes/diff.ts';
import { documentRoutes } from './routes/documents.ts';
import { EVENT_ROUTES } from './routes/events.ts';
import { FAILURE_ROUTES } from './routes/failures.ts';
import { MIRROR_ROUTES } from './routes/mirrors.ts';
import { NOTIFICATION_ROUTES } from './routes/notifications.ts';
import { OPERATION_ROUTES } from './routes/operations.ts';
import { PLAN_ROUTES } from './routes/plans.ts';
import { PROMOTION_ROUTES } from './routes/promotions.ts';
import { PUBLICATION_ROUTES } from './routes/publications.ts';
import { PURGE_ROUTES } from './routes/purges.ts';
import { QUEUE_ROUTES } from './routes/queues.ts';
import { READ_ONLY_ROUTES } from './routes/read-only.ts';
import { REPORT_ROUTES } from './routes/reports.ts';
import { RESULT_ROUTES } from './routes/results.ts';
import { SOURCE_ROUTES } from './routes/sources.ts';
import { SYNC_ROUTES } from './routes/syncs.ts';
import { TASK_ROUTES } from './routes/tasks.ts';
import { TOKEN_ROUTES } from './routes/tokens.ts';
import { WAIVER_ROUTES } from './routes/waivers.ts';
import { WORKER_ROUTES } from './routes/workers.ts';

/** All that is served. What is not in here does not exist; what is has its scope, its checks and its documentation. */
export const ROUTES: readonly Route[] = [
  ...SOURCE_ROUTES,
  ...SYNC_ROUTES,
  ...NOTIFICATION_ROUTES,
  ...CANDIDATE_ROUTES,
  ...FAILURE_ROUTES,
  ...PROMOTION_ROUTES,
  ...APPROVAL_ROUTES,
  ...RESULT_ROUTES,
  ...REPORT_ROUTES,
  ...WAIVER_ROUTES,
  ...DECISION_ROUTES,
  ...PLAN_ROUTES,
  ...CHANNEL_ROUTES,
  ...PUBLICATION_ROUTES,
  ...MIRROR_ROUTES,
  ...PURGE_ROUTES,
  ...COLLECTION_ROUTES,
  ...DIFF_ROUTES,
  ...CONTENT_ROUTES,
  ...TASK_ROUTES,
  ...EVENT_ROUTES,
  ...WORKER_ROUTES,
  ...QUEUE_ROUTES,
  ...TOKEN_ROUTES,
  ...auditRoutes(() => ROUTES),
  ...READ_ONLY_ROUTES,
  ...OPERATION_ROUTES,
  ...documentRoutes(() => ROUTES),
];
