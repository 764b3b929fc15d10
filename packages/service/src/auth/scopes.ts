/**
 * What a token allows: `read`, `sync`, `report:<source>`, `promote:<channel>`, `approve:<channel>`; `admin` implies all.
 */
export type Scope = 'read' | 'sync' | 'admin' | `${'report' | 'promote' | 'approve'}:${string}`;

const SCOPED = /^(report|promote|approve):([a-zA-Z0-9][a-zA-Z0-9._-]*)$/;

/** What a scope looks like. */
export const SCOPE = /^(?:read|sync|admin|(?:report|promote|approve):[a-zA-Z0-9][a-zA-Z0-9._-]*)$/;

/** What a scope must look like, for messages: follows the value that is none. */
export const SCOPE_EXPECTED =
  'is not a scope: there are read, sync, report:<source>, promote:<channel>, approve:<channel> and admin';

/** Whether `text` is a scope by its form; the channel or source that it names may not exist. */
export function isScope(text: string): text is Scope {
  return SCOPE.test(text);
}

/** What a scope is bound to: a source, a channel, or nothing. */
export function scopeTarget(scope: Scope): { kind: 'source' | 'channel'; name: string } | undefined {
  const [, verb, name = ''] = SCOPED.exec(scope) ?? [];
  if (verb === undefined) return undefined;
  return { kind: verb === 'report' ? 'source' : 'channel', name };
}
