import { readMirrors } from '../choose/mirror.ts';
import { mirrorBars } from './mirror-bars.ts';

test('a MirrorManager is in order with what is older: it is behind by its grace, whatever it has', () => {
  const mirrors = readMirrors([
    { name: 'fedora', url: 'https://fedora.example/', mirrormanager: { path: 'pub', graceMs: 1000 } },
  ]);
  const states = mirrors.map((mirror) => ({ mirror, healthy: true, serial: 3, kinds: new Set<never>() }));
  const shown = mirrorBars(states, 9).toString();
  expect(shown).toContain('leads to mirrors of its own');
  expect(shown).toContain('<span class="good">for what is older, up to serial 3</span>');
});
