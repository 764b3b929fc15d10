import { labelWords, oneLine } from './label-words.ts';

const wordsOf = (labels: Readonly<Record<string, string>>, further: readonly string[] = []) =>
  labelWords(new Map(Object.entries(labels)), further);

test('title and description are those of the image specification before all others', () => {
  const labels = {
    name: 'ubi9/httpd',
    summary: 'Short',
    description: 'Plain',
    'io.k8s.description': 'For Kubernetes',
    'io.k8s.display-name': 'Apache httpd 2.4',
    'org.opencontainers.image.description': 'By the specification',
  };
  expect(wordsOf(labels)).toEqual({
    title: 'Apache httpd 2.4',
    description: 'By the specification',
    more: 'For Kubernetes Plain Short',
  });
});

test('other labels count only when they are usual or named', () => {
  const labels = { 'org.example.team': 'Storage', 'vcs-ref': 'abcdef', 'io.openshift.tags': 'web, http' };
  expect(wordsOf(labels).more).toBe('web, http');
  expect(wordsOf(labels, ['org.example.team']).more).toBe('web, http Storage');
});

test('an empty description is none', () => {
  expect(wordsOf({ 'org.opencontainers.image.description': ' ', summary: 'Short' }).description).toBe(
    'Short',
  );
});

test('what a terminal would obey, or would break a line, is left out', () => {
  expect(oneLine('a\u001b[31mred\r\nb\u202Ec\u0000d')).toBe('a [31mred b c d');
  expect(oneLine('x'.repeat(400))).toBe(`${'x'.repeat(300)}…`);
});

test('of all that is said no more than some hundred characters are kept', () => {
  const { more } = wordsOf({ vendor: 'v'.repeat(500), maintainer: 'm'.repeat(500), a: 'a'.repeat(9999) }, [
    'a',
  ]);
  expect(more.length).toBeLessThanOrEqual(1000);
});
