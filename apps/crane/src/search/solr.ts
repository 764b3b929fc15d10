import { type SearchServer, SOLR_PLACE } from '@gantry/service';
import { z } from 'zod';
import type { RareErrors } from '../rare-errors.ts';
import { createServerSearch } from './ask-server.ts';
import type { FoundRepository, SearchBackend } from './backend.ts';
import { oneLine } from './label-words.ts';

const Text = z.string().optional().catch(undefined);
const Flag = z.boolean().catch(false);

/** What is read of a document; Pulp's Crane reads the same (crane/search/solr.py). A field of another type counts as absent. */
const SolrDocument = z.object({
  documentKind: Text,
  allTitle: Text,
  ir_description: Text,
  publishedAbstract: Text,
  ir_automated: Flag,
  ir_official: Flag,
  ir_stars: z.int().min(0).catch(0),
  c_pull_command: z.array(z.string()).catch([]),
});
const SolrAnswer = z.object({ response: z.object({ docs: z.array(SolrDocument) }) });

/** A Solr server of Red Hat's kind: it tells of repositories that are served here (`ImageRepository`), and of others. */
export function createSolrSearch(server: SearchServer, tellError: RareErrors): SearchBackend {
  return createServerSearch({
    server,
    tellError,
    addressOf: (text) => server.url.replaceAll(SOLR_PLACE, () => encodeURIComponent(text)),
    parse(body) {
      const answer = SolrAnswer.safeParse(JSON.parse(body));
      if (!answer.success) throw new Error('it has no list response.docs of objects');
      return answer.data.response.docs.flatMap(foundIn).filter(({ name }) => name !== '');
    },
  });
}

function foundIn(document: z.output<typeof SolrDocument>): FoundRepository[] {
  const { documentKind, allTitle = '', c_pull_command: commands } = document;
  const said = {
    description: oneLine(document.ir_description ?? document.publishedAbstract ?? ''),
    starCount: document.ir_stars,
    isOfficial: document.ir_official,
    isAutomated: document.ir_automated,
    isElsewhere: documentKind !== 'ImageRepository',
  };
  const names =
    documentKind === 'CertifiedSoftware'
      ? commands.map((command) => command.replace('docker pull', ''))
      : [allTitle];
  return names.map((name) => ({ name: oneLine(name), ...said }));
}
