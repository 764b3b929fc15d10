import { Fault, quote } from '@gantry/oci';
import { isCallerName } from '../caller-name.ts';

/** `$2y$`, as Apache's htpasswd writes it with `-B`, and what other programs call the same (crypt(5)). */
const BCRYPT = /^\$2[aby]\$(\d{2})\$[./A-Za-z0-9]{53}$/;
/** Each step doubles the time; that of 14 is above a second. */
const MAX_COST = 14;

/**
 * The users of an htpasswd file and the bcrypt hashes of their passwords. Other hashes are refused: they are guessed quickly
 * by who gets the file.
 * @param where the file, for messages
 * @throws Fault CONFIGURATION_INVALID, naming the line
 */
export function parseHtpasswd(text: string, where: string): ReadonlyMap<string, string> {
  const users = new Map<string, string>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const refuse = (why: string) =>
      new Fault('CONFIGURATION_INVALID', `${where}, line ${index + 1}: ${why}`, { file: where });
    const colon = line.indexOf(':');
    const [user, hash] = [line.slice(0, Math.max(colon, 0)), line.slice(colon + 1).trim()];
    if (!isCallerName(user)) throw refuse('is not USER:HASH');
    const cost = BCRYPT.exec(hash)?.[1];
    if (cost === undefined)
      throw refuse(`the hash of ${quote(user)} is none of bcrypt: write it with htpasswd -B`);
    if (Number(cost) > MAX_COST) throw refuse(`the hash of ${quote(user)} costs more than ${MAX_COST}`);
    if (users.has(user)) throw refuse(`${quote(user)} stands there twice`);
    users.set(user, hash);
  }
  return users;
}
