import type { KnownSource } from '../known-source.ts';
import type { RegistryEvent } from './notification.ts';
import { takeEvents } from './take-events.ts';

const source = (name: string, host: string, prefix: string): KnownSource => ({
  name,
  host,
  repositories: [`${prefix}**`],
  takes: (repository) => repository.startsWith(prefix),
});
const SOURCES = [
  source('one', 'one.example.org', 'candidate/'),
  source('two', 'two.example.org:5000', 'candidate/'),
  source('other', 'one.example.org', 'other/'),
];
const event = (also: Partial<RegistryEvent> = {}): RegistryEvent => ({
  action: 'push',
  repository: 'candidate/app',
  tag: '1',
  hosts: [],
  ...also,
});
const take = (...events: Partial<RegistryEvent>[]) => takeEvents(events.map(event), SOURCES);
const at = (name: string, tag = '1', sourceRepository = 'candidate/app') => ({
  source: name,
  sourceRepository,
  tag,
});

test('an event is for the source whose registry it happened at', () => {
  expect(take({ hosts: ['two.example.org:5000'] }).pushed).toEqual([at('two')]);
  expect(take({ hosts: ['two.example.org'] }).pushed).toEqual([at('one'), at('two')]); // another port
});

test('an event that happened nowhere known is for all that take the repository', () => {
  expect(take({ hosts: ['cluster.internal'] })).toEqual({
    accepted: 1,
    ignored: 0,
    pushed: [at('one'), at('two')],
    deleted: [],
  });
});

test('the same event, however often, is one tag; of a push and a delete the last counts', () => {
  const hosts = ['one.example.org'];
  const twice = take({ hosts }, { hosts }, { hosts, tag: '2' }, { hosts, action: 'delete', tag: '2' });
  expect(twice).toEqual({
    accepted: 4,
    ignored: 0,
    pushed: [at('one')],
    deleted: [at('one', '2')],
  });
  expect(take({ hosts, action: 'delete' }, { hosts })).toMatchObject({ pushed: [at('one')], deleted: [] });
});

test.each<[string, Partial<RegistryEvent>]>([
  ['a pull', { action: 'pull' }],
  ['a mount', { action: 'mount' }],
  ['an action that is none', { action: '__proto__' }],
  ['a repository that no source takes', { repository: 'private/app' }],
  ['a repository that is no name', { repository: 'candidate/../app' }],
  ['a tag that is none', { tag: '../x' }],
])('%s is counted and ignored', (_what, ignored) => {
  expect(take(ignored)).toEqual({ accepted: 0, ignored: 1, pushed: [], deleted: [] });
});

test('a push without a tag, as of a blob or by digest, is ignored', () => {
  const { tag: _, ...untagged } = event();
  expect(takeEvents([untagged], SOURCES)).toMatchObject({ accepted: 0, ignored: 1 });
});
