import type { AddCommand } from './cli.ts';
import { addApprove } from './commands/approve.ts';
import { addAudit } from './commands/audit.ts';
import { addCandidates } from './commands/candidates.ts';
import { addCatalog } from './commands/catalog.ts';
import { addConfig } from './commands/config.ts';
import { addDeadLetters } from './commands/dead-letters.ts';
import { addDiff } from './commands/diff.ts';
import { addExport } from './commands/export.ts';
import { addSave } from './commands/save.ts';
import { addGc } from './commands/gc.ts';
import { addKeys } from './commands/keys.ts';
import { addMirrors } from './commands/mirrors.ts';
import { addPlans } from './commands/plans.ts';
import { addPromote } from './commands/promote.ts';
import { addPromotions } from './commands/promotions.ts';
import { addPublications } from './commands/publications.ts';
import { addPublish } from './commands/publish.ts';
import { addPurge } from './commands/purge.ts';
import { addReadOnly } from './commands/read-only.ts';
import { addResults } from './commands/results.ts';
import { addRetract } from './commands/retract.ts';
import { addRollback } from './commands/rollback.ts';
import { addSync } from './commands/sync.ts';
import { addTokens, addWhoami } from './commands/tokens.ts';
import { addVerify } from './commands/verify.ts';
import { addWaive, addWaivers } from './commands/waive.ts';
import { addWhy } from './commands/why.ts';
import { addLeases, addQueues, addWorkers } from './commands/workers.ts';

/** Commands that ask for something, in the order of the help. */
export const CLIENT_COMMANDS: readonly AddCommand[] = [
  addSync,
  addCandidates,
  addPromote,
  addPromotions,
  addPlans,
  addWhy,
  addApprove,
  addWaive,
  addWaivers,
  addResults,
  addPublish,
  addPublications,
  addMirrors,
  addRollback,
  addRetract,
  addPurge,
  addDiff,
  addSave,
  addExport,
  addVerify,
  addGc,
  addKeys,
  addTokens,
  addWhoami,
  addAudit,
  addReadOnly,
  addWorkers,
  addLeases,
  addQueues,
  addDeadLetters,
  addCatalog,
  addConfig,
];
