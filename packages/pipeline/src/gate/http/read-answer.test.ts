import { anything, assert, property, uint8Array } from 'fast-check';
import { readPolicyAnswer } from './read-answer.ts';

const read = (body: string) => readPolicyAnswer(Buffer.from(body));

test.each([
  ['{"result":true}', 'allowed', []],
  ['{"result":false}', 'denied', []],
  ['{"result":{"allow":true}}', 'allowed', []],
  ['{"result":{"allow":false,"reasons":["no SBOM","too old"]}}', 'denied', ['no SBOM', 'too old']],
  ['{"decision_id":"1","result":{"allow":true,"reasons":[],"more":1},"metrics":{}}', 'allowed', []],
])('%s', (body, kind, reasons) => {
  expect(read(body)).toEqual({ kind, reasons });
});

test.each([
  '{}',
  '{"decision_id":"1"}',
  '{"allow":true}',
  '{"Result":true}',
  '{"__proto__":{"result":true}}',
])('%s has no result', (body) => {
  expect(read(body)).toEqual({ kind: 'undefined' });
});

test.each([
  '',
  'true',
  'null',
  '[]',
  '{"result":"true"}',
  '{"result":1}',
  '{"result":null}',
  '{"result":[true]}',
  '{"result":{}}',
  '{"result":{"allow":"true"}}',
  '{"result":{"allow":true,"reasons":"none"}}',
  '{"result":{"allow":true,"reasons":[1]}}',
  '{"result":{"Allow":true}}',
  '{"result":true,"result":false}',
  '{"result":{"allow":false,"allow":true}}',
  '<html><body>{"result":true}</body></html>',
  '{"result":true} ok',
])('%s is no decision', (body) => {
  expect(read(body).kind).toBe('invalid');
});

test('reasons are a few printable lines', () => {
  const reasons = ['\u001b[31mred\u202e', 'x'.repeat(10_000), ...Array.from({ length: 50 }, String)];
  const answer = read(JSON.stringify({ result: { allow: false, reasons } }));
  const shown = 'reasons' in answer ? answer.reasons : [];
  expect(shown).toHaveLength(10);
  expect(shown[0]).toBe(String.raw`\u{1b}[31mred\u{202e}`);
  expect(shown[1]).toHaveLength(300);
});

test('whatever comes, nothing is thrown, and nothing but a true is a yes', () => {
  assert(
    property(anything(), (value) => {
      const allow = readPolicyAnswer(Buffer.from(JSON.stringify({ result: value }) ?? '')).kind === 'allowed';
      const isYes =
        value === true ||
        (typeof value === 'object' && value !== null && Reflect.get(value, 'allow') === true);
      expect(allow && !isYes).toBe(false);
    }),
  );
  assert(
    property(uint8Array(), (bytes) => {
      expect(readPolicyAnswer(bytes).kind).not.toBe('allowed');
    }),
  );
});
