import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import * as fc from 'fast-check';
import { html } from './html.ts';

const unescaped = (markup: string) =>
  markup
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');

test('text stays text, whatever is in it', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('&', '<', '>', '"', "'", '=', ' ', 'a', ';', '#', '3', '9', 'lt;') }),
      (text) => {
        const markup = html`${text}`.toString();
        expect(markup).toMatch(/^(?:[^&<>"']|&(?:amp|lt|gt|quot|#39);)*$/);
        expect(unescaped(markup)).toBe(text);
      },
    ),
  );
});

test('markup in markup stands as it is, lists one after the other, and nothing for what is not there', () => {
  expect(html`${[html`<b>${'a'}</b>`, html`<b>${'<i>'}</b>`]}${undefined}${false}${0}`.toString()).toBe(
    '<b>a</b><b>&lt;i&gt;</b>0',
  );
});

test('no template has a value in an attribute without double quotes, in a comment, a script or a style', () => {
  const files = globSync(path.join(import.meta.dirname, '*.ts')).filter((file) => !file.includes('.test.'));
  expect(files.length).toBeGreaterThan(5);
  for (const file of files) {
    const text = readFileSync(file, 'utf8');
    expect([file, text.match(/=\s*'?\$\{|<!--|<script|\son[a-z]+=/g)]).toEqual([file, null]);
  }
});
