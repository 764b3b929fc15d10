import { authenticateByDirectory } from './ldap.ts';
import type { DirectoryUser } from './ldap/directory.ts';

const SCOPES = { release: ['promote:stable', 'read'], staff: ['read'] } as const;
const header = (user: string) => `Basic ${Buffer.from(`${user}:password`).toString('base64')}`;
const authenticatorOf = (found: DirectoryUser) => authenticateByDirectory(async () => found, SCOPES);

test('groups are told in their order, and each scope once', async () => {
  const found = { name: 'alice', groups: ['staff', 'release', 'constructor', '__proto__'] };
  expect(await authenticatorOf(found).identify(header('alice'))).toEqual({
    name: 'ldap:alice',
    scopes: ['promote:stable', 'read'],
    groups: ['__proto__', 'constructor', 'release', 'staff'],
  });
});

test.each(['', 'a b', 'a\nb', 'x'.repeat(257)])('whom the directory calls %j is nobody', async (name) => {
  expect(await authenticatorOf({ name, groups: ['staff'] }).identify(header('alice'))).toBeUndefined();
});

test('who guesses does not take the directory from all others', async () => {
  const answers: ((user: undefined) => void)[] = [];
  const authenticator = authenticateByDirectory(
    () => new Promise<undefined>((resolve) => answers.push(resolve)),
    SCOPES,
  );
  const guesses = Array.from({ length: 32 }, (_, at) => authenticator.identify(header(`user${at}`)));
  await expect(authenticator.identify(header('one-more'))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  for (const answer of answers) answer(undefined);
  expect(await Promise.all(guesses)).toEqual(guesses.map(() => undefined));
  const next = authenticator.identify(header('one-more'));
  answers.at(-1)?.(undefined);
  expect(await next).toBeUndefined();
});
