import type { Candidate } from '@gantry/catalog';
import { type Digest, Fault, forEachConcurrently, quote, subjectOfCompanionTag } from '@gantry/oci';
import type { ManifestHead } from '@gantry/registry';
import { describeImage, sourceReader } from './describe-image.ts';
import { TAGS_AT_ONCE, type RepositorySync } from './repository-sync.ts';
import type { DatedTag } from './tag-rules.ts';

/** A tag that is looked at. */
export interface ChosenTag {
  readonly tag: string;
  readonly rule: string;
  /** What it stands for, when choosing it needed to know. */
  readonly head?: ManifestHead;
}

export interface TagChoice {
  readonly taken: readonly ChosenTag[];
  /** The repository's companion tags; undefined when its tags were not listed, so that they have to be asked for. */
  readonly companionTags: readonly string[] | undefined;
  /** Tags that were synced before and are not listed any more. An empty list tells nothing. */
  readonly gone: readonly string[];
}

/**
 * Chooses the tags of a repository. They are listed, unless the rules name each of them or just some are asked for.
 * @param known the newest candidates by tag
 */
export async function chooseTags(
  sync: RepositorySync,
  known: ReadonlyMap<string, Candidate>,
): Promise<TagChoice> {
  const { source, onPlanned, repository } = sync;
  const names = sync.tags === undefined ? source.tags.names : withSubjects(sync.tags, known);
  const companionTags: string[] = [];
  const byName: ChosenTag[] = [];
  const unseen = new Set(names === undefined ? known.keys() : []);
  let listed = 0;
  for await (const tag of names ?? listTags(sync)) {
    listed++;
    unseen.delete(tag);
    if (subjectOfCompanionTag(tag) !== undefined) {
      companionTags.push(tag);
      continue;
    }
    const { take, rule } = source.tags.judge(tag);
    if (take) byName.push({ tag, rule });
    else onPlanned?.({ repository, tag, action: 'leave', rule });
  }
  // A tag that is asked for by name is not weighed against others that nobody has listed.
  const ranked = names === undefined ? rank(sync, byName) : byName;
  const taken = source.tags.needsAge ? await chooseByAge(sync, ranked, known) : ranked;
  return {
    taken,
    companionTags: names === undefined ? companionTags : undefined,
    gone: listed === 0 ? [] : [...unseen],
  };
}

async function* listTags(sync: RepositorySync): AsyncGenerator<string> {
  const refuse = (name: string) => {
    const shown = name.slice(0, 128);
    sync.onFailure(shown, new Fault('TAG_INVALID', `the source lists ${quote(name)}, which is no tag`));
  };
  yield* sync.source.registry.tags(sync.sourceRepository, { onRefused: refuse, signal: sync.signal });
}

/** A companion that is asked for comes with the tags that it belongs to. */
function withSubjects(tags: readonly string[], known: ReadonlyMap<string, Candidate>): string[] {
  const wanted = new Set<string>();
  for (const tag of tags) {
    const subject = subjectOfCompanionTag(tag);
    if (subject === undefined) wanted.add(tag);
    else for (const [name, candidate] of known) if (concerns(candidate, subject)) wanted.add(name);
  }
  return [...wanted];
}

function concerns(candidate: Candidate, subject: Digest): boolean {
  const { digest, referrers, companions } = candidate;
  return (
    digest === subject ||
    referrers.includes(subject) ||
    companions.some((companion) => companion.digest === subject)
  );
}

function rank(
  { source, onPlanned, repository }: RepositorySync,
  tags: readonly ChosenTag[],
): readonly ChosenTag[] {
  const verdicts = source.tags.byVersion(tags.map(({ tag }) => tag));
  return tags.filter(({ tag }) => {
    const verdict = verdicts.get(tag);
    if (verdict?.take === false) onPlanned?.({ repository, tag, action: 'leave', rule: verdict.rule });
    return verdict?.take !== false;
  });
}

async function chooseByAge(
  sync: RepositorySync,
  tags: readonly ChosenTag[],
  known: ReadonlyMap<string, Candidate>,
): Promise<ChosenTag[]> {
  const { source, sourceRepository, signal, onPlanned, repository } = sync;
  const reader = sourceReader(source.registry, sourceRepository, signal);
  const dated: (DatedTag & ChosenTag)[] = [];
  await forEachConcurrently(tags, TAGS_AT_ONCE, async (chosen) => {
    try {
      const head = await source.registry.head(sourceRepository, chosen.tag, { signal });
      if (head === undefined) return; // gone since it was listed
      const former = known.get(chosen.tag);
      const text =
        former?.digest === head.digest
          ? former.created
          : await sync.created.get(
              head.digest,
              async () => (await describeImage(reader, head.digest, source.platforms)).created,
            );
      dated.push({ ...chosen, head, created: text === undefined ? undefined : new Date(text) });
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      sync.onFailure(chosen.tag, error);
    }
  });
  const verdicts = source.tags.byAge(dated, sync.flow.now());
  return dated.filter(({ tag, head }) => {
    const verdict = verdicts.get(tag);
    if (verdict?.take !== false) return true;
    onPlanned?.({
      repository,
      tag,
      action: 'leave',
      rule: verdict.rule,
      ...(head === undefined ? {} : { digest: head.digest }),
    });
    return false;
  });
}
