/** What the administrator's own token is called. */
export const ADMIN_NAME = 'admin';
/** Who commands with `--local` work as: whoever may read the configuration's stores. */
export const LOCAL_NAME = 'local';

/** Why no other caller can have that name, following it; undefined: any may. One name is one caller, in the audit log too. */
export function ownNameProblem(name: string): string | undefined {
  if (name === ADMIN_NAME) return "is what the administrator's own token is called: choose another";
  if (name === LOCAL_NAME) return 'is what commands with --local are called: choose another';
  return undefined;
}
