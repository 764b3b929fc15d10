import axe from 'axe-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { startChromium } from '../clients/chromium.ts';
import { type CranePageWorld, HOSTILE, openCranePageWorld } from '../fixtures/crane-page-world.ts';
import { needs } from '../servers/parts.ts';
import { until } from '../servers/until.ts';

/** The crane's page in a real browser: what people see of it, and how they get on with it. */

let world: CranePageWorld;
let browser: Browser;
const real = needs('chromium', 'nginx');

real.beforeAll(async () => {
  world = await openCranePageWorld();
  browser = await startChromium();
  await until('the search to know what images say', async () => {
    const answer = await fetch(`${world.crane.url}/v1/search?q=apache`);
    return answer.ok && (await answer.text()).includes('web/httpd');
  });
  await until('the mirrors to be judged', async () =>
    (await (await fetch(`${world.crane.url}/`)).text()).includes('2 serials behind'),
  );
}, 60_000);
real.afterAll(async () => {
  await browser.close();
  await world[Symbol.asyncDispose]();
}, 30_000);

const FRONT = '/';
const REPOSITORY = '/?repository=web%2Fhttpd';
const PAGES = [
  FRONT,
  '/?q=httpd',
  '/?q=apache',
  '/?q=nowhere',
  '/?last=f44%2Fredis',
  REPOSITORY,
  '/?repository=tools%2Fhostile',
  '/?repository=none',
];

/** Opens a page, and tells what the browser complained of, and what it asked for beside it. */
async function open(
  target: string,
  options: BrowserContextOptions = {},
): Promise<AsyncDisposable & { readonly page: Page; readonly complaints: string[] }> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => {
    if (!request.isNavigationRequest() && !request.url().startsWith('data:')) complaints.push(request.url());
  });
  await page.goto(world.crane.url + target);
  return { page, complaints, [Symbol.asyncDispose]: () => context.close() };
}

for (const colorScheme of ['light', 'dark'] as const) {
  for (const width of [320, 1280]) {
    real.test(
      `axe finds nothing, ${colorScheme} and ${width} pixels wide; nothing reaches out of the window, or is loaded`,
      async () => {
        for (const target of PAGES) {
          await using opened = await open(target, { colorScheme, viewport: { width, height: 800 } });
          const { page, complaints } = opened;
          const status = target.endsWith('none') ? ['the server responded with a status of 404'] : [];
          await page.evaluate(axe.source);
          const found = await page.evaluate(async () => {
            const { violations } = await (globalThis as unknown as { axe: typeof axe }).axe.run();
            return violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]);
          });
          expect([target, found]).toEqual([target, []]);
          const overflow = await page.evaluate(
            'document.documentElement.scrollWidth - document.documentElement.clientWidth',
          );
          expect([target, overflow]).toEqual([target, 0]);
          expect(complaints).toEqual(status.map((text) => expect.stringContaining(text)));
        }
      },
      120_000,
    );
  }
}

real.test(
  'it is styled, and found on, without scripts: search, a repository, its command',
  async () => {
    await using opened = await open(FRONT, { javaScriptEnabled: false });
    const { page } = opened;
    await page.getByRole('searchbox', { name: 'Find repositories by name' }).fill('web/');
    await page.getByRole('button', { name: 'Find' }).click();
    await page.getByRole('link', { name: 'web/httpd' }).click();
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('web/httpd');
    expect(await page.getByLabel('Pull command for 2.4.65').inputValue()).toBe(
      'docker pull registry.example.org/web/httpd:2.4.65',
    );
    const items = await page.getByRole('listitem').filter({ hasText: 'linux/arm64' }).allTextContents();
    expect(items.length).toBeGreaterThan(0);
    expect((await page.locator('main').boundingBox())?.width).toBeLessThanOrEqual(960);
    await page.getByRole('link', { name: 'signatures, attestations and the like of latest' }).click();
    expect(await page.locator('body').textContent()).toContain('application/spdx+json');
  },
  30_000,
);

real.test(
  'without scripts, too, what images say of themselves is found',
  async () => {
    await using opened = await open(FRONT, { javaScriptEnabled: false });
    const { page } = opened;
    await page.getByRole('searchbox', { name: 'Find repositories by name or description' }).fill('apache');
    await page.getByRole('button', { name: 'Find' }).click();
    const [found] = await page
      .getByRole('region', { name: 'Repositories' })
      .getByRole('listitem')
      .allTextContents();
    expect(found?.replaceAll(/\s+/g, ' ').trim()).toMatch(/^web\/httpd The Apache HTTP Server, /);
    await page.getByRole('link', { name: 'web/httpd' }).click();
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe('web/httpd');
  },
  30_000,
);

real.test(
  'it can be used by the keyboard alone: to the content, to a name, and its command is copied',
  async () => {
    await using opened = await open(FRONT);
    const { page } = opened;
    const focused = () =>
      page.evaluate('document.activeElement.textContent || document.activeElement.id') as Promise<string>;
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('Skip to the content');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('q');
    await page.keyboard.type('web/httpd');
    await page.keyboard.press('Enter');
    await page.waitForURL(/q=web/);
    while ((await focused()) !== 'web/httpd') await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.waitForURL(/repository=web/);
    while (!(await focused()).startsWith('pull-')) await page.keyboard.press('Tab');
    expect(await page.evaluate('getSelection().toString()')).toBe(
      'docker pull registry.example.org/web/httpd:latest',
    );
  },
  30_000,
);

real.test(
  'what others wrote into an image is shown as text, and runs nowhere',
  async () => {
    await using opened = await open('/?repository=tools%2Fhostile');
    const { page, complaints } = opened;
    expect(await page.title()).toBe('tools/hostile at registry.example.org');
    expect(await page.locator('main > p').first().textContent()).toBe(HOSTILE);
    expect((await page.locator('.platforms li').first().textContent())?.trim()).toContain(
      `${HOSTILE}/${HOSTILE}`,
    );
    expect(await page.locator('script, img').count()).toBe(0);
    expect(complaints).toEqual([]);
  },
  30_000,
);

real.test(
  'people and programs that read it aloud are told of each mirror what the bars show',
  async () => {
    await using opened = await open(FRONT);
    const items = await opened.page
      .getByRole('region', { name: 'Mirrors' })
      .getByRole('listitem')
      .allTextContents();
    expect(items.map((text) => text.replaceAll(/\s+/g, ' ').trim())).toEqual([
      'origin US in step, at serial 3',
      'de1 DE, AT, CH in step, at serial 3',
      'jp1 JP 2 serials behind, at serial 1',
      'br1 BR not in use',
    ]);
  },
  30_000,
);
