import { createHash } from 'node:crypto';
import { type Answer, SHORT_LIVED } from '../answer/answer.ts';
import { html, Html } from './html.ts';
import { CONTENT_SECURITY_POLICY, STYLE } from './style.ts';

// No template of its own: as the policy names the style by its hash, not a space may come to it.
const style = new Html(`<style>${STYLE}</style>`);

export interface PageContent {
  readonly title: string;
  /** The host that people pull from. */
  readonly host: string;
  readonly main: Html;
}

/** A page's answer. */
export interface PageStatus {
  readonly status: 200 | 404 | 503;
  readonly headers?: readonly string[];
}

/**
 * Wraps a page's content into a whole document.
 * @param serial that the page tells of; with the bytes' own digest it is the ETag, so that a browser that has just this
 * page need not be sent it again
 */
export function pageAnswer(
  { title, host, main }: PageContent,
  serial: number,
  { status, headers = [] }: PageStatus = { status: 200 },
): Answer {
  const document = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        <link rel="icon" href="data:," />
        ${style}
      </head>
      <body>
        <a class="skip" href="#main">Skip to the content</a>
        <header><a class="home" href="/">${host}</a></header>
        <main id="main">${main}</main>
        <footer>
          A crane of Gantry: it answers pulls, and sends what is large to mirrors.
          <a href="/mirrors">Mirrors, as JSON</a>
        </footer>
      </body>
    </html> `;
  const bytes = Buffer.from(document.toString());
  const etag = `"${serial}-${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}"`;
  return {
    route: 'page',
    status,
    headers: [
      'Content-Type',
      'text/html; charset=utf-8',
      'Content-Length',
      String(bytes.length),
      'Content-Security-Policy',
      CONTENT_SECURITY_POLICY,
      'X-Content-Type-Options',
      'nosniff',
      'Referrer-Policy',
      'no-referrer',
      ...(status === 200 ? [...SHORT_LIVED, 'ETag', etag] : ['Cache-Control', 'no-cache']),
      ...headers,
    ],
    body: { from: 'memory', bytes },
    ...(status === 200 && { etag }),
  };
}
