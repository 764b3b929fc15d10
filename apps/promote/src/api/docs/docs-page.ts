import { FAULTS, problemType } from '@gantry/oci';
import type { z } from 'zod';
import { faultsOf, type Route } from '../route.ts';
import { nameOf } from '../views/named.ts';
import { openApiDocument, parametersOf } from './openapi.ts';

const STYLE = `
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color-scheme: light dark }
code, pre { font: 14px/1.4 ui-monospace, monospace } pre { overflow-x: auto }
h2 { margin-top: 2.5rem } h3 code { font-size: 1rem } table { border-collapse: collapse }
td, th { text-align: left; vertical-align: top; padding: .2rem 1rem .2rem 0 }
`;

/** The route table as one page of HTML that loads nothing from anywhere. */
export function docsPage(routes: readonly Route[]): string {
  const { components } = openApiDocument(routes) as { components: { schemas: Record<string, object> } };
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Gantry promote API</title><style>${STYLE}</style></head>
<body>
<h1>Gantry promote API</h1>
<p>For programs: <a href="/openapi.json">/openapi.json</a>. Send a token as <code>Authorization: Bearer TOKEN</code>.
A list is <code>{items, next}</code>, paged by <code>limit</code> and <code>cursor</code>.
Errors are problem documents with a stable <code>type</code>.</p>
<h2>Routes</h2>
${routes.map(routeSection).join('\n')}
<h2>Problems</h2>
${table(
  ['type', 'status', 'meaning'],
  Object.entries(FAULTS).map(([code, { status, title }]) => [
    codeTag(problemType(code as keyof typeof FAULTS)),
    String(status),
    prose(title),
  ]),
)}
<h2>Schemas</h2>
${Object.entries(components.schemas)
  .map(
    ([id, schema]) =>
      `<h3 id="${escape(id)}">${escape(id)}</h3>\n<pre>${escape(JSON.stringify(schema, undefined, 2))}</pre>`,
  )
  .join('\n')}
</body>
</html>
`;
}

function routeSection(route: Route): string {
  const { access, body } = route;
  const parameters = parametersOf(route);
  return [
    `<h3 id="${escape(route.name)}"><code>${route.method} ${escape(route.path)}</code></h3>`,
    `<p>${prose(route.summary)}. ${access === 'open' ? 'Needs no token.' : `Needs ${codeTag(access.shown)}.`}</p>`,
    parameters.length === 0
      ? ''
      : table(
          ['parameter', 'in', ''],
          parameters.map(({ name, in: place, required, description = '' }) => [
            codeTag(name),
            `${place}${required ? ', required' : ''}`,
            prose(description),
          ]),
        ),
    body === undefined ? '' : `<p>Body: ${viewLink(body)}</p>`,
    `<p>${Object.entries(route.answers)
      .map(
        ([status, { description, view }]) =>
          `${status} ${prose(description)}${view === undefined ? '' : `: ${viewLink(view)}`}`,
      )
      .join('; ')}. Problems: ${faultsOf(route)
      .map((code) => `${FAULTS[code].status} ${codeTag(code)}`)
      .join(', ')}.</p>`,
  ].join('\n');
}

function viewLink(view: z.ZodType): string {
  const name = escape(nameOf(view));
  return `<a href="#${name}">${name}</a>`;
}

/** A table of cells that are HTML already. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return `<table>\n<tr>${cells('th', head)}</tr>\n${rows.map((row) => `<tr>${cells('td', row)}</tr>`).join('\n')}\n</table>`;
}

function cells(tag: string, row: readonly string[]): string {
  return row.map((cell) => `<${tag}>${cell}</${tag}>`).join('');
}

/** Text in which code stands between backticks. */
function prose(text: string): string {
  return escape(text).replaceAll(/`([^`]+)`/g, '<code>$1</code>');
}

function codeTag(text: string): string {
  return `<code>${escape(text)}</code>`;
}

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
