import { docsPage } from '../docs/docs-page.ts';
import { openApiDocument } from '../docs/openapi.ts';
import { openRoute, type Route } from '../route.ts';

const PAGE_HEADERS = {
  'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
};

/** The two documents about the routes of a table. They describe themselves too, so they are made at the first request. */
export function documentRoutes(table: () => readonly Route[]): Route[] {
  let openApi: string | undefined;
  let page: string | undefined;
  return [
    openRoute({
      path: '/openapi.json',
      name: 'openApi',
      summary: 'This API as an OpenAPI 3.1 document',
      answers: { 200: { description: 'The document', contentType: 'application/json' } },
      async handle() {
        openApi ??= JSON.stringify(openApiDocument(table()));
        return { status: 200, text: { contentType: 'application/json', body: openApi } };
      },
    }),
    openRoute({
      path: '/docs',
      name: 'docs',
      summary: 'This API, to be read by people',
      answers: { 200: { description: 'The page', contentType: 'text/html' } },
      async handle() {
        page ??= docsPage(table());
        return {
          status: 200,
          headers: PAGE_HEADERS,
          text: { contentType: 'text/html; charset=utf-8', body: page },
        };
      },
    }),
  ];
}
