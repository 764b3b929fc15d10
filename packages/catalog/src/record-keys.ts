import type { Confirmation } from './confirmations.ts';
import type { Candidate, OutboxEvent, Promotion, Publication, Task } from './records.ts';

type RecordOf = OutboxEvent['record'];

/** The key of a candidate: source, repository, tag and digest, as JSON. */
export function candidateRecord({
  source,
  repository,
  tag,
  digest,
}: Pick<Candidate, 'source' | 'repository' | 'tag' | 'digest'>): RecordOf {
  return { noun: 'candidates', key: JSON.stringify([source, repository, tag, digest]) };
}

/** The key of a promotion: its id. */
export function promotionRecord({ id }: Pick<Promotion, 'id'>): RecordOf {
  return { noun: 'promotions', key: id };
}

/** The key of a publication: tree and serial, as JSON. */
export function publicationRecord({ tree, serial }: Pick<Publication, 'tree' | 'serial'>): RecordOf {
  return { noun: 'publications', key: JSON.stringify([tree, serial]) };
}

/** The key of a task: its id. */
export function taskRecord({ id }: Pick<Task, 'id'>): RecordOf {
  return { noun: 'tasks', key: id };
}

/** The key of a confirmation: tree, serial and mirror, as JSON. */
export function confirmationRecord({
  tree,
  serial,
  mirror,
}: Pick<Confirmation, 'tree' | 'serial' | 'mirror'>): RecordOf {
  return { noun: 'confirmations', key: JSON.stringify([tree, serial, mirror]) };
}
