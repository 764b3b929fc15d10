import type { AddCommand } from './cli.ts';
import { addCandidates } from './commands/candidates.ts';
import { addCatalog } from './commands/catalog.ts';
import { addConfig } from './commands/config.ts';
import { addDeadLetters } from './commands/dead-letters.ts';
import { addDiff } from './commands/diff.ts';
import { addPromote } from './commands/promote.ts';
import { addPublications } from './commands/publications.ts';
import { addPublish } from './commands/publish.ts';
import { addRollback } from './commands/rollback.ts';
import { addSync } from './commands/sync.ts';
import { addVerify } from './commands/verify.ts';
import { addLeases, addQueues, addWorkers } from './commands/workers.ts';

/** Commands that ask for something, in the order of the help. */
export const CLIENT_COMMANDS: readonly AddCommand[] = [
  addSync,
  addCandidates,
  addPromote,
  addPublish,
  addPublications,
  addRollback,
  addDiff,
  addVerify,
  addWorkers,
  addLeases,
  addQueues,
  addDeadLetters,
  addCatalog,
  addConfig,
];
