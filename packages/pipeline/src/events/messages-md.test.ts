import { readFileSync } from 'node:fs';
import { CloudEvent } from '@gantry/messages';
import { FAULTS, problemType } from '@gantry/oci';
import { EVENT_SOURCE } from './cloud-event.ts';
import { EVENT_DATA, type EventType } from './event-data.ts';

const text = readFileSync(new URL('../../../../docs/messages.md', import.meta.url), 'utf8');
const TYPES = Object.keys(EVENT_DATA);
const examples = [...text.matchAll(/^```json\n(.*?)^```$/gms)]
  .map(([, json = '']) => CloudEvent.strict().parse(JSON.parse(json)))
  .filter(({ type }) => !type.startsWith('command.'));

/** What an id is made of, by the noun of the type. */
const IDS: Readonly<Record<string, RegExp>> = {
  candidate: /^candidate\/[0-9a-f]{64}\/synced\/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
  promotion:
    /^promotion\/[0-9a-f-]{36}\/(?:accepted|waiting\/\d+|publishing|refused|done|partial|failed|cancelled)$/,
  publication: /^publication\/main\/\d+\/done$/,
  mirror: /^mirror\/main\/[a-z0-9-]+\/\d+\/(?:confirmed|late)$/,
  gc: /^task\/[0-9a-f-]{36}\/done$/,
  sync: /^task\/[0-9a-f-]{36}\/(?:done|failed)$/,
};

describe('docs/messages.md', () => {
  test('has each event in its table once, and no other', () => {
    const [, section = ''] = text.split('\n## Events\n');
    const listed = [...section.matchAll(/^\| `([a-z]+\.[a-z]+)` \|/gm)].map(([, type]) => type);
    expect(listed).toEqual(TYPES);
  });

  test('shows an event of each shape', () => {
    const shown = examples.map(({ type }) => EVENT_DATA[type as EventType]);
    expect(new Set(shown)).toEqual(new Set(Object.values(EVENT_DATA)));
  });

  test.each(examples.map((example) => [example.type, example] as const))(
    'shows %s as it is sent, to the last member',
    (type, example) => {
      const shape = EVENT_DATA[type as EventType];
      expect(shape.parse(example.data)).toEqual(example.data);
      expect(Object.keys(example)).toEqual([
        'specversion',
        'id',
        'source',
        'type',
        'time',
        'subject',
        'datacontenttype',
        'data',
      ]);
      expect([example.source, example.datacontenttype]).toEqual([EVENT_SOURCE, 'application/json']);
      expect(example.id).toMatch(IDS[type.split('.', 1)[0] ?? ''] ?? /^$/);
    },
  );

  test('shows problems as the table of faults has them', () => {
    const known = Object.fromEntries(
      Object.entries(FAULTS).map(([code, { title, status }]) => [
        problemType(code as keyof typeof FAULTS),
        { title, status },
      ]),
    );
    const problems = [
      ...JSON.stringify(examples).matchAll(/"type":"(urn:[^"]+)","title":"([^"]+)","status":(\d+)/g),
    ];
    expect(problems.length).toBeGreaterThan(1);
    for (const [, type = '', title, status] of problems)
      expect(known[type]).toEqual({ title, status: Number(status) });
  });
});
