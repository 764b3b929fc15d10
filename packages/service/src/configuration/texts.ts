import { z } from 'zod';
import { isScope, SCOPE_EXPECTED } from '../auth/scopes.ts';
import { isListenAddress, LISTEN_EXPECTED, parseListenAddress } from './listen-address.ts';
import { DURATION, DURATION_EXPECTED, MAX_TIMER_MS, parseDuration } from './duration.ts';

// Every message follows the value it speaks of: `sources[0].every: "soon" is not a duration: …`.

/** Text for which `problem` finds nothing wrong. */
export const checked = (problem: (text: string) => string | undefined) =>
  z.string().superRefine((value, context) => {
    const message = problem(value);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  });

/** Text that says something. */
export const text = (maxLength: number) =>
  z
    .string()
    .min(1, { error: 'is empty' })
    .max(maxLength, { error: `is longer than ${maxLength} characters` });

/** A secret that stands in the configuration itself. */
export const SecretText = text(64 * 1024);

export const FilePath = text(4096)
  .refine((path) => !path.includes('\0'), { error: 'holds a NUL, which no path does' })
  .describe(
    'A path; a relative one counts from the folder of the file, or from the working folder without one',
  );

/** A duration; milliseconds, once it is read. */
export const Duration = z
  .string()
  .regex(DURATION, { error: DURATION_EXPECTED })
  .transform(parseDuration)
  .describe('A duration: 500ms, 10s, 5m, 1h30m, 7d');

/** A duration that a timer waits for. */
export const Interval = Duration.refine((ms) => ms > 0, {
  error: 'is no time at all: write 1s or more',
}).refine((ms) => ms <= MAX_TIMER_MS, { error: 'is too long: 24d at the most' });

/** What the name of a source, a channel or a token looks like. */
export const NAME = /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,127}$/;
/** For messages: follows what is none. */
export const NAME_EXPECTED =
  'is not a name: letters, digits, ".", "_" and "-", the first a letter or digit, 128 at the most';

export const Name = z.string().regex(NAME, { error: NAME_EXPECTED });

/** The name of a group of people, as a directory or an issuer has it. */
// oxlint-disable-next-line no-control-regex -- they are what it refuses
export const GROUP = /^[^\x00-\x1f\x7f]{1,256}$/;
/** For messages: follows what is none. */
export const GROUP_EXPECTED = 'is not the name of a group: 1 to 256 characters, no control characters';

export const Group = z.string().regex(GROUP, { error: GROUP_EXPECTED });

export const ScopeText = z
  .string()
  .refine(isScope, { error: SCOPE_EXPECTED })
  .describe('read, sync, report:<source>, promote:<channel>, approve:<channel> or admin');

/** Where a server listens. */
export const Listen = z
  .string()
  .refine(isListenAddress, { error: LISTEN_EXPECTED, abort: true })
  .transform(parseListenAddress)
  .describe('HOST:PORT, an IPv6 host in brackets');
