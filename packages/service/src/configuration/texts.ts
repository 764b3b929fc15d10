import { z } from 'zod';

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
