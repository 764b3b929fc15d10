/** What labels and annotations say of an image. */
export interface LabelWords {
  readonly title: string;
  readonly description: string;
  readonly more: string;
}

// Keys in the order in which they are believed: those of the image specification ("Pre-Defined Annotation Keys"), of
// Kubernetes and OpenShift, of label-schema.org, and the plain ones of container guidelines.
const TITLES = ['org.opencontainers.image.title', 'io.k8s.display-name', 'org.label-schema.name', 'name'];
const DESCRIPTIONS = [
  'org.opencontainers.image.description',
  'io.k8s.description',
  'org.label-schema.description',
  'description',
  'summary',
];
const MORE = [
  'org.opencontainers.image.vendor',
  'org.opencontainers.image.authors',
  'org.label-schema.vendor',
  'vendor',
  'maintainer',
  'com.redhat.component',
  'io.openshift.tags',
  'io.artifacthub.package.keywords',
];

/** Labels say what they like: of each value and in all no more than this is kept, in characters. */
const MAX_VALUE = 300;
const MAX_MORE = 1000;

/** @param further keys whose text is found, too */
export function labelWords(labels: ReadonlyMap<string, string>, further: readonly string[]): LabelWords {
  const first = (keys: readonly string[]) =>
    keys.map((key) => oneLine(labels.get(key) ?? '')).find((value) => value !== '') ?? '';
  const more = [...MORE, ...DESCRIPTIONS, ...further].map((key) => oneLine(labels.get(key) ?? ''));
  const description = first(DESCRIPTIONS);
  return {
    title: first(TITLES),
    description,
    more: [...new Set(more)]
      .filter((value) => value !== '' && value !== description)
      .join(' ')
      .slice(0, MAX_MORE),
  };
}

/** Text that a terminal may show as it is: without control characters, on one line. */
export function oneLine(text: string): string {
  const line = text
    .slice(0, 4 * MAX_VALUE)
    .replaceAll(/[\p{C}\s]+/gu, ' ')
    .trim();
  return line.length <= MAX_VALUE ? line : `${line.slice(0, MAX_VALUE)}…`;
}
