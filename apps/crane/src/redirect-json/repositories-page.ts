import { type Answer, jsonAnswer } from '../answer/answer.ts';
import { pageAnswer } from '../page/frame.ts';
import { html } from '../page/html.ts';
import type { Reader } from '../private/reader.ts';
import { mayReadFile } from './may-read-file.ts';
import { negotiate } from './negotiate.ts';
import type { RedirectFile } from './redirect-file.ts';
import type { RepositoryTable } from './repository-table.ts';

/** Which list `/crane/repositories` and the paths below it are; undefined: none of them. */
export function parseRepositoriesPath(path: string): 'v1' | 'v2' | undefined {
  if (path === '/crane/repositories' || path === '/crane/repositories/v1') return 'v1';
  return path === '/crane/repositories/v2' ? 'v2' : undefined;
}

/** Makes the lists of the repositories that redirect files tell of, for people as a page, for programs as JSON. */
export interface RepositoriesPage {
  answer(list: 'v1' | 'v2', accept: string | undefined, host: string, reader: Reader): Answer;
}

export function createRepositoriesPage(table: RepositoryTable): RepositoriesPage {
  // To list ten thousand takes a while, and mostly nothing has changed since they were listed for the last one who asked.
  let kept: { readonly key: string; readonly answer: Answer } | undefined;
  return {
    answer(list, accept, host, reader) {
      const type = negotiate(accept, ['text/html', 'application/json']);
      const all: Iterable<RedirectFile> = list === 'v1' ? table.allImages() : table.allPaths();
      const { shown: files = [], hidden = [] } = Object.groupBy(all, (file) =>
        mayReadFile(reader, file) ? 'shown' : 'hidden',
      );
      const key = JSON.stringify([table.changes, list, type, host, hidden.map(({ name }) => name)]);
      if (kept?.key !== key) {
        files.sort((a, b) => (a.name < b.name ? -1 : 1));
        const answer = type === 'text/html' ? pageOf(list, files, host) : jsonOf(files);
        kept = { key, answer: varied(answer) };
      }
      return kept.answer;
    },
  };
}

function jsonOf(files: readonly RedirectFile[]): Answer {
  const members = files.map((file) => {
    const of =
      file.api === 1
        ? `{"image_ids":${JSON.stringify(file.imageIds)},"tags":${file.tagsText},"protected":${file.isProtected}}`
        : `{"protected":${file.isProtected}}`;
    return `${JSON.stringify(file.name)}:${of}`;
  });
  return { ...jsonAnswer('repositories', `{${members.join(',')}}`, ['Cache-Control', 'no-cache']) };
}

function pageOf(list: 'v1' | 'v2', files: readonly RedirectFile[], host: string): Answer {
  const main = html`<h1>Repositories of redirect JSON, ${list}</h1>
    <nav><a href="/crane/repositories/v1">v1</a><a href="/crane/repositories/v2">v2</a></nav>
    <p class="soft">${files.length} in all</p>
    ${files.map(
      (file) =>
        html`<h2>${file.name}</h2>
          ${file.isProtected && html`<p>Protected</p>`} ${file.api === 1 && tagsOf(file.tags)}`,
    )}`;
  return pageAnswer({ title: `Repositories, ${list}`, host, main }, 0);
}

function tagsOf(tags: ReadonlyMap<string, string>) {
  return html`<dl>
    ${[...tags].map(
      ([tag, id]) =>
        html`<dt>${tag}</dt>
          <dd><code>${id}</code></dd>`,
    )}
  </dl>`;
}

function varied(answer: Answer): Answer {
  return { ...answer, route: 'repositories', headers: [...answer.headers, 'Vary', 'Accept'] };
}
