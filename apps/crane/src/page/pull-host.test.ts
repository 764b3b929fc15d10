import * as fc from 'fast-check';
import { pullHost } from './pull-host.ts';

test.each([
  ['registry.example.org', undefined, 'registry.example.org'],
  ['Registry.Example.org:5080', undefined, 'registry.example.org:5080'],
  ['[::1]:5080', undefined, '[::1]:5080'],
  [undefined, undefined, 'REGISTRY'],
  ['a b', undefined, 'REGISTRY'],
  ['x"><script>', undefined, 'REGISTRY'],
  ['127.0.0.1:5080', 'Registry.example.org', 'registry.example.org'],
  ['registry.example.org:8443', 'registry.example.org', 'registry.example.org:8443'],
  ['registry.example.org.evil.example', 'registry.example.org', 'registry.example.org'],
  ['registry.example.org:x', 'registry.example.org', 'registry.example.org'],
])('Host %s, crane.name %s: people pull from %s', (header, name, host) => {
  expect(pullHost(header, name)).toBe(host);
});

test('whatever is sent as Host, only what a host may be comes back', () => {
  fc.assert(
    fc.property(fc.string(), (header) => {
      expect(pullHost(header, undefined)).toMatch(/^(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::\d+)?$|^REGISTRY$/);
    }),
  );
});
