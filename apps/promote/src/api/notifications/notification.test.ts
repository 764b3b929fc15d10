import * as fc from 'fast-check';
import { Fault } from '@gantry/oci';
import { checkInput } from '../http/check-input.ts';
import { Notification, readEvents } from './notification.ts';

const read = (body: unknown) => readEvents(checkInput(Notification, body, 'body'));
const event = (also: object = {}) => ({
  id: '1',
  timestamp: '2026-11-21T09:00:00Z',
  action: 'push',
  target: {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest: `sha256:${'a'.repeat(64)}`,
    repository: 'candidate/app',
    url: 'https://registry.example.org/v2/candidate/app/manifests/sha256:aaa',
    tag: '1.0',
  },
  request: { id: 'x', addr: '192.0.2.1:1', host: 'registry.example.org:443', method: 'PUT' },
  actor: {},
  source: { addr: 'registry:5000' },
  ...also,
});
/** Anything else is a defect. */
function isReadOrRefused(body: unknown): boolean {
  try {
    return read(body).every(({ action, repository, hosts }) =>
      [action, repository, ...hosts].every((text) => typeof text === 'string'),
    );
  } catch (error) {
    return error instanceof Fault && error.code === 'REQUEST_INVALID';
  }
}
const cloudEvent = (data: unknown) => ({
  specversion: '1.0',
  id: '1',
  source: '/registry',
  type: 'org.example.push',
  time: '2026-11-21T09:00:00Z',
  data,
});
/** A push of a tag, at some time. */
const at = (tag: string, timestamp?: string) => event({ timestamp, target: { repository: 'a', tag } });
const tags = (...events: object[]) => read({ events }).map(({ tag }) => tag);
const EXPECTED = {
  action: 'push',
  repository: 'candidate/app',
  tag: '1.0',
  digest: `sha256:${'a'.repeat(64)}`,
  hosts: ['registry.example.org', 'registry.example.org:443'],
  atMs: Date.parse('2026-11-21T09:00:00Z'),
};

describe('the events of a notification', () => {
  test.each([
    ['an envelope', { events: [event()] }],
    ['a CloudEvent of an envelope', cloudEvent({ events: [event()] })],
    ['a CloudEvent of one event', cloudEvent(event())],
  ])('are read from %s', (_what, body) => {
    expect(read(body)).toEqual([EXPECTED]);
  });

  test('are read from a CloudEvent that says just what counts', () => {
    const data = { repository: 'candidate/app', tag: '1.0', action: 'delete' };
    expect(read(cloudEvent(data))).toEqual([{ ...data, hosts: [] }]);
  });

  test('come in the order in which they happened, else as they stand', () => {
    expect(tags(at('b', '2026-11-21T09:00:00.002Z'), at('a', '2026-11-21T09:00:00.001Z'))).toEqual([
      'a',
      'b',
    ]);
    expect(tags(at('b'), at('a', 'never'), at('c'))).toEqual(['b', 'a', 'c']);
  });

  test('have no tag when they are of a blob, a digest, or say null', () => {
    for (const tag of [undefined, null, '']) {
      const [read1] = read({ events: [event({ target: { repository: 'a', tag } })] });
      expect(read1).not.toHaveProperty('tag');
    }
  });

  test('need not say where they happened', () => {
    expect(
      read({ events: [{ action: 'push', target: { repository: 'a', url: null }, request: null }] }),
    ).toEqual([{ action: 'push', repository: 'a', hosts: [] }]);
    expect(
      read({ events: [event({ request: { host: '[::1' }, target: { repository: 'a', url: 'x' } })] })[0]
        ?.hosts,
    ).toEqual([]);
  });

  test.each([
    [{}, 'it holds neither events'],
    [[], 'expected object'],
    [{ events: {} }, 'events is not right: expected array'],
    [{ events: [event(), 'push'] }, 'events[1] is not right: expected object'],
    [{ events: [event(), event({ action: 7 })] }, 'events[1].action is not right: expected string'],
    [{ events: [event({ action: undefined })] }, 'events[0].action is missing'],
    [{ events: [event({ target: undefined })] }, 'events[0].target is missing'],
    [{ events: [event({ target: { tag: '1' } })] }, 'events[0].target.repository is missing'],
    [{ events: [event({ target: { repository: 'a', tag: ['1'] } })] }, 'events[0].target.tag'],
    [{ events: [event({ request: 'host' })] }, 'events[0].request'],
    [{ events: Array.from({ length: 10_001 }, () => event()) }, 'events'],
    [{ ...cloudEvent(event()), specversion: '2.0' }, 'specversion'],
    [{ ...cloudEvent(event()), id: undefined }, 'id is missing'],
    [cloudEvent(undefined), 'data is missing'],
    [cloudEvent('push'), 'data is not right: expected object'],
    [cloudEvent({ repository: 'a', tag: '1' }), 'data.action is missing'],
    [cloudEvent({ action: 'push', tag: '1' }), 'data.repository is missing'],
    [cloudEvent({ events: [event({ action: 1 })] }), 'data.events[0].action'],
  ])('are refused by the name of what is wrong: %.60j', (body, named) => {
    expect(() => read(body)).toThrow(
      expect.objectContaining({ code: 'REQUEST_INVALID', message: expect.stringContaining(named) }),
    );
  });

  test('of whatever body are read, or it is refused', () => {
    const odd = fc.oneof(fc.jsonValue(), fc.constantFrom('push', 'delete', '1.0', '__proto__'));
    const near = fc.dictionary(
      fc.constantFrom(
        'action',
        'target',
        'request',
        'timestamp',
        'repository',
        'tag',
        'host',
        'url',
        'events',
      ),
      fc.oneof(odd, fc.dictionary(fc.constantFrom('repository', 'tag', 'url', 'host', '__proto__'), odd)),
    );
    const body = fc.oneof(
      fc.jsonValue(),
      fc.record({ events: fc.array(near) }),
      near.map(cloudEvent),
      fc.array(near).map((events) => cloudEvent({ events })),
    );
    fc.assert(
      fc.property(body, (value) => {
        expect(isReadOrRefused(value)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});
