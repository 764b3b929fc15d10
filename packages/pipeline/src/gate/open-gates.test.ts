import { GATE_KINDS } from '@gantry/catalog';
import type { GateConfiguration } from './configuration.ts';
import { openGates } from './open-gates.ts';
import { makeSigner } from './contract/signing.ts';

const ALL: readonly GateConfiguration[] = [
  { results: { testcases: ['smoke'] } },
  { approvals: { count: 1 } },
  { match: { labels: { vendor: 'Example' } } },
  { age: { atLeastMs: 1 } },
  { signature: { keys: [{ name: 'a.pub', pem: makeSigner().pem }] } },
  { referrers: { artifactTypes: ['a'] } },
  { vulnerabilities: { atMost: { critical: 0 } } },
  { http: { url: 'https://opa.example.org/v1/data/release/allow', timeoutMs: 1000 } },
];

test('a gate of each kind is called as its kind, and waits for nothing but approvals', () => {
  const gates = openGates(ALL);
  expect(gates.map(({ name, kind }) => [name, kind])).toEqual(GATE_KINDS.map((kind) => [kind, kind]));
  expect(gates.filter(({ waitMs }) => waitMs > 0).map(({ kind, waitMs }) => [kind, waitMs])).toEqual([
    ['approvals', 7 * 86_400_000],
  ]);
});

test('two gates of one kind have names, and wait as they are told', () => {
  const gates = openGates([
    { name: 'first', waitMs: 0, approvals: { count: 1 } },
    { name: 'second', waitMs: 5, approvals: { count: 2 } },
  ]);
  expect(gates.map(({ name, waitMs }) => [name, waitMs])).toEqual([
    ['first', 0],
    ['second', 5],
  ]);
  expect(() => openGates([{ approvals: { count: 1 } }, { approvals: { count: 2 } }])).toThrow(
    'two gates have the name approvals',
  );
});
