import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { startChromium } from '../test/clients/chromium.ts';
import { openCranePageWorld } from '../test/fixtures/crane-page-world.ts';
import { until } from '../test/servers/until.ts';

/**
 * Makes the pictures of the crane's page in docs: `npx node scripts/crane-page-screenshots.ts`. It takes Debian's
 * chromium and nginx-light.
 */

const docs = fileURLToPath(new URL('../docs', import.meta.url));

await using world = await openCranePageWorld();
await until('the mirrors to be judged', async () =>
  (await (await fetch(`${world.crane.url}/`)).text()).includes('2 serials behind'),
);
await using browser = await startChromium();

for (const { file, target, colorScheme, height } of [
  { file: 'crane-page.png', target: '/?q=http', colorScheme: 'light', height: 985 },
  { file: 'crane-page-tags.png', target: '/?repository=web%2Fhttpd', colorScheme: 'dark', height: 700 },
] as const) {
  const page = await browser.newPage({ colorScheme, viewport: { width: 800, height } });
  await page.goto(world.crane.url + target);
  await page.screenshot({ path: path.join(docs, file) });
}
