/** The code of a failed system call, for instance `ENOENT`. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** For a promise's `catch`: undefined instead of the one error that is expected, all others go on. */
export function unless(expected: string): (error: unknown) => undefined {
  return (error) => {
    if (errorCode(error) === expected) return undefined;
    throw error;
  };
}
