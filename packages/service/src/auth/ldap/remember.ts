import { createHmac, randomBytes } from 'node:crypto';

/** How long an answer is taken for true, so that not each request of a user asks the directory. */
const REMEMBERED_MS = 30_000;
const REMEMBERED_MAX = 1000;

/**
 * Remembers for 30 s what was found, and never that nothing was. Who asks for the same at the same time waits for one answer.
 * What was asked for is kept only as a hash under a key of this process.
 * @param now milliseconds
 */
export function remember<T>(
  find: (user: string, password: string) => Promise<T | undefined>,
  now: () => number = () => performance.now(),
): typeof find {
  const secret = randomBytes(32);
  const keyOf = (user: string, password: string) =>
    createHmac('sha256', secret)
      .update(JSON.stringify([user, password]))
      .digest('base64');
  const found = new Map<string, { readonly value: T; readonly untilMs: number }>();
  const asked = new Map<string, Promise<T | undefined>>();

  const ask = async (key: string, user: string, password: string) => {
    const value = await find(user, password).finally(() => asked.delete(key));
    if (value === undefined) return undefined;
    const [oldest] = found.keys();
    if (oldest !== undefined && found.size >= REMEMBERED_MAX) found.delete(oldest);
    found.set(key, { value, untilMs: now() + REMEMBERED_MS });
    return value;
  };

  return async (user, password) => {
    const key = keyOf(user, password);
    const known = found.get(key);
    if (known !== undefined && known.untilMs > now()) return known.value;
    found.delete(key);
    const asking = asked.get(key) ?? ask(key, user, password);
    asked.set(key, asking);
    return asking;
  };
}
